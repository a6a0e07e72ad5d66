// Package plan holds plans as data: what a run would do, record by record, in
// a file that can be saved, shown, approved and applied. A run's own spool of
// changes has the same format.
package plan

import (
	"time"

	"koppel/engine/record"
)

// A Header says what a plan rests on and sums it up.
type Header struct {
	ID        string // ULID
	Version   string // of the program that made it
	Kind      string // plan, undo, retire
	Created   time.Time
	Clock     time.Time // what now and today meant
	Note      string    // for people: undo of run 12
	Sensitive bool
	Sources   []Source
	Pipelines []Pipeline // in dependency order
}

// A Source is what was read of one source: the cursors' move and, in the
// plan's source section, the changes to its mirror.
type Source struct {
	Address     string
	Fingerprint []byte
	Mirrored    bool
	FromSeq     uint64 // the mirror's highest sequence when it was read
	Rows        int64  // changes in the source section
	ToSeq       uint64 // sequence of the mirror once they are committed
	Parts       []Part
}

// A Part is one partition of a read.
type Part struct {
	Name     string
	From, To []byte // cursors
	Count    int64  // records of a full read
	Full     bool
	Complete bool
	Gone     bool // not in a complete list of partitions
	Problem  string
}

// A Pipeline is one pipeline's part of a plan.
type Pipeline struct {
	Address      string
	Name         string
	Title        string // afas_get "Reception_Employees" → sql table employees
	Fingerprint  []byte
	SinkAddress  string
	SinkIdentity string
	Read         int64 // records
	Complete     bool
	Unreachable  bool   // a system that it reads could not be reached or refused the credentials
	ReadHeld     string // why the read waits for approval; empty: it does not
	Counts       Counts
	Problems     []Problem
	Warnings     []Problem
	Fields       []record.Field
	Key          []record.KeyField
	Guards       []Guard
	Positions    []Position
	Based        []string // partitions whose first complete read this is
	Day          string   // today, when the pipeline reads it
	ReadsDay     bool
	Parts        []Part // of what it reads, for people
	Skipped      string // why the pipeline was not planned at all; empty: it was
	Disabled     bool   // it is skipped because the files say enabled = false
	Whole        bool   // the sink replaces its whole set
	Digest       []byte // of the whole set, for such a sink
	Written      int64  // records of the whole set
	// Blocked says why nothing of this pipeline may be written; empty: it may.
	Blocked string
	// LookAgain: what was looked at is not remembered as such, because the run
	// could not do all that it should have; the next one looks again.
	LookAgain bool
	// KeepStrangers says why rows of the target that are no items stay; empty:
	// they need not.
	KeepStrangers string
	Entries       int64
}

// A Position is how far a pipeline has processed a source once the plan is
// applied.
type Position struct {
	Source string // address
	Seq    uint64
	Digest []byte
}

// A Guard is one guard as it was judged.
type Guard struct {
	Op      record.Op
	Limit   string // as written: 10%, 25
	Count   int64  // changes that count
	Of      int64  // items that a share counts against
	Tripped bool
}

// Counts sums up what a plan holds, or what a run did, for one pipeline.
type Counts struct {
	Create    int64 `json:"create"`
	Update    int64 `json:"update"`
	Delete    int64 `json:"delete"`
	Disable   int64 `json:"disable"`
	Unchanged int64 `json:"unchanged"`
	Skipped   int64 `json:"skipped"`
	Protected int64 `json:"protected"`
	Held      int64 `json:"held"`
	Waiting   int64 `json:"waiting"`
	Failed    int64 `json:"failed"`
}

// A Problem is something that went wrong with one record, partition or
// pipeline, in words for people.
type Problem struct {
	Key     string `json:"key"`
	Field   string `json:"field"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// An Entry is the verdict on one key: a change to apply, or only something to
// remember.
type Entry struct {
	Key record.Key
	// Op is the change to apply; 0: none.
	Op     record.Op
	Cause  record.Cause
	Before []byte // mapped record that is replaced; nil: none
	After  []byte // mapped record that is wanted; nil: none
	Fields []string
	Ref    []byte
	Order  uint64
	Lane   string

	// Had: an item stood under the key, with mapped hash Expect.
	Had    bool
	Expect record.Hash

	// Item: the state's item is put once Op is applied (or at once, without an
	// Op), with these values. Without it a Delete drops the item.
	Item        bool
	Raw, Mapped record.Hash
	Status      byte // state.Status of the item
	HasSrc      bool
	SrcPart     string
	SrcKey      record.Key

	// The read that the change rests on.
	Part string
	Seq  uint64

	// Open, when not empty, is the reason under which the key becomes open
	// instead of Op being applied; OpenOp and Cause say what waits. Clear: an
	// open key under this key is dropped (once Op is applied, if there is one).
	Open     string
	OpenOp   record.Op
	Since    time.Time // zero: the run's time
	Due      time.Time
	Attempts int
	Note     string
	Code     string
	Field    string
	Clear    bool
	Approved bool

	// Stranger: the row to delete is no item.
	Stranger bool

	// Touch: of the item only Raw, Status and the source reference are put.
	Touch bool

	// Drop: the item is forgotten without a change at the target.
	Drop bool

	// Upstream names items of other pipelines that this entry builds on.
	Upstream []Expectation
}

// An Expectation is an item of an upstream pipeline as this plan saw it; a
// zero hash: that it does not exist.
type Expectation struct {
	Pipeline string // address
	Key      record.Key
	Hash     record.Hash
}

// A SourceRow is one change to a mirror: a put, or a tombstone.
type SourceRow struct {
	// Order is the row's place in the read, from 1: its sequence in the mirror
	// is that much above the one that the read found.
	Order  uint64
	Part   string
	Key    record.Key
	Hash   record.Hash
	Lo, Hi string
	Gone   bool
	Reason string
	Body   []byte
}
