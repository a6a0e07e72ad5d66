package httpclient

import (
	"fmt"
	"strings"
	"time"

	"koppel/engine/connector"
)

// A Reason says why a request failed.
type Reason int

// The reasons of an Error. Unreachable: the name does not resolve, the
// connection is refused or breaks off, TLS, a timeout, or a server that says
// again and again that it can't answer now. Denied: the credentials are
// refused. Failed: another answer of failure, or one that the Judge failed.
// Garbled: the body is not what was announced. Impossible: the request can't be
// made as it is configured, or leads to another host; it was not sent.
const (
	Unreachable Reason = iota
	Denied
	Failed
	Garbled
	Impossible
)

// A Delivery says how far a request came.
type Delivery int

// NotSent: nothing was done, as the server has not seen the request, or says
// that it has not acted on it (429, 503 with Retry-After). Lost: it was sent, at
// least in part, and whether anything was done is not known, as no answer came,
// or one that does not tell (500, 502, 504, a body that is not what was
// announced). Answered: the answer tells.
const (
	NotSent Delivery = iota
	Lost
	Answered
)

// An Error is a request that failed, after all its attempts. It wraps
// connector.ErrUnreachable when it is Unreachable or Denied.
type Error struct {
	Reason   Reason
	Delivery Delivery
	// Connection is the address of the connection, with its place in the file.
	Connection string
	// Request is its method and URL, without secrets.
	Request string
	// Status is the status of the answer; 0: there was none.
	Status int
	// Body is the start of the answer's body, at most 64 KiB, without secrets.
	Body []byte
	// Words are the server's own.
	Words string
	// ID holds the request and trace ids that the server gave.
	ID string
	// Problem says what is wrong, Hint what to do about it.
	Problem, Hint string
	// Attempts is how often it was tried.
	Attempts int
	// Cause is the error below; may be nil.
	Cause error

	final   bool // the Judge said so
	unasked bool // the gate let nothing through
	again   again
	after   time.Duration // the server's Retry-After
}

// Error tells all of it in one line.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Connection != "" {
		b.WriteString(e.Connection + ": ")
	}
	b.WriteString(e.Request + ": " + e.Problem)
	if e.Words != "" {
		fmt.Fprintf(&b, ": %s", e.Words)
	}
	var notes []string
	if e.Attempts > 1 {
		notes = append(notes, fmt.Sprintf("after %d attempts", e.Attempts))
	}
	if e.ID != "" {
		notes = append(notes, e.ID)
	}
	if len(notes) > 0 {
		b.WriteString(" (" + strings.Join(notes, ", ") + ")")
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap gives the cause, and connector.ErrUnreachable where the program must
// end so.
func (e *Error) Unwrap() []error {
	var list []error
	if e.Reason == Unreachable || e.Reason == Denied {
		list = append(list, connector.ErrUnreachable)
	}
	if e.Cause != nil {
		list = append(list, e.Cause)
	}
	return list
}

// RetryAfter is how long the server asks to be left alone; 0: it does not.
func (e *Error) RetryAfter() time.Duration { return e.after }

// Unasked tells that no attempt was made: the connection lets nothing through
// for now.
func (e *Error) Unasked() bool { return e.unasked }

// Refused tells that the server has understood the request and said no to this
// one, so that others may be taken: a status from 400 to 499 that is not about
// credentials, load or time, or an answer that the Judge failed for good.
func (e *Error) Refused() bool {
	return e.Reason == Failed && e.Delivery == Answered && (e.Status >= 400 && e.Status < 500 || e.final)
}
