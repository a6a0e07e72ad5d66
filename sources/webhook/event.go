package webhook

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/webhook"
)

// maxID bounds the id of a delivery, in bytes.
const maxID = 1024

func malformed(format string, args ...any) error {
	return &refusal{status: http.StatusBadRequest, problem: fmt.Sprintf(format, args...)}
}

// events makes the records of a body: none when its topic is not wanted.
func (r *receiver) events(ctx context.Context, header http.Header, body []byte) ([]connector.Event, error) {
	canonical, err := record.AppendBody(nil, body)
	if err != nil {
		return nil, malformed("the body is no JSON: %v", err)
	}
	input, err := record.Decode(canonical)
	if err != nil {
		return nil, malformed("the body is no JSON: %v", err)
	}
	topic, err := r.topic(ctx, input)
	if err != nil {
		return nil, err
	}
	if !webhook.Wanted(r.config.Topics, topic) {
		return nil, nil
	}
	id, err := r.id(ctx, input)
	if err != nil {
		return nil, err
	}
	e, err := r.event(header, id, topic, canonical)
	if err == nil {
		err = r.keyed(e.Body)
	}
	if err != nil {
		return nil, err
	}
	return []connector.Event{e}, nil
}

// keyed refuses a record without the key of the source: no mirror could hold it,
// and who sent it would take it for delivered.
func (r *receiver) keyed(line []byte) error {
	if len(r.env.Key) == 0 {
		return nil
	}
	scan := record.NewScanner(r.keys, record.Limits{})
	if err := scan.Scan(line); err != nil {
		return malformed("the body is no JSON: %v", err)
	}
	parts := make([]string, len(r.env.Key))
	for i, slot := range r.slots {
		text, ok := record.Text(scan.Slot(slot))
		if !ok {
			return malformed("the delivery has no key: %s is missing, null, a list or an object", r.env.Key[i])
		}
		parts[i] = text
	}
	if _, err := record.MakeKey(parts...); err != nil {
		return malformed("the key of the delivery is none: %v", err)
	}
	return nil
}

// event makes the record of one delivery.
func (r *receiver) event(header http.Header, id, topic string, canonical []byte) (connector.Event, error) {
	at := r.env.Now()
	line := append(make([]byte, 0, len(canonical)+512), `{"id":`...)
	line = append(record.AppendString(line, id), `,"topic":`...)
	if topic == "" {
		line = append(line, "null"...)
	} else {
		line = record.AppendString(line, topic)
	}
	line = append(line, `,"received":`...)
	line = append(record.AppendString(line, at.UTC().Format("2006-01-02T15:04:05.000Z")), `,"headers":`...)
	line = append(appendHeaders(line, header), `,"body":`...)
	line = append(append(line, canonical...), '}')
	if err := record.Valid(line, record.Limits{}); err != nil {
		return connector.Event{}, malformed("the body is too deep or too large for a record")
	}
	return connector.Event{ID: id, At: at, Body: line}, nil
}

// id gives the id of a delivery.
func (r *receiver) id(ctx context.Context, input any) (string, error) {
	if r.config.ID == nil {
		o, _ := input.(map[string]any)
		if o == nil {
			return "", malformed("the body is no JSON object, so it has no id")
		}
		return idText(o["id"])
	}
	out, err := r.config.ID.Run(ctx, input)
	if err != nil || len(out) != 1 {
		return "", malformed("the program that gives the id of a delivery fails on this body, or gives several")
	}
	return idText(out[0])
}

func idText(v any) (string, error) {
	text, err := textOf(v)
	switch {
	case err != nil || text == "":
		return "", malformed("the body has no id: it is missing, empty, or neither a text nor a number")
	case len(text) > maxID:
		return "", malformed("the id is longer than %d bytes", maxID)
	}
	return text, nil
}

// topic gives the topic of a delivery; empty: it has none.
func (r *receiver) topic(ctx context.Context, input any) (string, error) {
	if r.config.Topic == nil {
		return "", nil
	}
	out, err := r.config.Topic.Run(ctx, input)
	if err != nil || len(out) > 1 {
		return "", malformed("the program that gives the topic of a delivery fails on this body, or gives several")
	}
	if len(out) == 0 || out[0] == nil {
		return "", nil
	}
	text, err := textOf(out[0])
	if err != nil {
		return "", malformed("the topic is neither a text nor a number")
	}
	return text, nil
}

// textOf gives a text, or the digits of a number.
func textOf(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case nil, bool, map[string]any, []any:
		return "", malformed("neither a text nor a number")
	}
	b, err := record.Append(nil, v)
	return string(b), err
}

// appendHeaders appends the headers of a delivery, by name. What says who may
// deliver is left out.
func appendHeaders(line []byte, header http.Header) []byte {
	names := make([]string, 0, len(header))
	for name := range header {
		if !telling(name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	line = append(line, '{')
	for i, name := range names {
		if i > 0 {
			line = append(line, ',')
		}
		line = append(record.AppendString(line, strings.ToLower(name)), ':')
		value := strings.Join(header[name], ", ")
		if !utf8.ValidString(value) {
			value = strings.ToValidUTF8(value, "\uFFFD")
		}
		line = record.AppendString(line, value)
	}
	return append(line, '}')
}

// telling tells whether a header is, or may be, a credential or a signature.
func telling(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"auth", "cookie", "signature", "token", "secret", "password", "api-key", "apikey", "credential", "session", "assertion"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return !utf8.ValidString(name)
}
