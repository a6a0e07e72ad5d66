package http

import (
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
)

// A request is one of the sink's, with its defaults.
type request struct {
	block, method  string
	path           connector.Template
	query, headers map[string]connector.Template
	body           connector.Program
	plain          string // what is sent without a body argument: record, changed, nothing
}

func (c *Call) request(block string) *request {
	r := &request{block: block, method: c.Method, path: c.Path, query: c.Query, headers: c.Headers, body: c.Body}
	method := map[string]string{"create": nethttp.MethodPost, "update": nethttp.MethodPatch, "delete": nethttp.MethodDelete}[block]
	if r.method == "" {
		r.method = method
	}
	r.plain = map[string]string{"create": "record", "update": "changed"}[block]
	return r
}

func (f *Find) request() *request {
	r := &request{block: "find", method: f.Method, path: f.Path, query: f.Query, headers: f.Headers, body: f.Body}
	if r.method == "" {
		r.method = nethttp.MethodGet
		if f.Body != nil {
			r.method = nethttp.MethodPost
		}
	}
	return r
}

// names fails at a name in a template that known does not know.
func (r *request) names(known func(name string) bool) error {
	templates := []connector.Template{r.path}
	for _, m := range []map[string]connector.Template{r.query, r.headers} {
		for _, t := range m {
			templates = append(templates, t)
		}
	}
	if t, ok := r.body.(connector.Template); ok {
		templates = append(templates, t)
	}
	for _, t := range templates {
		if t == nil {
			continue
		}
		if _, err := t.Fill(func(name string) (any, bool) { return "", known(name) }); err != nil {
			return err
		}
	}
	return nil
}

// errEmpty says that a value which a path needs is null or empty.
var errEmpty = errors.New("has no value")

// A filled holds what a request is made of.
type filled struct {
	s *sink
	c *record.Change
	// gaps are the names without a value that were filled in.
	gaps []string
}

// value is that of a name in a template; nil: null.
func (f *filled) value(name string) (any, bool) {
	switch name {
	case "key":
		return f.c.Key.String(), true
	case "op":
		return f.c.Op.String(), true
	case "id":
		return decodeMember(f.s.answerOf(f.c), "id"), true
	case "today":
		return f.s.env.Today(), true
	case "now":
		return f.s.env.At().UTC().Format(time.RFC3339), true
	}
	path, ok := strings.CutPrefix(name, "record.")
	if !ok {
		return nil, false
	}
	body := f.s.sent(f.body())
	for _, step := range strings.Split(path, ".") {
		body = record.Member(body, step)
	}
	return decode(body), true
}

// body is the record that a change is about.
func (f *filled) body() []byte {
	if f.c.After != nil {
		return f.c.After
	}
	return f.c.Before
}

// fill fills in a template whose values are escaped.
func (f *filled) fill(t connector.Template, escape func(string) string) (string, error) {
	return t.Fill(func(name string) (any, bool) {
		v, ok := f.value(name)
		if !ok {
			return nil, false
		}
		text, plain := plainText(v)
		if !plain {
			return v, true // Fill says that it has no text
		}
		if text == "" {
			f.gaps = append(f.gaps, name)
		}
		return escape(text), true
	})
}

// make makes the request of a change.
func (r *request) make(ctx context.Context, f *filled) (*httpclient.Request, error) {
	out := &httpclient.Request{Method: r.method, Query: url.Values{}, Header: nethttp.Header{}, Expect: httpclient.Anything}
	out.Title = "the request of the block " + r.block
	if r.path != nil {
		path, err := f.fill(r.path, escapePath)
		if err == nil && len(f.gaps) > 0 {
			err = fmt.Errorf("{%s} %w", f.gaps[0], errEmpty)
		}
		if err == nil {
			err = checkPath(path)
		}
		if err != nil {
			return nil, fmt.Errorf("path: %w", err)
		}
		out.Path, out.Title = path, r.place()
	}
	for name, t := range r.query {
		text, err := f.fill(t, asIs)
		if err != nil {
			return nil, fmt.Errorf("query %s: %w", name, err)
		}
		out.Query.Set(name, text)
	}
	for name, t := range r.headers {
		text, err := f.fill(t, oneLine)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", name, err)
		}
		if text != "" {
			out.Header.Set(name, text)
		}
	}
	err := r.send(ctx, f, out)
	return out, err
}

// send fills in the body.
func (r *request) send(ctx context.Context, f *filled, out *httpclient.Request) (err error) {
	out.ContentType = out.Header.Get("Content-Type")
	if t, ok := r.body.(connector.Template); ok {
		if out.ContentType == "" {
			out.ContentType = typeOf(t.Source())
		}
		gaps := len(f.gaps)
		text, err := f.fill(t, escapeFor(out.ContentType))
		f.gaps = f.gaps[:gaps] // a body may say nothing
		if err != nil {
			return fmt.Errorf("body: %w", err)
		}
		out.Body = []byte(text)
		return nil
	}
	input := f.input()
	if r.body == nil {
		if r.plain == "" {
			return nil
		}
		out.Body, err = record.Append(nil, input[r.plain])
		return err
	}
	outputs, err := r.body.Run(ctx, input)
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if len(outputs) != 1 {
		return fmt.Errorf("body: the program gives %d values, not one", len(outputs))
	}
	if text, ok := outputs[0].(string); ok && out.ContentType != "" && !strings.Contains(out.ContentType, "json") {
		out.Body = []byte(text)
		return nil
	}
	if outputs[0] != nil {
		out.Body, err = record.Append(nil, outputs[0])
	}
	return err
}

// input is what a program for a body sees.
func (f *filled) input() map[string]any {
	changed := map[string]any{}
	whole, _ := decode(f.s.sent(f.body())).(map[string]any)
	for name, v := range whole {
		if f.c.Op == record.Create || slices.Contains(f.c.Fields, name) {
			changed[name] = v
		}
	}
	id, _ := f.value("id")
	return map[string]any{"record": orNil(whole), "changed": changed, "before": decode(f.s.sent(f.c.Before)), "key": f.c.Key.String(), "id": id}
}

func orNil(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

// sent leaves the fields out that are not delivered.
func (s *sink) sent(body []byte) []byte {
	if len(s.unsent) == 0 || body == nil {
		return body
	}
	out := []byte{'{'}
	record.Members(body, func(name string, raw []byte) bool {
		if s.unsent[name] {
			return true
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(record.AppendString(out, name), ':'), raw...)
		return true
	})
	return append(out, '}')
}
