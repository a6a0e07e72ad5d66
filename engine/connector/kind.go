package connector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"koppel/engine/record"
)

// A Kind defines one kind of source, sink or connection: its name, its
// arguments (the tagged fields of a struct) and how it is opened. Decoding,
// unknown-argument errors, positions, the reference pages and the editor
// schema all come from it.
//
// The fields of the configuration struct carry `hcl:"name"`,
// `hcl:"name,optional"`, `hcl:"name,block"` (a struct, or a pointer to one
// when optional), `hcl:"name,label"` (inside a labelled block) and
// `hcl:",embed"` tags, and `doc:"…"`. Optional allowed words are listed as
// `oneof:"a b c"`. Types: string, bool, int, float64, Duration, Secret,
// []string, map[string]string, any, Program, Template, Connection, structs
// and slices of structs for blocks.
type Kind[T any] struct {
	Name string
	Doc  string
	// DefaultKey names the key fields that a source of this kind has when the
	// file names none; empty: the file must.
	DefaultKey []string
	// NeedsKey: a source of this kind can't be read without key fields, which
	// then are those of the file.
	NeedsKey bool
	// Connections lists the connection kinds that this kind can use.
	Connections []Kind[any]
	// AnyHTTP: a source or sink of this kind uses every connection kind that is
	// OverHTTP, beside those in Connections.
	AnyHTTP bool
	// Traits that are known before the sink is opened.
	Static Traits
	// OverHTTP: the system of a connection of this kind is asked over HTTP. What
	// it opens is an Asker, so that lookups can use it, and a Speaker of package
	// httpclient, so that the kinds with AnyHTTP can.
	OverHTTP bool
	// FirstRun: a pipeline into this sink must say what its first run does.
	FirstRun bool
	// Event: a source of this kind is told of events. Absence proves nothing, its
	// reads are deltas that go on from the cursor whatever the arguments were, and
	// the last record of a key wins.
	Event bool
	// Zone: the times of the records of a source of this kind are those of the
	// clock on the wall in this IANA zone, whatever they say: a Z behind them is
	// not true. Empty: they are as they say, and of UTC where they do not say.
	Zone string
	// Version is raised when the same arguments give other records.
	Version int

	config func() any
	open   func(context.Context, any, Env) (T, error)
}

// Define makes a kind. defaults holds the defaults of the arguments; open gets
// a decoded copy and does no more than it needs to: nothing is written, and a
// connection is made on first use.
func Define[C, T any](name, doc string, defaults C, open func(context.Context, C, Env) (T, error)) Kind[T] {
	return Kind[T]{
		Name:   name,
		Doc:    doc,
		config: func() any { c := defaults; return &c },
		open: func(ctx context.Context, config any, env Env) (T, error) {
			return open(ctx, *config.(*C), env)
		},
	}
}

// Config returns a fresh pointer to the configuration struct, with defaults.
func (k Kind[T]) Config() any { return k.config() }

// Open opens what config, a pointer that Config returned, describes.
func (k Kind[T]) Open(ctx context.Context, config any, env Env) (T, error) {
	if want := reflect.TypeOf(k.config()); reflect.TypeOf(config) != want {
		var zero T
		return zero, fmt.Errorf("open %s: configuration is a %T, not a %s", k.Name, config, want)
	}
	return k.open(ctx, config, env)
}

// Validator is implemented by pointers to configuration structs whose
// arguments depend on each other. It runs offline, with secrets absent.
type Validator interface{ Validate() error }

// Keyed is implemented by pointers to configuration structs of sources whose
// default key depends on other arguments. It runs offline.
type Keyed interface{ DefaultKey() []string }

// Discreet is implemented by pointers to configuration structs of sources that
// read what is sensitive whatever the file says, as dotted paths.
type Discreet interface{ Sensitive() []string }

// Keeper is implemented by pointers to configuration structs of sinks whose kind
// can delete, and which can't as they are configured. It runs offline. What is
// no longer wanted is then kept, unless the file says otherwise.
type Keeper interface {
	// Keeps says why such a sink can't delete; empty: it can.
	Keeps() string
}

// Unchanging is implemented by pointers to configuration structs of sinks whose
// kind can update, and which can't as they are configured. It runs offline.
type Unchanging interface {
	// Unchanging says why such a sink can't update; empty: it can.
	Unchanging() string
}

