package webhook

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
)

type sink struct {
	c         Config
	env       connector.Env
	masks     map[string]bool // sensitive fields
	unsent    map[string]bool // fields that are not delivered
	sensitive bool
	posts     map[string]*post // by receiver
}

const masked = "‹sensitive›"

// Traits says that messages are stored with the state.
func (s *sink) Traits() connector.Traits { return static }

// Write makes the messages of changes: one for each receiver that wants the
// topic.
func (s *sink) Write(ctx context.Context, batch []record.Change) ([]connector.Outcome, error) {
	out := make([]connector.Outcome, len(batch))
	for i := range batch {
		if err := ctx.Err(); err != nil {
			return out[:i], err
		}
		messages, err := s.messages(ctx, s.telling(&batch[i]))
		if err != nil && ctx.Err() != nil {
			return out[:i], ctx.Err()
		}
		if err != nil {
			out[i] = connector.Outcome{Status: connector.Refused, Message: err.Error()}
			continue
		}
		out[i].Messages = messages
	}
	return out, nil
}

// A telling is what a message says.
type telling struct {
	op, pipeline, key       string
	record, before, changed []byte // JSON objects; nil: null
}

// telling is what is to be said of a change.
func (s *sink) telling(c *record.Change) telling {
	t := telling{op: connector.OpName(c.Op), pipeline: s.env.Shape.Pipeline, key: c.Key.String(), record: s.sent(c.After, nil), before: s.sent(c.Before, nil)}
	if c.Op == record.Create {
		t.changed = t.record
	} else if c.After != nil {
		t.changed = s.sent(c.After, c.Fields)
	}
	return t
}

// messages are those of the receivers that want the topic.
func (s *sink) messages(ctx context.Context, t telling) ([]connector.Message, error) {
	topic, err := s.topic(t)
	if err != nil {
		return nil, err
	}
	var all []connector.Message
	for i := range s.c.Receivers {
		r := &s.c.Receivers[i]
		if !r.matches(topic) {
			continue
		}
		m := connector.Message{ID: rand.Text(), Receiver: r.Name, Topic: topic}
		if m.Body, err = s.body(ctx, t.input(m, s.env.At())); err != nil || m.Body == nil {
			return nil, err
		}
		if s.sensitive {
			m.Shown = s.shown(ctx, s.hidden(t).input(m, s.env.At()))
		}
		all = append(all, m)
	}
	return all, nil
}

// topic fills in the topic. Values stand in it without what parts segments.
func (s *sink) topic(t telling) (string, error) {
	about := t.record
	if about == nil {
		about = t.before
	}
	text, err := s.c.Topic.Fill(func(name string) (any, bool) {
		switch name {
		case "op":
			return t.op, true
		case "pipeline":
			return segment(t.pipeline), true
		}
		path, ok := strings.CutPrefix(name, "record.")
		if !ok {
			return nil, false
		}
		raw := about
		for step := range strings.SplitSeq(path, ".") {
			raw = record.Member(raw, step)
		}
		value, _ := record.Text(raw)
		return segment(value), true
	})
	if err != nil {
		return "", fmt.Errorf("topic: %w", err)
	}
	if slices.Contains(strings.Split(text, "."), "") {
		return "", fmt.Errorf("topic: %q has an empty segment", text)
	}
	return text, nil
}

// segment is a text as a part of a topic.
func segment(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, text)
}

// input is what a body is made of.
func (t telling) input(m connector.Message, at time.Time) map[string]any {
	return map[string]any{"id": m.ID, "topic": m.Topic, "time": at.UTC().Format(time.RFC3339), "op": t.op, "key": t.key,
		"record": decode(t.record), "before": decode(t.before), "changed": decode(t.changed)}
}

// body makes the body of a message; nil: there is to be none.
func (s *sink) body(ctx context.Context, input map[string]any) ([]byte, error) {
	if s.c.Body == nil {
		return record.Append(nil, input)
	}
	outputs, err := s.c.Body.Run(ctx, input)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if len(outputs) > 1 {
		return nil, fmt.Errorf("body: the program gives %d values, not one", len(outputs))
	}
	if len(outputs) == 0 || outputs[0] == nil {
		return nil, nil
	}
	return record.Append(nil, outputs[0])
}

// shown is a body as people see it: made of the same without sensitive values.
func (s *sink) shown(ctx context.Context, input map[string]any) []byte {
	body, err := s.body(ctx, input)
	if err != nil || body == nil {
		return record.AppendString(nil, masked)
	}
	return body
}

// hidden is t without sensitive values.
func (s *sink) hidden(t telling) telling {
	t.record, t.before, t.changed = s.mask(t.record), s.mask(t.before), s.mask(t.changed)
	return t
}

func (s *sink) mask(body []byte) []byte {
	return members(body, func(name string, raw []byte) ([]byte, bool) {
		if s.masks[name] && record.KindOf(raw) != record.Null {
			return record.AppendString(nil, masked), true
		}
		return raw, true
	})
}

// sent leaves out fields that are not delivered and, when fields are given, the
// others.
func (s *sink) sent(body []byte, fields []string) []byte {
	return members(body, func(name string, raw []byte) ([]byte, bool) {
		return raw, !s.unsent[name] && (fields == nil || slices.Contains(fields, name))
	})
}

// members makes an object of those members of another that keep gives.
func members(body []byte, keep func(name string, raw []byte) ([]byte, bool)) []byte {
	if body == nil {
		return nil
	}
	out := []byte{'{'}
	record.Members(body, func(name string, raw []byte) bool {
		value, ok := keep(name, raw)
		if !ok {
			return true
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(record.AppendString(out, name), ':'), value...)
		return true
	})
	return append(out, '}')
}

// decode decodes what the engine made; nil is null.
func decode(body []byte) any {
	if body == nil {
		return nil
	}
	v, err := record.Decode(body)
	if err != nil {
		return nil
	}
	return v
}

// Notify makes the messages of a notice: its record under the topic of its
// event.
func (s *sink) Notify(ctx context.Context, n connector.Notice) ([]connector.Message, error) {
	if len(n.Record) == 0 {
		return nil, errors.New("the notice is empty")
	}
	return s.messages(ctx, telling{op: n.Event, pipeline: n.Pipeline, key: n.Pipeline, record: n.Record, changed: n.Record})
}

// Close lets connections go.
func (s *sink) Close() error {
	var errs []error
	for _, p := range s.posts {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}
