package http

import (
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
)

// A findingSink is a sink with a find block.
type findingSink struct{ *sink }

// Find looks changes up. Of an update it can tell whether it has arrived where
// the record that is found has the fields that were sent.
func (s *findingSink) Find(ctx context.Context, batch []record.Change) ([]connector.Found, error) {
	out, err := s.lookAll(ctx, batch)
	if err != nil {
		return nil, err
	}
	for i := range batch {
		if c := &batch[i]; c.Op == record.Update || c.Op == record.Disable {
			out[i] = s.arrived(c, out[i])
		}
	}
	return out, nil
}

// lookAll looks for the records of changes, several at a time.
func (s *sink) lookAll(ctx context.Context, batch []record.Change) ([]connector.Found, error) {
	out := make([]connector.Found, len(batch))
	err := s.spread(ctx, len(batch), func(i int) (err error) {
		if out[i], err = s.look(ctx, &batch[i]); err != nil {
			return fmt.Errorf("find %s: %w", batch[i].Key, err)
		}
		return nil
	}, nil)
	return out, err
}

// Matching tells whether earlier records are taken over.
func (s *findingSink) Matching() bool { return len(s.config.Match) > 0 }

// Match looks for earlier records that are the same as new ones.
func (s *findingSink) Match(ctx context.Context, batch []record.Change) ([]connector.Found, error) {
	out, err := s.lookAll(ctx, batch)
	if err != nil {
		return nil, err
	}
	for i, found := range out {
		if found.Untold {
			out[i] = connector.Found{} // there is nothing to look by
			continue
		}
		if found.N == 1 {
			first, twice := s.taken[string(found.Answer)]
			if twice && first != batch[i].Key {
				found.N = 2 // two records claim it, so that nobody knows whose it is
				for j := range i {
					if batch[j].Key == first {
						out[j].N = 2
					}
				}
			}
			s.taken[string(found.Answer)] = batch[i].Key
		}
		out[i] = found
	}
	return out, nil
}

// look asks find about the record of a change; without find nothing can be told.
func (s *sink) look(ctx context.Context, c *record.Change) (connector.Found, error) {
	if s.config.Find == nil {
		return connector.Found{Untold: true}, nil
	}
	f := &filled{s: s, c: c}
	req, err := s.requests["find"].make(ctx, f)
	switch {
	case errors.Is(err, errEmpty) || err == nil && len(f.gaps) > 0:
		return connector.Found{Untold: true}, nil
	case err != nil:
		return connector.Found{}, err
	}
	req.Repeat, req.Expect = httpclient.Always, httpclient.DataOrEmpty
	if strings.Contains(req.ContentType, "xml") || s.config.Find.path() != "" {
		req.Expect = httpclient.XMLOrEmpty
	}
	s.client.Envelop(req)
	resp, err := s.client.Do(ctx, req)
	var failed *httpclient.Error
	switch {
	case errors.As(err, &failed) && (failed.Status == nethttp.StatusNotFound || failed.Status == nethttp.StatusGone):
		return connector.Found{}, nil
	case err != nil:
		return connector.Found{}, err
	case len(resp.Body) == 0:
		return connector.Found{}, nil
	}
	list, err := s.records(ctx, resp)
	if err != nil {
		return connector.Found{}, err
	}
	return s.found(ctx, c, list)
}

