package soap

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	"koppel/internal/soap"
	"koppel/internal/xmlrecord"
)

// judge tells a fault, with whatever status it comes. One that is about the
// message is final; another may pass.
func (s *source) judge(resp *httpclient.Response) httpclient.Verdict {
	fault := soap.FaultOf(resp.Body, resp.Header.Get("Content-Type"))
	if fault == nil {
		return httpclient.Verdict{}
	}
	return httpclient.Verdict{Failed: true, Words: s.words(fault), Credentials: fault.Denied(), Final: fault.Final()}
}

// words are what a fault says: what the program finds, or its code and its
// text.
func (s *source) words(fault *soap.Fault) string {
	if s.config.Fault != nil && fault.Raw != nil {
		outputs, err := s.config.Fault.Run(context.Background(), record.DecodeTrusted(fault.Raw))
		if err == nil && len(outputs) > 0 {
			if text, ok := outputs[0].(string); ok && strings.TrimSpace(text) != "" {
				return text
			}
		}
	}
	return fault.Words()
}

// A page is what one answer holds.
type page struct {
	lines []byte
	count int
	value any // of the program value
	total int // -1: it is not told
	more  *bool
}

// page reads an answer: its records, and what its programs tell.
func (s *source) page(ctx context.Context, resp *httpclient.Response) (*page, error) {
	text, err := xmlrecord.Decode(resp.Body, resp.Header.Get("Content-Type"))
	if err != nil {
		return nil, err
	}
	if _, err := soap.Payload(text); err != nil {
		return nil, err
	}
	p := &page{total: -1}
	if p.lines, err = xmlrecord.All(text, xmlrecord.Options{Path: s.path, Lists: s.config.Lists}); err != nil {
		return nil, err
	}
	p.count = bytes.Count(p.lines, []byte{'\n'})
	return p, s.tell(ctx, p, text)
}

// tell runs the programs of the pagination over the body of an answer.
func (s *source) tell(ctx context.Context, p *page, text []byte) error {
	programs := s.config.Pagination
	if programs.Value == nil && programs.Total == nil && programs.More == nil {
		return nil
	}
	raw, err := xmlrecord.All(text, xmlrecord.Options{Path: s.body, Lists: s.config.Lists})
	if err != nil {
		return err
	}
	body := record.DecodeTrusted(raw)
	if p.value, err = one(ctx, "value", programs.Value, body); err != nil {
		return err
	}
	total, err := one(ctx, "total", programs.Total, body)
	if err != nil {
		return err
	}
	if programs.Total != nil {
		if p.total, err = strconv.Atoi(strings.TrimSpace(fmt.Sprint(total))); err != nil || p.total < 0 {
			return fmt.Errorf("pagination: total gives %s, which is no number of records", shown(total))
		}
	}
	more, err := one(ctx, "more", programs.More, body)
	if err != nil {
		return err
	}
	if programs.More != nil {
		answer := map[any]bool{true: true, "true": true, "1": true, false: false, "false": false, "0": false}
		yes, known := answer[comparable(more)]
		if !known {
			return fmt.Errorf("pagination: more gives %s, neither true nor false", shown(more))
		}
		p.more = &yes
	}
	return nil
}

// comparable makes what can't be the key of a map nil.
func comparable(v any) any {
	switch v.(type) {
	case bool, string:
		return v
	}
	return nil
}

func one(ctx context.Context, name string, program connector.Program, body any) (any, error) {
	if program == nil {
		return nil, nil
	}
	outputs, err := program.Run(ctx, body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("pagination: %s: %w", name, err)
	case len(outputs) > 1:
		return nil, fmt.Errorf("pagination: %s gives %d values, where one is due", name, len(outputs))
	case len(outputs) == 0:
		return nil, nil
	}
	return outputs[0], nil
}

// shown is the kind of a value: values may be sensitive.
func shown(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "a text"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case bool:
		return "a truth value"
	}
	return "a number"
}
