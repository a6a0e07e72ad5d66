// Package state remembers what was delivered: items, open keys, mirrors of
// sources, cursors, runs and their audit trail. Store is the interface of its
// back ends; package statetest holds the tests that each of them passes.
package state

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"koppel/engine/record"
)

// A Store keeps the state of one project. It is safe for concurrent use.
type Store interface {
	// View runs fn on one consistent snapshot. Values that iterators yield are
	// the callee's only until the next step.
	View(ctx context.Context, fn func(View) error) error
	// Update runs fn in one transaction, which is durable when Update returns
	// nil and has not happened otherwise.
	Update(ctx context.Context, fn func(Tx) error) error
	// Lock takes all named locks or none, waiting at most wait. A *LockedError
	// names the holder. Locks of a dead process are free. unlock may be called
	// more than once.
	Lock(ctx context.Context, names []string, wait time.Duration, holder string) (unlock func(), err error)
	// Hasher makes the hashes that this state's rows carry: keyed when sealed.
	Hasher() *record.Hasher
	// Sealed tells whether bodies are sealed.
	Sealed() bool
	// Seal and Unseal protect bytes that leave the store for a plan file. Seal
	// fails when there is no key and none can be made.
	Seal(plain []byte) ([]byte, error)
	Unseal(sealed []byte) ([]byte, error)
	// Backup writes a consistent copy to a new file.
	Backup(ctx context.Context, path string) error
	// Rekey seals everything again under a new key.
	Rekey(ctx context.Context, key []byte) error
	// Export writes the whole state as JSON lines; Import replaces the state
	// with such lines. Bodies stay sealed when they are.
	Export(ctx context.Context, w io.Writer) error
	Import(ctx context.Context, r io.Reader) error
	// Inbox is where deliveries to sources wait. It is made by the first of them.
	Inbox() Inbox
	Close() error
}

// A View reads the state. Methods that take an id give what belongs to it. A
// View is used by one goroutine at a time and not after its function returned;
// an iterator yields at most one error, as its last step. Times are kept to
// the millisecond, and empty bytes come back as nil.
type View interface {
	Pipelines() ([]Pipeline, error)
	Pipeline(address string) (Pipeline, bool, error)
	Sources() ([]Source, error)
	Source(address string) (Source, bool, error)
	Parts(source int64) ([]Part, error)
	Position(pipeline, source int64) (Position, bool, error)
	Positions(pipeline int64) ([]Position, error)
	// Based tells for which partitions of a pipeline the first complete read
	// was taken (first_run, --baseline).
	Based(pipeline int64) (map[string]bool, error)

	// Items yields items in key order, from the first key that is not below
	// from.
	Items(pipeline int64, from record.Key) iter.Seq2[*Item, error]
	// ItemsLight is Items without Body and Answer, for the index pass.
	ItemsLight(pipeline int64) iter.Seq2[*Item, error]
	Item(pipeline int64, key record.Key) (*Item, error) // nil when there is none
	// ItemsOf yields the items that one source record gave, in key order; only
	// items that carry a Src are found.
	ItemsOf(pipeline int64, src SourceRef) iter.Seq2[*Item, error]
	CountItems(pipeline int64) (map[Status]int, error)

	// Open yields the open keys in key order.
	Open(pipeline int64) iter.Seq2[*Open, error]
	OpenKey(pipeline int64, key record.Key) (*Open, error) // nil when there is none

	// Flights yields the flights of a pipeline in the order of their batches.
	Flights(pipeline int64) iter.Seq2[*Flight, error]

	// Mirror yields a source's rows, tombstones too, in (part, key) order.
	Mirror(source int64) iter.Seq2[*MirrorRow, error]
	// MirrorSince yields the rows with a higher sequence, in sequence order.
	MirrorSince(source int64, seq uint64) iter.Seq2[*MirrorRow, error]
	MirrorRow(source int64, part string, key record.Key) (*MirrorRow, error)

	// Changes yields the audit trail of one key, newest first; ChangesOf that
	// of one run, in key order.
	Changes(pipeline int64, key record.Key) iter.Seq2[*Change, error]
	ChangesOf(run, pipeline int64) iter.Seq2[*Change, error]
	// Deletes counts the deletes and disables since a time, approved ones
	// apart.
	Deletes(pipeline int64, since time.Time) (int, error)

	// Runs yields runs, newest first; pipeline 0: of all pipelines.
	Runs(pipeline int64) iter.Seq2[*Run, error]
	Run(id int64) ([]Run, error) // one entry per pipeline
	// PlanApplied tells whether a plan was applied or begun, and its run.
	PlanApplied(plan string) (run int64, done bool, err error)
	HeldReads() ([]HeldRead, error)

	DeliveryView
	// Tokens gives the tokens of the API by name, revoked ones too.
	Tokens() ([]Token, error)
}

