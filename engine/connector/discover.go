package connector

import (
	"context"
	"errors"
)

// A Discoverer is what a connection opens when its system tells what it holds.
// It only reads.
type Discoverer interface {
	// Discover lists the collections that can be read, in an order that is the
	// same each time. It leaves out what costs a question for each: Fields, Unique,
	// Cursor, Kind, Arguments and Notes may be empty.
	Discover(ctx context.Context) ([]Collection, error)
	// Describe tells all of one collection, named as Discover or a source names
	// it. The error wraps ErrNoCollection when there is none.
	Describe(ctx context.Context, name string) (Collection, error)
}

// ErrNoCollection marks an error of Describe: there is nothing of that name.
var ErrNoCollection = errors.New("there is no such collection")

// ErrUndiscoverable marks an error of a Discoverer: its system can't tell, or
// this version can't ask it.
var ErrUndiscoverable = errors.New("this kind of system is not looked into")

// A Collection is one set of records of a system: a table, a view, a connector
// of AFAS, the users of a directory.
type Collection struct {
	Name  string // as a source names it
	Label string // in words, as the system has it; may be empty
	Type  string // table, view, connector, …
	Count int    // number of fields
	// Key names the fields that tell records apart; empty: the system does not
	// say.
	Key []string
	// Unique are other sets of fields that no two records share.
	Unique [][]string
	// Cursor names a field that seems to hold when a record was last changed.
	Cursor string
	Fields []Field
	// Kind is the kind of source that reads it (of sink that writes it, when
	// Sink is set), and Arguments are those that it needs beside connection and
	// key.
	Kind      string
	Sink      bool
	Arguments []Argument
	// Notes say what a user must know of the arguments, a sentence each.
	Notes []string
}

// An Argument of a source, a text.
type Argument struct{ Name, Value string }

// A Field is one field of the records of a collection.
type Field struct {
	Name     string
	Label    string // in words, as the system has it; may be empty
	Type     string // as the system says
	Nullable bool   // it may be null or absent
	// Unreadable says why no record can carry it; empty: one can.
	Unreadable string
}

// A Described is a Source whose system tells, before a read, which fields all
// of its records have and no other. It only reads.
type Described interface {
	Fields(ctx context.Context) ([]Field, error)
}
