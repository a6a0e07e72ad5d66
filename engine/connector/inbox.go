package connector

import (
	"context"
	"time"
)

// Received is implemented by pointers to configuration structs of sources to
// which others deliver over HTTP. It runs offline. What such a configuration
// opens is an http.Handler beside a Source: the service mounts it at the path, and
// it puts into Env.Inbox what the source then reads.
type Received interface {
	// ReceivedAt is the path at which the source is delivered to, as "/hooks/crm".
	ReceivedAt() string
}

// An Inbox keeps what was delivered to one source until a run has it in the
// source's mirror. It is safe for concurrent use, by several processes too.
type Inbox interface {
	// ID names the inbox, and tells the last sequence that it gave. Sequences of
	// another one mean nothing in it. Empty: nothing was ever delivered.
	ID(ctx context.Context) (id string, last uint64, err error)
	// Put stores events, which are durable when it returns nil, and tells which of
	// them are fresh: the others have an id that came before. Whoever got an error
	// may put the same events again.
	Put(ctx context.Context, events []Event) (fresh []bool, err error)
	// Since yields the records that were put after a sequence and not taken, in
	// their order. The bytes are the callee's only until it returns.
	Since(ctx context.Context, after uint64, yield func(seq uint64, body []byte) error) error
	// Take says that what came up to a sequence is in the source's mirror.
	Take(ctx context.Context, upTo uint64) error
}

// An Event is one delivery to a source.
type Event struct {
	ID   string // as the sender has it: a repeated delivery has the same
	At   time.Time
	Body []byte // the record, a JSON object without a line end
}
