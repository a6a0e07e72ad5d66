package sqlite

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
	"koppel/engine/state"
)

// problem gives an error of SQLite its place in the state's own errors.
func problem(doing string, err error) error {
	if err == nil {
		return nil
	}
	switch code := sqlite.ErrCode(err); {
	case code == sqlite.ResultIOErrShortRead,
		code.ToPrimary() == sqlite.ResultCorrupt,
		code.ToPrimary() == sqlite.ResultNotADB:
		return fmt.Errorf("%s the state: %w: %w", doing, state.ErrCorrupt, err)
	case code.ToPrimary() == sqlite.ResultBusy:
		return fmt.Errorf("%s the state: %w: %w", doing, errBusy, err)
	case code.ToPrimary() == sqlite.ResultFull:
		return fmt.Errorf("%s the state: %w: %w", doing, state.ErrFull, err)
	case unwritable(err):
		return fmt.Errorf("%s the state: %w: %w", doing, errUnwritable, err)
	}
	return fmt.Errorf("%s the state: %w", doing, err)
}

// stopped is problem, but an interrupted statement gives the context's error.
func stopped(ctx context.Context, doing string, err error) error {
	if interrupted(ctx, err) {
		return fmt.Errorf("%s the state: %w", doing, ctx.Err())
	}
	return problem(doing, err)
}

// interrupted tells whether an error is that of a statement that was cut off as
// the context ended.
func interrupted(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() != nil && sqlite.ErrCode(err).ToPrimary() == sqlite.ResultInterrupt
}

// damaged names the row whose stored bytes make no sense.
func damaged(table string, key any, what string) error {
	if k, ok := key.(record.Key); ok {
		key = fmt.Sprintf("%q", k.String())
	}
	return fmt.Errorf("%w: table %s, key %v: %s", state.ErrCorrupt, table, key, what)
}

var (
	errEnded    = errors.New("the state's transaction has ended")
	errReadOnly = errors.New("the state is open for reading only")

	// What is wrong with the file, and not with what is in it.
	errBusy       = errors.New("another process is writing to it")
	errUnwritable = errors.New("the file or its folder can't be used")
)

// isOwn tells whether an error already says what happened.
func isOwn(err error) bool {
	return errors.Is(err, state.ErrCorrupt) || errors.Is(err, state.ErrKey) || errors.Is(err, errEnded)
}

// keyOf shows the parts of a row's key in an error.
func keyOf(parts []string) any {
	switch len(parts) {
	case 0:
		return "-"
	case 1:
		return record.Key(parts[0])
	}
	return fmt.Sprintf("%q", parts)
}
