package state

import (
	"context"
	"errors"
	"time"
)

// KeptIDs is how long an inbox remembers the ids of what was delivered, so that
// a repeated delivery is known for one.
const KeptIDs = 30 * 24 * time.Hour

// An Inbox keeps what was delivered to sources until a run has taken it over. It
// is safe for concurrent use, by several processes too, and is part of the state
// that gives it: it is copied, exported and sealed with it, in a file of its
// own, so that a run's transaction delays no delivery.
type Inbox interface {
	// ID names the inbox, and tells the last sequence that it gave. The sequences
	// of another one mean nothing in it. Empty: nothing was ever delivered.
	ID(ctx context.Context) (id string, last uint64, err error)
	// Put stores events of one source, which are durable when it returns nil, and
	// tells which of them are fresh: the others have an id that came before, within
	// KeptIDs, and are not stored again. Whoever got an error may put the same
	// events again.
	Put(ctx context.Context, source string, events []Event) (fresh []bool, err error)
	// Since yields the events of a source that follow a sequence and were not
	// taken, in their order. Body is the callee's only until it returns.
	Since(ctx context.Context, source string, after uint64, yield func(*Event) error) error
	// Take drops the events of a source up to a sequence: a run has them in its
	// mirror. Their ids stay.
	Take(ctx context.Context, source string, upTo uint64) error
	// Counts tells, by source, how much lies in the inbox.
	Counts(ctx context.Context) (map[string]InboxCount, error)
	// Rename carries the events and ids of a source over to another address,
	// beside those that are there.
	Rename(ctx context.Context, from, to string) error
	// Drop forgets all events and ids of a source.
	Drop(ctx context.Context, source string) error
	// Erase drops the events of a source that match; their ids stay.
	Erase(ctx context.Context, source string, match func(*Event) bool) error
}

// An Event is one delivery to a source.
type Event struct {
	ID   string // as the sender has it; empty in what an Inbox yields
	Seq  uint64 // rises with each event of the inbox, whatever its source; set by the inbox
	At   time.Time
	Body []byte // the record, a JSON object
}

// An InboxCount says what lies in an inbox of one source.
type InboxCount struct {
	Waiting int64  // events that no run has taken
	Bytes   int64  // of them
	IDs     int64  // remembered
	Taken   uint64 // the sequence up to which events were taken
	Oldest  time.Time
}

// ErrFull marks an error of Inbox.Put: there is no room on the disk.
var ErrFull = errors.New("there is no room on the disk")
