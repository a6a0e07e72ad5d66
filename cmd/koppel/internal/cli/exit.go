package cli

import (
	"context"
	"errors"
	"fmt"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/state"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailure     = 1
	exitChanges     = 2
	exitWrong       = 3
	exitUnreachable = 4
	exitHeld        = 5
	exitPartial     = 6
	exitStale       = 7
)

// exits collects what holds of one invocation.
type exits struct{ wrong, stale, unreachable, failure, held, partial, changes bool }

// add notes an exit code.
func (x *exits) add(code int) {
	switch code {
	case exitWrong:
		x.wrong = true
	case exitStale:
		x.stale = true
	case exitUnreachable:
		x.unreachable = true
	case exitFailure:
		x.failure = true
	case exitHeld:
		x.held = true
	case exitPartial:
		x.partial = true
	case exitChanges:
		x.changes = true
	}
}

// code is the first that holds of 3, 7, 4, 1, 5, 6 and 2.
func (x *exits) code() int {
	switch {
	case x.wrong:
		return exitWrong
	case x.stale:
		return exitStale
	case x.unreachable:
		return exitUnreachable
	case x.failure:
		return exitFailure
	case x.held:
		return exitHeld
	case x.partial:
		return exitPartial
	case x.changes:
		return exitChanges
	}
	return exitDone
}

// An exitError ends a verb with an exit code. Without an inner error everything
// was said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// wrong says that files or arguments are wrong.
func wrong(format string, args ...any) error {
	return &exitError{code: exitWrong, err: fmt.Errorf(format, args...)}
}

// silent ends a verb with an exit code after everything was said; nil for 0.
func silent(code int) error {
	if code == exitDone {
		return nil
	}
	return &exitError{code: code}
}

// exitOf gives the exit code that an error stands for.
func exitOf(err error) int {
	var own *exitError
	var stale *engine.StaleError
	var identity *engine.IdentityError
	var locked *state.LockedError
	var file *plan.FileError
	var config *dsl.OpenError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &file), errors.As(err, &config), errors.Is(err, state.ErrKey):
		return exitWrong
	case errors.As(err, &stale), errors.As(err, &identity), errors.As(err, &locked):
		return exitStale
	case errors.Is(err, connector.ErrUnreachable):
		return exitUnreachable
	}
	return exitFailure
}

// reasonOf is an error in words for people.
func reasonOf(err error) string {
	if errors.Is(err, context.Canceled) {
		return "stopped before it was done"
	}
	return err.Error()
}
