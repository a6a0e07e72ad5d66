package sql

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"koppel/engine/connector"
)

// firstWait is the first of the waits between repetitions, which double. Six of
// them outlast the restart of a server.
const firstWait = 50 * time.Millisecond

// Repeat runs f, which makes one transaction from its connection to its end,
// and up to times again while its error is one that ErrTransient marks. Once a
// connection was lost, so is one that a new connection can't be made: a server
// that restarts refuses for a while. f does not count on anything of an earlier
// attempt.
func Repeat(ctx context.Context, times int, f func() error) error {
	for n := 0; ; n++ {
		err := f()
		if err == nil || n == times || !errors.Is(err, ErrTransient) && (n == 0 || !errors.Is(err, connector.ErrUnreachable)) {
			return err
		}
		wait := time.NewTimer(firstWait<<n + rand.N(firstWait<<n))
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
	}
}
