// Package engine runs pipelines: read, map, compare, guard, apply, remember.
package engine

import (
	"context"
	"time"

	"koppel/engine/change"
	"koppel/engine/connector"
	"koppel/engine/mapping"
	"koppel/engine/record"
)

// A Project is what the engine runs: sources, sinks and pipelines, one entry
// per instance, by address (source.file.people, pipeline.employees["acme"]).
type Project struct {
	Dir       string
	Location  *time.Location // what `today` means
	State     StateConfig
	Sources   map[string]*Source
	Sinks     map[string]*Sink
	Pipelines map[string]*Pipeline
	Moved     []Move
	// Sensitive: something in the project is sensitive, so stored bodies are
	// sealed.
	Sensitive bool
}

// StateConfig says where the state is kept.
type StateConfig struct {
	Kind      string // sqlite
	Path      string
	Key       func(ctx context.Context) ([]byte, error) // nil: a key file beside the state
	Retention time.Duration                             // of the audit trail; 0: kept
}

// A Move carries state from one address to another.
type Move struct{ From, To string }

// A Source is one configured source instance.
type Source struct {
	Address string
	Kind    string
	Title   string   // for people: afas_get "Reception_Employees"
	Key     []string // dotted paths
	Event   bool     // absence proves nothing
	// Path is where others deliver to the source over HTTP; empty: nobody does. What
	// Open gives is an http.Handler then.
	Path string
	// Noticed is the connection through which the system can be asked to tell of
	// changes in what is read, and Subscribes the one whose notices are delivered
	// to this source, at NoticesAt; empty: none.
	Noticed, Subscribes, NoticesAt string
	// Program evaluates `deleted`; nil when there is none.
	Program     *mapping.Program
	Complete    CompleteWhen
	Incremental *connector.Incremental
	Window      *Window
	Sensitive   []string // dotted paths as read
	Snapshot    bool
	Upstream    string // the source or pipeline that names what is read; empty: none
	Fingerprint []byte // of the arguments; secrets and windows excluded
	Open        func(ctx context.Context, env connector.Env) (connector.Source, error)
}

// CompleteWhen holds what a complete read must fulfil.
type CompleteWhen struct {
	MinRecords int64
	MaxDrop    *Limit
}

// A Window bounds a source in time around the run's clock. A nil side is open.
type Window struct {
	Field string
	// End is the field that holds the end of a record that lasts; empty: a record
	// is a moment.
	End          string
	Past, Future *time.Duration
	// Zone is that of moments that carry no offset or a Z which is not true; nil:
	// a Z is true, and without an offset a moment is one of UTC.
	Zone *time.Location
}

// A Limit is a count or a share.
type Limit = change.Limit

// A Sink is one configured sink instance.
type Sink struct {
	Address string
	Kind    string
	Title   string
	Static  connector.Traits
	Open    func(ctx context.Context, env connector.Env) (connector.Sink, error)
}

// A Pipeline is one configured pipeline instance.
type Pipeline struct {
	Address     string // pipeline.employees, pipeline.employees["acme"]
	Name        string // employees, employees["acme"]
	Description string
	Enabled     bool
	From        string // address of a source or pipeline
	Into        string // address of a sink; empty: none
	After       []string
	Joins       []Join            // in the order of the mapping program's joins
	Lookups     []Lookup          // in the order of the mapping program's lookups
	Targets     map[string]string // NAME in NAME.target → pipeline address
	Program     *mapping.Program
	Fields      []Field // in the order of the mapping
	Key         []record.KeyField
	OpenShape   bool // map = jq(…): records may have members beyond Fields
	// Content names the field with the path of a file that counts as part of the
	// record; empty: there is none.
	Content     string
	Deletes     Deletes
	Guard       Guard
	Errors      *Limit
	FirstRun    string // send, baseline; empty: send
	Fingerprint []byte
	// Identify makes the fingerprint with sensitive values entered through
	// seal, a keyed hash. Fingerprint is the one without them.
	Identify func(seal func([]byte) []byte) []byte
	Schedule *Schedule
	Notify   []Notify
	Tests    []*Test
	// Err says why the pipeline can't run: something that its programs read is
	// not set. Nil: it can.
	Err error
}

// A Notify says who is told how a run ended.
type Notify struct {
	On   []string // failed, held, recovered
	Into string   // address of a sink
}

// A Join says with what and how a named right side is joined.
type Join struct {
	Name string
	With string // address of a source or pipeline
	None string // null, skip, error
	Many string // error, first, list
}

// A Lookup says what a system is asked about each record that is touched.
type Lookup struct {
	Name       string
	Connection string // address
	Method     string // GET, POST, …
	Type       string // media type of the body
	None       string // null, skip, error
	// Cache is how long an answer counts in later runs; in one run it always does.
	Cache time.Duration
	// Records is an XPath that selects the records of an XML answer; empty: a
	// program does, or the answer is the record.
	Records string
	// Digest tells apart what is made of the same answer.
	Digest []byte
	// Open opens the connection, and what takes the records out of an answer; nil:
	// the answer is the record.
	Open func(ctx context.Context, env connector.Env) (connector.Asker, connector.Program, error)
}

// A Field is one mapped field with its rules.
type Field struct {
	record.Field
	OnNull     string // keep, clear, error
	CreateOnly bool
	Compare    record.Compare
}

// Deletes says what becomes of a delivered record that is no longer wanted.
type Deletes struct {
	Action  string // delete, disable, keep
	Set     *mapping.Program
	Grace   time.Duration
	Target  bool   // scope = "target"
	Protect bool   // Program has a protect condition
	Expired string // forget, delete
}

// A Guard bounds the changes of one run. Nil: no bound.
type Guard struct{ Creates, Updates, Deletes *Limit }

// A Schedule says when a pipeline runs by itself.
type Schedule struct {
	Cron     string
	Every    time.Duration
	Location *time.Location
	Jitter   *time.Duration
	Overlap  string // skip, queue
	Missed   string // run_once, skip
}

// A Test is one test block of a pipeline.
type Test struct {
	Name       string
	File       string
	Line       int
	Program    *mapping.Program // with the test's variables
	Given      []byte           // source record, JSON
	Joins      map[string][][]byte
	Lookups    map[string][]byte
	AsOf       time.Time // zero: the present
	Expect     [][]byte  // one object; under each a list
	ExpectList bool
	Skip       bool   // expect_skip: where drops it
	Error      string // expect_error: text that the error must contain; empty with Fails: any
	Fails      bool
}
