package connector

import (
	"context"

	"koppel/engine/record"
)

// A Sink applies changes to one target. Write applies a batch in order and
// says what became of each change, in the same order; when it returns, what it
// calls Applied is durable. An error means that nothing more can be said of
// the changes without an outcome, and that later batches would fail as well.
// Applying a change twice leaves the target as applying it once does, unless
// Traits says Journalled. Write is called from one goroutine at a time.
type Sink interface {
	Traits() Traits
	Write(ctx context.Context, batch []record.Change) ([]Outcome, error)
}

// Traits are what the engine must know of a sink.
type Traits struct {
	// Batch is the largest number of changes in one Write; 0: the engine's own.
	Batch int
	// Ordered: changes go in source order per lane, and a refused or held one
	// makes the later ones of its lane wait.
	Ordered bool
	// Journalled: a create can't be repeated safely; the engine writes its
	// intent before the call and asks Find when a crash leaves it in doubt.
	Journalled bool
	// Additive: an update adds to the target as a create does (another signal,
	// another upload, another mail), and so does a delete where the target takes
	// one (a cancellation), so they are journalled as well. Find then tells of an
	// update whether it has arrived, by a count of one.
	Additive bool
	// Content names the mapped field that holds the path of a file whose content
	// counts as part of the record; empty: there is none. The engine adds the
	// digest to the record, as record.ContentField.
	Content string
	// Answers: changes carry what the target answered earlier (Change.Answer). A
	// sink that is Journalled gets it as well.
	Answers bool
	// Outbox: Write sends nothing. It makes messages (Outcome.Messages), which
	// the engine stores with the outcomes, and the sink is a Courier.
	Outbox bool
	// Whole: every delivery is the whole set (a file that is replaced). See
	// Replacer.
	Whole bool
	// Deletes: the target can delete.
	Deletes bool
	// Undoable: what was written can be taken back by writing again.
	Undoable bool
	// Identity names the target (host, database, table, constant rows). State
	// is bound to it. No secrets.
	Identity string
}

// A Status says what became of one change.
type Status int

// The outcomes of a change. A call that never reached the target, or that it
// says it has not acted on, is NotSent: it leaves nothing in doubt. A sink whose
// calls can't be repeated says so beside the error that ends the batch, as what
// it says nothing of may have been sent.
const (
	Applied   Status = iota
	Refused          // the target said no, in Outcome.Message
	Unknown          // the call was sent and its answer was lost
	Protected        // Change.Protect kept the row
	NotSent          // nothing was done, and the same is tried by the next run
)

// An Outcome is what became of one change.
type Outcome struct {
	Status  Status
	Message string // the target's own words, without secrets
	// Later: the refusal rests on other rows, so that the target may take the
	// change once those that follow were applied.
	Later  bool
	Answer []byte // JSON object that the target answered, kept with the item
	// Messages are those of a sink with the trait Outbox.
	Messages []Message
}

// Found is what a look at the target showed for one change.
type Found struct {
	N      int        // how many rows matched; more than one is never acted upon
	Untold bool       // the target can't tell, whatever N says: a person decides
	Ref    []byte     // the row's handle, for Change.Ref
	Key    record.Key // the key that the row carries; empty when none
	Row    []byte     // the row as a JSON object of all its columns
	Answer []byte     // as in Outcome
}

// A Finder looks at the target before writing to it. It never writes.
type Finder interface {
	// Find looks each change up by its key: is it there, after a lost answer?
	Find(ctx context.Context, batch []record.Change) ([]Found, error)
}

// A Matcher finds earlier rows to adopt. It never writes.
type Matcher interface {
	// Matching tells whether a match is configured at all.
	Matching() bool
	// Match looks each create up by the fields that match rows.
	Match(ctx context.Context, batch []record.Change) ([]Found, error)
}

// A Row is one row of the target.
type Row struct {
	Key  record.Key // empty when the row carries no key of ours
	Ref  []byte     // the row's own handle
	Body []byte     // all columns as a JSON object, members sorted by name, values as the pipeline maps them
}

// A Lister reads the whole target, bounded by its constant rows, for
// scope = "target" and --refresh. It never writes. Row is the callee's until
// yield returns. A target that does not exist yet has no rows.
type Lister interface {
	List(ctx context.Context, yield func(Row) error) error
}

// A Comparer says that what the target shows of a field is what was written,
// where the two look different: a column of JSON shows a text as the value that
// the text stands for. Both are JSON values, shown first.
type Comparer interface {
	Same(field string, shown, written []byte) bool
}

// A Folder tells how the target compares keys when that is looser than bytes.
// By a method Folding() (bool, error) it may also say that Fold changes no key
// at all, or why it can't tell how keys compare: nothing is done then.
type Folder interface {
	Fold(k record.Key) record.Key
}

// A Laner groups the changes of an ordered sink: order matters among those of
// one lane only. Without it every key is a lane.
type Laner interface {
	Lane(c record.Change) string
}

// A Replacer delivers a whole set at once: the engine calls Stage instead of
// Write. The target shows the old set or the new one, never a part.
type Replacer interface {
	// Stage starts a set beside the one that stands, which stays until Commit.
	Stage(ctx context.Context) (Stage, error)
}

// A Stage is a set on its way to a target. It is for one goroutine.
type Stage interface {
	// Add takes the next mapped record, in the order of the source. The bytes
	// are the caller's again after the return.
	Add(key record.Key, body []byte) error
	// Commit puts the set in the place of the old one, durably.
	Commit(ctx context.Context) error
	// Abandon gives the set up; nothing of it stays.
	Abandon() error
}

// An OrderedStage is a Stage that need not look for the members of a record
// when it is told that they stand in its own order.
type OrderedStage interface {
	Stage
	// AddOrdered is Add for a record that has exactly the members of the Shape, in
	// the Shape's order.
	AddOrdered(key record.Key, body []byte) error
}

// A Standing is a Replacer that can tell whether what it delivered is still
// there.
type Standing interface {
	Stands(ctx context.Context) (bool, error)
}

// A Doubt is what a Checker found that need not be wrong: it can't be seen from
// here. It is shown as a warning.
type Doubt struct{ Err error }

func (d *Doubt) Error() string { return d.Err.Error() }

// Unwrap gives what was found.
func (d *Doubt) Unwrap() error { return d.Err }

// A Checker tests that a system answers and accepts the credentials.
type Checker interface {
	Check(ctx context.Context) error
}
