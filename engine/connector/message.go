package connector

import (
	"context"
	"time"

	"koppel/engine/record"
)

// A Message is what a sink with the trait Outbox makes of a change, and what a
// Notifier makes of a notice. The engine stores it in the transaction that
// remembers the change, and a Courier sends it later: so none is lost and none
// is made twice, whenever the process ends.
type Message struct {
	// ID names it for good; it is the same each time the message is sent. Unique.
	ID string
	// Receiver names the one who gets it, among the sink's. It may be empty.
	Receiver string
	Topic    string
	Body     []byte
	// Shown is Body without sensitive values, for people; nil: there are none.
	Shown []byte
}

// A Courier is a Sink that sends the messages it made earlier. Its methods may
// be called from several goroutines.
type Courier interface {
	// Receivers lists the names that are configured now.
	Receivers() []string
	// Send sends a message once, the given attempt, counted from 1. It returns
	// soon after ctx ends. Nothing is said of a message whose sending ctx ended.
	Send(ctx context.Context, m Message, attempt int) Receipt
	// Headers lists what goes with the message beside its body, without secrets.
	Headers(m Message, attempt int) []Param
}

// A Receipt says what became of one attempt to send.
type Receipt struct {
	Delivered bool
	// Final: the receiver wants it never again.
	Final bool
	// Unsent: nothing was tried, as the receiver is left alone for a while. It is
	// no attempt.
	Unsent bool
	Code   int // status of the answer; 0: there was none
	// After is how long the receiver asks to be left alone; 0: it does not.
	After time.Duration
	// Words are the beginning of the answer, or what went wrong, without secrets.
	Words string
}

// A Notifier is a Courier that can tell people of runs.
type Notifier interface {
	Courier
	// Notify makes the messages of a notice. It asks nothing of the outside.
	Notify(ctx context.Context, n Notice) ([]Message, error)
}

// A Notice tells how a run of a pipeline ended. It holds no sensitive values.
type Notice struct {
	Event    string // failed, held, recovered
	Pipeline string // its name
	Subject  string // a line for people
	Text     string // for people
	Record   []byte // the same as a JSON object
}

// Notifiable is implemented by pointers to the configuration structs of sinks
// whose sinks are Notifiers. It runs offline.
type Notifiable interface {
	// Notifies says what such a sink lacks to tell people of runs, as a *FieldError;
	// nil: nothing.
	Notifies() error
}

// OpName is the name of an operation in messages: create, update or delete. What
// disables a record updates it.
func OpName(op record.Op) string {
	if op == record.Disable {
		op = record.Update
	}
	return op.String()
}