// Fitted is implemented by pointers to configuration structs of sinks that do
// not take records of every shape. It runs offline.
type Fitted interface {
	// Fits says what of the shape such a sink can't take.
	Fits(shape record.Shape) error
}

// A FieldError is a problem with one argument. The language adds its place.
type FieldError struct{ Field, Problem, Hint string }

func (e *FieldError) Error() string { return e.Field + " " + e.Problem }

// Env is all of the world that a connector may use.
type Env struct {
	// Block names what is opened and where it stands, for errors:
	// connection.http.shop (main.hcl:3).
	Block string
	Dir   string // the project's folder; relative paths start here
	Spool string // a folder for temporary files, removed after the run
	Now   func() time.Time
	// Clock is the time that the run has fixed, in the project's time zone; zero:
	// there is no run. See At and Today.
	Clock    time.Time
	Log      *slog.Logger
	HTTP     *http.Client
	ReadOnly bool // a plan: nothing may be created or written
	// Calls is told of each request to a system, by several goroutines at once;
	// nil: nobody listens.
	Calls func(Call)
	// Key holds the key fields of a source, as dotted paths.
	Key []string
	// Window gives the sides of the window of a source that has one, as ISO
	// date-times in UTC; an open side is empty. Nil: no window.
	Window func() (from, to string)
	// WindowField is the field that the window is about, as a dotted path.
	WindowField string
	// Upstream gives the records of a source or pipeline, in the order of their
	// keys, to a source whose argument refers to it (Selection). It is called by
	// the goroutine that reads, before anything is handed over. whole tells that
	// none is missing, as far as anybody knows. Nil: nothing is read.
	Upstream func(ctx context.Context, address string, yield func(body []byte) error) (whole bool, err error)
	// Inbox holds what was delivered to a source; nil: it has none.
	Inbox Inbox
	// Shape describes the records that a sink will get.
	Shape record.Shape
	// Seal wraps a temporary file's writer when anything in the project is
	// sensitive; nil: write in the clear.
	Seal func(io.Writer) io.WriteCloser
}

// At is the clock of the run, which stands still while Now goes on; without a
// run it is Now.
func (e *Env) At() time.Time {
	if e.Clock.IsZero() {
		return e.Now()
	}
	return e.Clock
}

// Today is the date of the run in the project's time zone, which {today} stands
// for, as YYYY-MM-DD.
func (e *Env) Today() string { return e.At().Format(time.DateOnly) }

// A Connection is the argument `connection`: a reference that the language
// resolved. Get opens the connection on first use; everything in one process
// that refers to the same address shares it.
type Connection struct {
	Address string
	Kind    string
	Config  any // the decoded configuration; offline its secrets are empty
	Get     func(ctx context.Context) (any, error)
}

// A Selection is an argument that says which parts of a system are read: a list
// of texts, one text, or a reference to a source or pipeline whose records name
// them. A block has one at most.
type Selection struct {
	List []string // nil: it is no list
	Text string
	From string // the address of the source or pipeline; empty: it is none
}

// A Secret is a value that is never printed. It must be held in exported
// struct fields only: fmt bypasses String on unexported ones.
type Secret string

const masked = "‹sensitive›"

// String hides the value.
func (Secret) String() string { return masked }

// GoString hides the value.
func (Secret) GoString() string { return masked }

// LogValue hides the value.
func (Secret) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalText hides the value.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// A Duration is written as a number and one of ms, s, m, h, d, w.
type Duration time.Duration

// A Program is a compiled jq or expr program, or a per-record value, that a
// kind was given as an argument.
type Program interface {
	// Run gives the outputs for one input value, decoded as in package record.
	Run(ctx context.Context, input any) ([]any, error)
	// Source is the program's text, for fingerprints.
	Source() string
}

// A Plain is a Program that can tell whether it is a path of names and nothing
// else, .a.b in jq, or with each .a.b[]: whoever holds the raw text of the
// input follows it there and need not run the program.
type Plain interface {
	Plain() (path []string, each, ok bool)
}

// A Template is text with {names} in it.
type Template interface {
	// Fill puts values in, escaped for where they stand.
	Fill(values func(name string) (any, bool)) (string, error)
	Source() string
}

// ErrUnreachable marks an error of a system that could not be reached or that
// refused the credentials: wrap it with %w. The program then ends with exit 4.
var ErrUnreachable = errors.New("unreachable")

// ErrIncomplete marks an error that says a read was not proven complete.
var ErrIncomplete = errors.New("incomplete")
