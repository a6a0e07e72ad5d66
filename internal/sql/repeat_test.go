package sql

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"koppel/engine/connector"
)

func TestRepeat(t *testing.T) {
	refused := errors.New("refused")
	lost := errors.Join(ErrTransient, connector.ErrUnreachable)
	tests := map[string]struct {
		errs  []error // of the attempts; the last one of all that follow
		calls int
		want  error
	}{
		"well":                {[]error{nil}, 1, nil},
		"refused":             {[]error{refused}, 1, refused},
		"deadlock":            {[]error{ErrTransient, ErrTransient, nil}, 3, nil},
		"unreachable":         {[]error{connector.ErrUnreachable}, 1, connector.ErrUnreachable},
		"restart":             {[]error{lost, connector.ErrUnreachable, connector.ErrUnreachable, nil}, 4, nil},
		"given up":            {[]error{ErrTransient}, 7, ErrTransient},
		"gone":                {[]error{lost, connector.ErrUnreachable}, 7, connector.ErrUnreachable},
		"refused in the end":  {[]error{ErrTransient, refused}, 2, refused},
		"cancelled meanwhile": {[]error{context.Canceled}, 1, context.Canceled},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				err := Repeat(t.Context(), 6, func() error {
					calls++
					return test.errs[min(calls, len(test.errs))-1]
				})
				if !errors.Is(err, test.want) || calls != test.calls {
					t.Errorf("%d calls, %v; want %d, %v", calls, err, test.calls, test.want)
				}
			})
		})
	}
}

// TestRepeatEnds waits ever longer, and not at all once its context has ended.
func TestRepeatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var waits []time.Duration
		last := time.Now()
		err := Repeat(ctx, 6, func() error {
			waits = append(waits, time.Since(last))
			last = time.Now()
			if len(waits) == 4 {
				cancel()
			}
			return ErrTransient
		})
		if !errors.Is(err, context.Canceled) || len(waits) != 4 || !slices.IsSorted(waits) || time.Since(last) != 0 {
			t.Errorf("%v after waits of %v and %v", err, waits, time.Since(last))
		}
	})
}
