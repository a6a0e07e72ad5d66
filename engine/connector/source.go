// Package connector is the contract between the engine and outside systems,
// and the way a kind of source, sink or connection is defined.
package connector

import (
	"context"
	"errors"

	"koppel/engine/record"
)

// A Source reads the records of one outside collection into out, partition by
// partition. Read is called at most once per opened source and returns when
// everything was handed over, or with an error that stops the whole read:
// partitions that were not ended then count as failed. It must return soon
// after ctx ends or a method of out fails, with that error.
type Source interface {
	Read(ctx context.Context, out Reader) error
}

// A Mode says what a read of a partition proves.
type Mode int

// In a Full read absence proves that a record is gone; in a delta only
// tombstones do. The records of a Delta may be partial: they are merged by field
// with what was known, as absent is not null, and with those of the same key
// before them. Those of a WholeDelta are whole: what they lack is gone. FromStart
// is what a Delta without a cursor is: its records and tombstones come in the
// form of a Delta, the last of a key counts, and absence proves as in a Full read.
const (
	Full Mode = iota
	Delta
	WholeDelta
	FromStart
)

// A Cursor is a source's own mark of how far it has read, as opaque bytes.
type Cursor []byte

// An Interval of time that a read covered, as ISO texts; an empty side is open.
type Interval struct{ From, To string }

// A Reader takes what a source reads. Its methods are called from one
// goroutine at a time.
type Reader interface {
	// Parts gives the complete list of the source's partitions, before the
	// first Begin. A partition that was there earlier and is not listed is
	// gone. A source that does not call it has the one partition "" or can't
	// tell which are gone.
	Parts(ids []string) error
	// Begin starts a partition. A source that can go on from a cursor passes
	// Delta or WholeDelta and gets the cursor back; an empty one asks for a full read, and
	// the partition then counts as one. Full says that this read is a full
	// one. Begin again for the same partition drops what was handed over since
	// the first (an expired cursor: start over with Full, or FromStart).
	Begin(part string, mode Mode) (Cursor, error)
	// Records hands over whole records as JSON objects, each ended by a
	// newline. base is the offset of jsonl in the partition, for a Rereader;
	// other sources pass 0. jsonl is the caller's again after the return.
	Records(part string, base int64, jsonl []byte) error
	// Remove reports a tombstone: the record with this key is gone. It counts
	// once the partition ends; a record with the key that comes behind it in the
	// partition begins anew. In a Full read there is none.
	Remove(part string, key record.Key, reason string) error
	// End is the only way for a partition to be complete: the last page was
	// seen and none was lost. next is stored as the partition's cursor.
	End(part string, next Cursor, covers Interval) error
	// Fail says that this partition could not be read, or not wholly; the
	// others go on. What was read of it before may still create and update. An
	// error that wraps ErrVacant says that there is nothing that could be read: a
	// partition of which nothing ever was is empty then, and no failure.
	Fail(part string, err error) error
}

// ErrVacant marks an error of Reader.Fail.
var ErrVacant = errors.New("there is nothing to be read")

// A Rereader is a Source whose bytes can be read again where Records gave
// them. The engine checks the bytes by their hash.
type Rereader interface {
	Reread(part string, offset int64, length int, dst []byte) ([]byte, error)
}

// A Placed is a Source whose arguments leave it to a secret what is read: the
// address of a database. Place tells it without secrets, the same text for the
// same place whatever the credentials. It is asked before Read and connects to
// nothing. A cursor belongs to one place.
type Placed interface{ Place() string }

// An Increasing is implemented by pointers to configuration structs of sources
// that read what changed without a block incremental. It runs offline.
type Increasing interface {
	// Increments gives how often a full read is due; nil: each read is a full one.
	Increments() *Incremental
}

// A Windowed is implemented by pointers to configuration structs of sources
// whose records lie in a window of time without a block window. It runs offline.
type Windowed interface{ Window() Window }

// A Window bounds what a source reads in time around the run's clock. A record
// reaches from the moment in Field to that in End, both dotted paths; it has left
// the window on the past side when its end has, and is ahead of it until it
// begins.
type Window struct {
	Field, End   string
	Past, Future Duration
}

// Incremental is what every incremental block has; kinds embed it in their own.
type Incremental struct {
	Cursor    []string `hcl:"cursor" doc:"fields whose rising values mark what was read"`
	Overlap   Duration `hcl:"overlap,optional" doc:"how far before the cursor each read starts again"`
	FullEvery Duration `hcl:"full_every,optional" doc:"how long after a complete full read the next one is due"`
}
