package httpclient

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"
	"golang.org/x/time/rate"
)

const (
	// breakAfter is how many attempts in a row fail before the system is left
	// alone, for breakFor; a connection with many attempts gets more.
	breakAfter = 10
	breakFor   = 30 * time.Second
	// retryBudget is how many attempts beyond the first a connection has. Each
	// answer earns a part of one back, so that a system that fails here and
	// there is asked again, and one that fails all over is not.
	retryBudget = 100
	retryEarned = 0.2
)

// A gate keeps what belongs to a connection: how many requests at once, how
// many in a time, a pause that the server asked for, and when to leave it
// alone.
type gate struct {
	slots   chan struct{} // nil: no bound
	limit   *rate.Limiter
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]

	mu     sync.Mutex
	pause  time.Time // nothing goes before it
	budget float64
}

// newGate makes the gate that the arguments describe, which are valid.
func newGate(c Config) *gate {
	g := &gate{budget: retryBudget}
	g.limit, _ = Limiter(c.Rate) // the arguments are valid
	if c.MaxConcurrency > 0 {
		g.slots = make(chan struct{}, c.MaxConcurrency)
	}
	most := uint32(max(breakAfter, 2*c.retries().Attempts))
	g.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Timeout:     breakFor,
		ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= most },
		IsExcluded:  func(err error) bool { return errors.Is(err, errUncounted) },
	})
	return g
}

// errUncounted says nothing about the server.
var errUncounted = errors.New("the attempt was given up here")

// enter waits for its turn. leave must be called once with what became of the
// attempt: nil when the server answered.
func (g *gate) enter(ctx context.Context) (leave func(error), err error) {
	if g.slots != nil {
		select {
		case g.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	free := func() {
		if g.slots != nil {
			<-g.slots
		}
	}
	if err := g.turn(ctx); err != nil {
		free()
		return nil, err
	}
	done, err := g.breaker.Allow()
	if err != nil {
		free()
		return nil, &Error{
			Reason:  Unreachable,
			Problem: fmt.Sprintf("it is not asked: too many attempts in a row have failed, and it is left alone for %v", breakFor),
			Hint:    "see the errors before this one",
			unasked: true,
		}
	}
	return func(outcome error) {
		done(outcome)
		free()
	}, nil
}

// turn waits for the pause and for the rate.
func (g *gate) turn(ctx context.Context) error {
	for {
		g.mu.Lock()
		wait := time.Until(g.pause)
		g.mu.Unlock()
		if wait <= 0 {
			break
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	if err := g.limit.Wait(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &Error{Reason: Unreachable, Problem: "its turn under the rate would come too late", Cause: err, unasked: true}
	}
	return nil
}

// hold lets nothing go for a time.
func (g *gate) hold(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(d); until.After(g.pause) {
		g.pause = until
	}
}

// earn takes note of an answer.
func (g *gate) earn() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.budget = min(g.budget+retryEarned, retryBudget)
}

// spend takes one attempt out of the budget; false: there is none.
func (g *gate) spend() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.budget < 1 {
		return false
	}
	g.budget--
	return true
}

// sleep waits, or returns the error of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
