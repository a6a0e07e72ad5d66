package sql

import (
	"slices"
	"strings"
)

// A Name is a table's name with the schema before it, which may be empty.
type Name struct{ Schema, Table string }

// A Table is the structure of a table.
type Table struct {
	Name    Name
	View    bool
	Columns []Column
	// Primary are the columns of the primary key where they may hold nulls, so
	// that Unique alone does not show what they are; other dialects leave it out.
	Primary []string
	// Unique are the unique indexes over whole rows, the primary key first.
	Unique []Index
	// Handle names the columns that tell rows apart, and Stable says that they
	// mean the same row for as long as it lives.
	Handle []string
	Stable bool
	// Partial: there are unique indexes over parts of values or expressions too.
	Partial bool
	// Indexes are the first columns of all indexes.
	Indexes []string
}

// A Column is one column of a table or a result.
type Column struct {
	Name      string
	Type      string // as declared; may be empty
	Base      string // the type's own name, without length and scale; [] behind it: an array
	Scale     int    // digits behind the point that the type keeps; -1: any number
	Collation string // how text is compared; may be empty
	Class     Class
	Boolean   bool // declared so
	JSON      bool // declared so
	NotNull   bool
	Generated bool
}

// A Class says what a column does to values.
type Class byte

// The classes of columns.
const (
	Any     Class = iota // keeps every value
	Texts                // numbers become text
	Numbers              // text that looks like a number becomes one
	Doubles              // as Numbers, and integers become doubles
	Native               // takes what Fit makes for its type
)

// An Index is a unique index: its columns and how each compares text.
type Index struct {
	Name       string
	Columns    []string
	Collations []string // NOCASE, RTRIM, BINARY, …: what the dialect's Fold knows
}

// Column finds a column by its name: exactly, or without regard to case, as
// databases do.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	for i := range t.Columns {
		if strings.EqualFold(t.Columns[i].Name, name) {
			return &t.Columns[i]
		}
	}
	return nil
}

// UniqueOver finds the unique index over exactly these columns, in any order.
func (t *Table) UniqueOver(columns []string) *Index {
	want := folded(columns)
	for i := range t.Unique {
		if slices.Equal(folded(t.Unique[i].Columns), want) {
			return &t.Unique[i]
		}
	}
	return nil
}

func folded(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.ToLower(n)
	}
	slices.Sort(out)
	return out
}
