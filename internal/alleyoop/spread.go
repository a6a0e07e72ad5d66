package alleyoop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
)

// workers is how many changes Spread has under way at most; the connection has
// a bound of its own.
const workers = 8

// Spread applies changes several at a time; those of one lane follow each
// other. After an error nothing more is begun. The outcomes are those of a
// Write: what stands between them and was not settled counts as unknown.
func Spread(ctx context.Context, changes []record.Change, lane func(record.Change) string,
	one func(context.Context, record.Change) (connector.Outcome, error)) ([]connector.Outcome, error) {
	var order []string
	places := map[string][]int{}
	for i, c := range changes {
		name := lane(c)
		if places[name] == nil {
			order = append(order, name)
		}
		places[name] = append(places[name], i)
	}
	s := &spread{outcomes: make([]*connector.Outcome, len(changes))}
	todo := make(chan []int, len(order))
	for _, name := range order {
		todo <- places[name]
	}
	close(todo)
	var wg sync.WaitGroup
	for range min(workers, len(order)) {
		wg.Go(func() {
			for list := range todo {
				for _, i := range list {
					s.settle(i, func() (connector.Outcome, error) { return one(ctx, changes[i]) })
				}
			}
		})
	}
	wg.Wait()
	return s.result()
}

type spread struct {
	outcomes []*connector.Outcome
	stopped  atomic.Bool
	mu       sync.Mutex
	err      error
}

func (s *spread) settle(i int, one func() (connector.Outcome, error)) {
	if s.stopped.Load() {
		s.outcomes[i] = &connector.Outcome{Status: connector.NotSent, Message: "an earlier change stopped the sink"}
		return
	}
	out, err := one()
	if err == nil || out.Status == connector.NotSent {
		s.outcomes[i] = &out
	}
	if err == nil {
		return
	}
	s.stopped.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// result gives the outcomes up to the last that is known.
func (s *spread) result() ([]connector.Outcome, error) {
	last := len(s.outcomes)
	for last > 0 && s.outcomes[last-1] == nil {
		last--
	}
	out := make([]connector.Outcome, last)
	for i, known := range s.outcomes[:last] {
		out[i] = connector.Outcome{Status: connector.Unknown, Message: "the run stopped before it was known what became of this"}
		if known != nil {
			out[i] = *known
		}
	}
	return out, s.err
}

// LookOutcome is what a change comes to whose look before writing failed:
// nothing was written. An answer of failure is a refusal, anything else stops
// the sink.
func LookOutcome(err error) (connector.Outcome, error) {
	var failed *httpclient.Error
	if errors.As(err, &failed) && failed.Reason == httpclient.Failed {
		return Refusal("AlleyOop does not tell which instance this is about, so nothing was sent: " + Words(failed)), nil
	}
	return connector.Outcome{}, err
}

// CheckShape sees that a pipeline maps the fields that a sink sends, and sends
// no others.
func CheckShape(shape record.Shape, fields ...string) error {
	if len(shape.Fields) == 0 || shape.Open {
		return nil
	}
	for _, name := range fields {
		if !slices.ContainsFunc(shape.Fields, func(f record.Field) bool { return f.Name == name }) {
			return fmt.Errorf("%s maps no field %q: this sink sends %s", shape.Pipeline, name, strings.Join(fields, ", "))
		}
	}
	for _, f := range shape.Fields {
		if f.Send && !slices.Contains(fields, f.Name) {
			return fmt.Errorf("%s maps the field %q, which this sink doesn't send: it sends %s; leave it out, or write field %q { send = false }",
				shape.Pipeline, f.Name, strings.Join(fields, ", "), f.Name)
		}
	}
	return nil
}

// Identity names a target of this installation: the address, the user, and what
// is written there.
func (c *Client) Identity(what string) string {
	return "alleyoop " + c.Address() + " as " + c.user + ": " + what
}

// Check asks for the process definitions, which needs all credentials and no
// more.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.List(ctx, ProcessDefinitions, nil)
	return err
}
