package http

import (
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
)

// A scope is what the templates and the body of a read see beside the page.
type scope struct {
	cursor   string // empty: everything is asked for
	from, to string // of the window; empty: open
	windowed bool   // from or to was used
	token    any    // the cursor of the page as the answer before held it, for a body
}

// Sides of a window and cursors that are open, where a request needs a value.
const (
	earliest = "1970-01-01T00:00:00Z"
	latest   = "9999-12-31T23:59:59Z"
)

// newScope gives the window its sides.
func (s *source) newScope(cursor string) *scope {
	sc := &scope{cursor: cursor}
	if s.env.Window != nil {
		sc.from, sc.to = s.env.Window()
	}
	return sc
}

// covers is the interval that a read asked for.
func (sc *scope) covers() connector.Interval {
	if !sc.windowed {
		return connector.Interval{}
	}
	return connector.Interval{From: sc.from, To: sc.to}
}

// value is that of a name in a template. absent: there is none, and where one
// must stand it is this.
func (s *source) value(sc *scope, page, name string) (text string, absent bool, err error) {
	or := func(text, open string) (string, bool, error) {
		if text == "" {
			return open, true, nil
		}
		return text, false, nil
	}
	switch name {
	case "page":
		return page, page == "", nil
	case "cursor":
		switch {
		case s.config.Incremental != nil:
			return or(sc.cursor, earliest)
		case s.config.Pagination.Kind == "cursor":
			return page, page == "", nil
		}
		return "", true, nil
	case "today":
		return s.env.Today(), false, nil
	case "now":
		return s.env.At().UTC().Format(time.RFC3339), false, nil
	case "from", "to":
		if s.env.Window == nil {
			return "", false, fmt.Errorf("{%s} has no value: there is no window block", name)
		}
		sc.windowed = true
		if name == "from" {
			return or(sc.from, earliest)
		}
		return or(sc.to, latest)
	}
	return "", false, fmt.Errorf("there is no value for {%s}", name)
}

// fill fills in a template. absent tells that it is only a name, and that
// there is no value of it.
func (s *source) fill(t connector.Template, sc *scope, page string, escape func(string) string) (text string, absent bool, err error) {
	var problem error
	text, err = t.Fill(func(name string) (any, bool) {
		v, none, err := s.value(sc, page, name)
		if err != nil {
			problem = err
		}
		absent = none && t.Source() == "{"+name+"}"
		return escape(v), err == nil
	})
	return text, absent, errors.Join(problem, err)
}

func asIs(s string) string { return s }

// pathEscape escapes a value for a part of a path.
func pathEscape(s string) string { return url.PathEscape(s) }

// jsonEscape escapes a value for a place within a JSON text.
func jsonEscape(s string) string {
	quoted := record.AppendString(nil, s)
	return string(quoted[1 : len(quoted)-1])
}

// request makes the request for a page. at is where the paging stands: a
// number or a cursor as text, empty before the first cursor.
func (s *source) request(ctx context.Context, sc *scope, at string) (*httpclient.Request, error) {
	path, _, err := s.fill(s.config.Path, sc, at, pathEscape)
	if err != nil {
		return nil, &connector.FieldError{Field: "path", Problem: err.Error()}
	}
	r := &httpclient.Request{Method: s.config.Method, Path: path, Query: url.Values{}, Repeat: httpclient.Always}
	for name, t := range s.config.Query {
		if t == nil {
			continue
		}
		text, absent, err := s.fill(t, sc, at, asIs)
		if err != nil {
			return nil, &connector.FieldError{Field: "query", Problem: err.Error()}
		}
		if !absent {
			r.Query.Set(name, text)
		}
	}
	s.ownValues(r.Query, sc, at)
	if err := s.headers(r, sc, at); err != nil {
		return nil, err
	}
	if err := s.body(ctx, r, sc, at); err != nil {
		return nil, err
	}
	r.Title = s.title(r)
	return r, nil
}

// ownValues are those that pagination and incremental add.
func (s *source) ownValues(q url.Values, sc *scope, at string) {
	p := s.config.Pagination
	if p.Param != "" && at != "" {
		q.Set(p.Param, at)
	}
	if p.SizeParam != "" {
		q.Set(p.SizeParam, strconv.Itoa(p.Size))
	}
	if inc := s.config.Incremental; inc != nil && inc.Param != "" && sc.cursor != "" {
		q.Set(inc.Param, sc.cursor)
	}
}

