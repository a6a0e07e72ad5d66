package change

import (
	"time"

	"koppel/engine/record"
)

// A Status says what an item is; its values are those of the state's.
type Status byte

// The states of an item. Out is a stub: nothing stands at the target. The rows
// of Expired and Kept items stand there, no longer looked after. Of Unsure ones
// a call was begun and not remembered: those with a Body stand at the target,
// those without may, and nothing is known of the values of either.
const (
	Delivered Status = iota
	Expired
	Out
	Disabled
	Kept
	Unsure
)

// A Reason says why a key is open; its values are those of the state's.
type Reason string

// The reasons of open keys.
const (
	Refused   Reason = "refused"
	Held      Reason = "held"
	InDoubt   Reason = "in doubt"
	Grace     Reason = "grace"
	Waiting   Reason = "waiting"
	Protected Reason = "protected"
	Failed    Reason = "failed"
	Rejected  Reason = "rejected"
	Dismissed Reason = "dismissed"
	Undone    Reason = "undone"
)

// A Src names the source record of an item. Without Has it has the item's own
// key.
type Src struct {
	Has  bool
	Part string
	Key  record.Key
}

// An Item is what was delivered under a key.
type Item struct {
	// Raw is the hash of the source bytes, Mapped that of the mapped record;
	// zero: not known.
	Raw, Mapped record.Hash
	Status      Status
	Src         Src
	// Body is the mapped record last delivered. It may be missing where
	// nothing is looked at: under Unchanged without a Row, and for stubs.
	Body []byte
}

// maybe tells that it is not known whether a row stands at the target.
func (it *Item) maybe() bool { return it.Status == Unsure && it.Body == nil }

// A Seen says what this run found out about a key at the source.
type Seen byte

// What a run can know of a key. Tombstone, Withdrawn, KeyChanged, OutOfWindow,
// Retired and Filtered are proofs by themselves; Absent is one when the Want is
// Complete.
const (
	// Untouched: nothing was read that concerns the key.
	Untouched Seen = iota
	// Unknown: its source record was read but it is not known what the record
	// gives: it failed, waits or collided before it gave keys.
	Unknown
	// Unchanged: read, and as it was when the item was put, so not mapped.
	Unchanged
	// Mapped: a record gives the key, with Body.
	Mapped
	// Filtered: `where`, or a join or lookup with none = "skip", drops it.
	Filtered
	// FailedRecord: the record under the key failed before the sink.
	FailedRecord
	// WaitingRecord: it waits for a join side or an upstream pipeline.
	WaitingRecord
	// Absent: not in the read.
	Absent
	// Tombstone: the source says that it is gone, and the tombstone stands.
	Tombstone
	// Withdrawn: its source record was read and no longer gives it (`each`).
	Withdrawn
	// KeyChanged: its source record was read and gives another key instead.
	KeyChanged
	// OutOfWindow: it left its window, or lies outside of what the read
	// covered.
	OutOfWindow
	// Retired: its pipeline is being retired.
	Retired
)

// A Want is what is desired under a key, as far as this run knows it.
type Want struct {
	Seen Seen
	// Complete: the key's partition was read in full by this run and is
	// complete, so that Absent is a proof.
	Complete bool
	// Ahead: it is OutOfWindow on the future side.
	Ahead bool
	// Body is the mapped record, for Mapped.
	Body        []byte
	Raw, Mapped record.Hash
	Src         Src
	// Code, Field and Note say what is wrong with a record that failed or
	// waits.
	Code, Field, Note string
}

// An Open is an open key.
type Open struct {
	Reason     Reason
	Op         record.Op // 0 for a record that failed or waits before the sink
	Cause      record.Cause
	Since, Due time.Time   // a zero Due: at every run
	Attempts   int         // how often the target refused it
	Before     record.Hash // mapped hash of the item that it would replace; zero: none
	After      []byte      // the mapped record that was wanted; nil for a delete
	Code       string
	Field      string
	Note       string
	Approved   bool
	// Forced: someone asked for a retry now.
	Forced bool
}

// A Row is the target's row, as it was found under the key or by a match.
type Row struct {
	Ref  []byte
	Body []byte // all columns as a JSON object, values as the pipeline maps them
	// Matched: it was found by the sink's match, and carries another key or
	// none.
	Matched bool
}

// An Input is all that is known of one key.
type Input struct {
	Key  record.Key
	Item *Item // nil: none
	Want Want
	Open *Open // nil: none
	// Looked: the target was looked at for this key; a nil Row then means that
	// nothing stands there.
	Looked bool
	Row    *Row
	// Baseline: the key's partition is only remembered, and nothing written.
	Baseline bool
}