// A Tx changes the state. Put methods insert or replace by key. An iterator of
// a Tx may or may not show what is written while it runs. A write that failed
// makes Update fail, whatever its function returns.
type Tx interface {
	View
	DeliveryTx
	// PutPipeline and PutSource insert when ID is 0 and return the ID.
	PutPipeline(Pipeline) (int64, error)
	PutSource(Source) (int64, error)
	PutPart(Part) error
	DropPart(source int64, part string) error
	PutPosition(Position) error
	SetBased(pipeline int64, part string) error

	// PutItem inserts or replaces an item. It is cheapest in key order.
	PutItem(pipeline int64, it *Item) error
	DropItem(pipeline int64, key record.Key) error
	// TouchItem changes raw hash, status and source reference alone.
	TouchItem(pipeline int64, it *Item) error
	PutOpen(pipeline int64, o *Open) error
	DropOpen(pipeline int64, key record.Key) error
	// PutFlight inserts or replaces the flight of a batch. It is smallest in
	// key order.
	PutFlight(pipeline int64, f *Flight) error
	DropFlight(pipeline, batch int64) error
	PutMirror(source int64, row *MirrorRow) error
	// DropTombstones removes gone rows up to a sequence, but for the kept keys.
	DropTombstones(source int64, upTo uint64, keep func(part string, key record.Key) bool) error
	DropMirror(source int64) error
	PutChange(*Change) error
	// BeginRun makes the row of a run and gives its id; id 0 starts a new run.
	BeginRun(Run) (id int64, err error)
	PutRun(Run) error
	PutHeldRead(HeldRead) error
	DropHeldRead(source int64) error
	// PutToken inserts or replaces the token of a name.
	PutToken(Token) error

	// Rename carries state to another address; it fails when to exists.
	RenamePipeline(from, to string) error
	RenameSource(from, to string) error
	// DropPipeline and DropSource remove everything that belongs to them.
	DropPipeline(id int64) error
	DropSource(id int64) error
	// Erase removes one key with its history and deliveries from a pipeline; EraseMirror
	// removes one record from a mirror.
	Erase(pipeline int64, key record.Key) error
	EraseMirror(source int64, part string, key record.Key) error
	// Prune removes audit rows, runs and deliveries that ended before a time.
	Prune(before time.Time) error
}

// A Pipeline is what is remembered of one pipeline instance.
type Pipeline struct {
	ID           int64
	Address      string // pipeline.employees, pipeline.employees["acme"]
	Fingerprint  []byte
	SinkIdentity string // empty without a sink
	SinkAddress  string
	Shape        []byte // JSON that the engine needs for an orphaned address
	Day          string // the date that the last run saw as today
	Paused       bool
}

// A Source is what is remembered of one source instance.
type Source struct {
	ID          int64
	Address     string
	Fingerprint []byte
	Epoch       int64  // raised when the fingerprint changes
	Seq         uint64 // the highest sequence in the mirror
}

// A Part is one partition of a source.
type Part struct {
	Source int64
	Name   string
	Cursor []byte
	FullAt time.Time // end of the last complete full read under the present fingerprint; zero: none
	Count  int64     // records of the last complete full read
}

// A Position says how far a pipeline has processed a source, and the digest of
// a joined side when it last looked.
type Position struct {
	Pipeline, Source int64
	Seq              uint64
	Digest           []byte
}

// A SourceRef names a source record.
type SourceRef struct {
	Part string
	Key  record.Key
}

// A Status says what an item is.
type Status byte

// The states of an item. Out and Expired are stubs: there is no record at the
// target, or none that is still looked after.
const (
	Delivered Status = iota
	Expired          // left its window on the past side
	Out              // dropped by where
	Disabled
	Kept // gone at the source, left at the target
	// Unsure: a call was begun for it and not remembered. With a body the row
	// stands at the target, and Body is what it held before the call; without
	// one it may stand there or not.
	Unsure
)