// records takes the records out of an answer of find.
func (s *sink) records(ctx context.Context, resp *httpclient.Response) ([]any, error) {
	media := resp.Header.Get("Content-Type")
	if path := s.config.Find.path(); path != "" {
		list, err := selected(resp.Body, media, path)
		if err != nil {
			return nil, fmt.Errorf("read the answer of find: %w", err)
		}
		return list, nil
	}
	if words, failed := s.errorInside(nil, resp.Body); failed {
		return nil, fmt.Errorf("the answer of find says that something failed: %s; if it did not, say what does by error in the connection", words)
	}
	v, err := decodeAnswer(resp.Body, media)
	if err != nil {
		return nil, fmt.Errorf("read the answer of find: %w", err)
	}
	list := []any{v}
	if s.config.Find.Records != nil {
		if list, err = s.config.Find.Records.Run(ctx, v); err != nil {
			return nil, fmt.Errorf("find: records: %w", err)
		}
	}
	if len(list) == 1 {
		if inner, ok := list[0].([]any); ok {
			list = inner
		}
	}
	out := list[:0:0]
	for _, one := range list {
		switch one.(type) {
		case nil:
		case map[string]any:
			out = append(out, one)
		default:
			return nil, errors.New("find: records gives something that is no object")
		}
	}
	return out, nil
}

// found makes the answer of find: of those that are given, the records whose
// match fields are equal.
func (s *sink) found(ctx context.Context, c *record.Change, list []any) (connector.Found, error) {
	body := c.After
	if body == nil {
		body = c.Before
	}
	var same []any
	for _, one := range list {
		equal, err := s.matches(body, one.(map[string]any))
		if err != nil {
			return connector.Found{}, err
		}
		if equal {
			same = append(same, one)
		}
	}
	out := connector.Found{N: len(same)}
	if len(same) != 1 {
		return out, nil
	}
	var err error
	if out.Row, err = record.Append(nil, same[0]); err != nil {
		return out, err
	}
	if out.Answer, err = s.keepOf(ctx, same[0]); err != nil {
		return out, fmt.Errorf("the record of find: %w", err)
	}
	if out.Ref = out.Answer; out.Ref == nil {
		out.Ref = []byte(`{}`)
	}
	return out, nil
}

// matches tells whether the match fields of a found record are those of a
// mapped one. Without match fields, and of a record that is not known, it is.
func (s *sink) matches(body []byte, found map[string]any) (bool, error) {
	if body == nil {
		return true, nil
	}
	for _, name := range s.config.Match {
		want := record.Member(body, name)
		raw, err := record.Append(nil, found[name])
		if err != nil {
			return false, err
		}
		a, plainA := plainText(decode(want))
		b, plainB := plainText(decode(raw))
		if !plainA || !plainB || a == "" || a != b {
			return false, nil
		}
	}
	return true, nil
}

// arrived tells whether a found record is as an update makes it.
func (s *sink) arrived(c *record.Change, found connector.Found) connector.Found {
	if found.N != 1 || found.Untold {
		return connector.Found{Untold: true}
	}
	known := 0
	differs := false
	record.Members(s.sent(c.After), func(name string, want []byte) bool {
		got := record.Member(found.Row, name)
		if got == nil {
			return true
		}
		known++
		names, err := record.Differ(wrap(want), wrap(got), nil)
		differs = differs || err != nil || len(names) > 0
		return true
	})
	switch {
	case known == 0:
		return connector.Found{Untold: true}
	case differs:
		found.N = 0
	}
	return found
}

func wrap(raw []byte) []byte { return append(append([]byte(`{"v":`), raw...), '}') }

// protected judges the row of a delete as it stands.
func (s *sink) protected(ctx context.Context, c *record.Change) (out connector.Outcome, done bool, err error) {
	if s.config.Find == nil {
		return refusal("the target can't be looked at before a delete, which protect needs: the sink has no find block"), true, nil
	}
	found, err := s.look(ctx, c)
	switch {
	case err != nil:
		return connector.Outcome{Status: connector.NotSent, Message: err.Error()}, true, err
	case found.N == 0 && !found.Untold:
		return connector.Outcome{}, true, nil
	case found.N != 1 || found.Untold:
		return refusal(fmt.Sprintf("find gives %d records, so that nobody knows which one protect is to judge", found.N)), true, nil
	case c.Protect(found.Row):
		return connector.Outcome{Status: connector.Protected}, true, nil
	}
	return out, false, nil
}