func (s *source) headers(r *httpclient.Request, sc *scope, at string) error {
	if len(s.config.Headers) == 0 {
		return nil
	}
	r.Header = nethttp.Header{}
	for name, t := range s.config.Headers {
		if t == nil {
			continue
		}
		text, absent, err := s.fill(t, sc, at, asIs)
		if err != nil {
			return &connector.FieldError{Field: "headers", Problem: err.Error()}
		}
		if !absent {
			r.Header.Set(name, text)
		}
	}
	r.ContentType = r.Header.Get("Content-Type")
	return nil
}

// body fills in a text, or sends what the program gives as JSON.
func (s *source) body(ctx context.Context, r *httpclient.Request, sc *scope, at string) error {
	if s.config.Body == nil {
		return nil
	}
	if t, ok := s.config.Body.(connector.Template); ok {
		escape := jsonEscape
		switch media := r.ContentType; {
		case strings.Contains(media, "x-www-form-urlencoded"):
			escape = url.QueryEscape
		case media != "" && !strings.Contains(media, "json"):
			escape = asIs
		}
		text, _, err := s.fill(t, sc, at, escape)
		if err != nil {
			return &connector.FieldError{Field: "body", Problem: err.Error()}
		}
		r.Body = []byte(text)
		return nil
	}
	input, err := s.bodyInput(sc, at)
	if err != nil {
		return err
	}
	outputs, err := s.config.Body.Run(ctx, input)
	if err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if len(outputs) != 1 {
		return fmt.Errorf("body: the program gives %d values, not one", len(outputs))
	}
	if text, ok := outputs[0].(string); ok {
		r.Body = []byte(text)
		return nil
	}
	r.Body, err = record.Append(nil, outputs[0])
	return err
}

// bodyInput is what a program for the body sees: numbers as numbers, and null
// for what has no value.
func (s *source) bodyInput(sc *scope, at string) (map[string]any, error) {
	input := map[string]any{"size": nil}
	if s.config.Pagination.Size > 0 {
		input["size"] = s.config.Pagination.Size
	}
	for _, name := range []string{"page", "cursor", "from", "to", "today", "now"} {
		if (name == "from" || name == "to") && s.env.Window == nil {
			input[name] = nil
			continue
		}
		text, absent, err := s.value(sc, at, name)
		if err != nil {
			return nil, err
		}
		if input[name] = any(text); absent {
			input[name] = nil
		}
	}
	switch s.config.Pagination.Kind {
	case "cursor":
		if at != "" {
			input["page"] = sc.token
		}
		if s.config.Incremental == nil {
			input["cursor"] = input["page"]
		}
	case "page", "offset":
		n, err := strconv.Atoi(at)
		if err != nil {
			return nil, fmt.Errorf("body: the page %q is no number", at)
		}
		input["page"] = n
	}
	return input, nil
}

// title is what messages show of a request: values that the project gives may
// be secret, those of the paging are not.
func (s *source) title(r *httpclient.Request) string {
	p := s.config.Pagination
	var parts []string
	for name := range r.Query {
		value := "…"
		if name == p.SizeParam || name == p.Param && p.Kind != "cursor" {
			value = r.Query.Get(name)
		}
		parts = append(parts, name+"="+value)
	}
	slices.Sort(parts)
	path, _, _ := strings.Cut(r.Path, "?")
	text := s.client.Base()
	if path != "" {
		text += "/" + strings.TrimPrefix(path, "/")
	}
	if len(parts) > 0 {
		text += "?" + strings.Join(parts, "&")
	}
	return text
}

// follow makes the request for a URL that the system gave: it holds all that
// the first request asked for.
func (s *source) follow(ctx context.Context, sc *scope, next *url.URL) (*httpclient.Request, error) {
	r, err := s.request(ctx, sc, "")
	if err != nil {
		return nil, err
	}
	r.Path, r.Query = next.String(), nil
	var parts []string
	for name, values := range next.Query() {
		value := "…"
		if _, err := strconv.Atoi(values[0]); err == nil {
			value = values[0]
		}
		parts = append(parts, name+"="+value)
	}
	slices.Sort(parts)
	r.Title = next.Scheme + "://" + next.Host + next.Path
	if len(parts) > 0 {
		r.Title += "?" + strings.Join(parts, "&")
	}
	return r, nil
}