// An Item is one mapped record as it was last delivered.
type Item struct {
	Key    record.Key
	Raw    record.Hash // of the source bytes; a shortcut only
	Mapped record.Hash // of the canonical mapped record; zero: not known
	Status Status
	Born   int64 // run that created it
	Run    int64 // run that changed it last
	Src    SourceRef
	HasSrc bool // false: the source record has the same key and partition ""
	Answer []byte
	Body   []byte
}

// A Reason says why a key is open.
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

// An Open is a key whose desired and delivered records differ while nothing
// was done yet.
type Open struct {
	Key      record.Key
	Reason   Reason
	Op       record.Op
	Cause    record.Cause
	Since    time.Time
	Due      time.Time // zero: at every run
	Order    uint64
	Attempts int
	Before   record.Hash // mapped hash of the item that the change would replace
	After    []byte      // the mapped record that is wanted; nil for a delete
	Src      SourceRef
	HasSrc   bool
	Code     string // stable code of a failure
	Field    string // field of a failure
	Note     string // the target's or the mapping's own words, or a person's reason
	Approved bool
	Until    time.Time // when the approval ends; zero: never
	Run      int64
}

// ApprovedAt tells whether an approval holds at a time.
func (o *Open) ApprovedAt(t time.Time) bool { return o.Approved && lasts(o.Until, t) }

func lasts(until, t time.Time) bool { return until.IsZero() || t.Before(until) }

// A Flight is a batch of changes that is, or may be, at the target and is not
// remembered yet. It is there before the batch is sent, and goes in the
// transaction that remembers it.
type Flight struct {
	Batch int64 // its number in the run, from 1
	Run   int64
	// Asked: what became of the deletes is for the target to say, as the same
	// record can't be created again blindly.
	Asked bool
	Flown []Flown
}

// A Flown is one change of a flight.
type Flown struct {
	Key    record.Key
	Op     record.Op
	Src    SourceRef
	HasSrc bool // as in Item
}

// A MirrorRow is the last known record of a source under one key.
type MirrorRow struct {
	Part   string
	Key    record.Key
	Seq    uint64
	Epoch  int64
	Hash   record.Hash
	Lo, Hi string // extent in time, ISO; empty: none
	Gone   bool
	Reason string // of a tombstone
	Body   []byte
}

// A Change is one applied change in the audit trail. A create has none: it is
// the item's Born, and that of the delete which ends the item.
type Change struct {
	Pipeline int64
	Key      record.Key
	Run      int64
	Op       record.Op
	Cause    record.Cause
	Approved bool
	At       time.Time // zero in PutChange: now
	Before   []byte
	After    []byte // nil when it is the next change's Before or the item's body
	// Born is, of a delete, the run that created what it deleted; zero in
	// PutChange: that of the item under the key. A delete has no After.
	Born int64
}

// A Run is the part of one run that concerns one pipeline.
type Run struct {
	ID             int64
	Pipeline       int64 // 0: the run as a whole
	Address        string
	Plan           string
	Kind           string // run, apply, undo, retire, baseline
	Started, Ended time.Time
	Status         string
	Counts         []byte // JSON
	Problems       []byte // JSON
	Clock          time.Time
}

// A HeldRead is a read that complete_when tripped.
type HeldRead struct {
	Source   int64
	Address  string
	Count    int64
	Since    time.Time
	Note     string
	Approved bool
	Until    time.Time // when the approval ends; zero: never
}

// ApprovedAt tells whether an approval holds at a time.
func (h *HeldRead) ApprovedAt(t time.Time) bool { return h.Approved && lasts(h.Until, t) }

// A Token lets a program use the API. Its secret is nowhere kept.
type Token struct {
	Name    string
	Role    string
	Hash    []byte // SHA-256 of the secret
	Created time.Time
	Expires time.Time // zero: never
	Revoked time.Time // zero: it is not
	Used    time.Time // the last time, within a minute; zero: never
}

// ExpiredAt tells whether a token has come to its end at a time.
func (k *Token) ExpiredAt(t time.Time) bool { return !lasts(k.Expires, t) }

// A LockedError says who holds a lock.
type LockedError struct{ Name, Holder string }

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s is locked by %s", e.Name, e.Holder)
}

// ErrNewer says that the state was written by a newer version.
var ErrNewer = errors.New("the state was written by a newer version of koppel")

// ErrCorrupt says that stored bytes are damaged.
var ErrCorrupt = errors.New("the state is damaged")

// ErrKey says that the state key does not open the state.
var ErrKey = errors.New("the state key does not fit the state")
