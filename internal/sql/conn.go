package sql

import (
	"context"
	"errors"
)

// A DB is a database that a connection block names. It is safe for use by
// several goroutines; each works on a Conn of its own.
type DB struct {
	Dialect Dialect
	// Identity names the database as far as tables' identities don't, Place
	// all that says which rows a query finds; both without secrets.
	Identity, Place string
	// Open opens a connection. It makes the database only when access is
	// Create.
	Open func(ctx context.Context, access Access) (Conn, error)
}

// Access says what a connection is for.
type Access int

// What a connection may do: read only, also write, also make the database.
const (
	Read Access = iota
	Write
	Create
)

// A Conn is one connection, for one goroutine at a time. Errors of its methods
// and of its statements are *Error.
type Conn interface {
	// Begin starts a transaction: a snapshot to read from, or one that holds
	// what it needs to write. It waits a bounded time for locks. When ctx ends
	// before the commit, statements fail.
	Begin(ctx context.Context, write bool) error
	// Commit ends the transaction; it is durable on return. After an error
	// the transaction is undone.
	Commit() error
	// Rollback undoes the transaction, if there is one.
	Rollback()
	// Savepoint marks a place in the transaction, one at a time. RollbackTo
	// undoes what followed it and forgets it; Release keeps what followed it.
	Savepoint() error
	RollbackTo() error
	Release() error
	// Active tells whether there is a transaction: some errors end it.
	Active() bool
	// Current tells whether the connection still writes where its path leads;
	// false when the database was replaced.
	Current() bool
	Exec(query string, args ...Value) error
	Prepare(query string) (Stmt, error)
	Close() error
}

// A Bulk is a Conn that writes many rows at once. Its calls change all rows or,
// with an error, none, and leave the transaction as it was.
type Bulk interface {
	// Worth is the least number of rows for which it is faster than one by one.
	Worth() int
	// BulkUpsert inserts rows of columns, or updates set where a row with the
	// same key is there; no two rows have one key.
	BulkUpsert(t *Table, columns, key, set []string, rows Rows) (changed int, err error)
	// BulkUpdate sets the columns set in the rows that the columns key name.
	BulkUpdate(t *Table, set, key []string, rows Rows) (changed int, err error)
	// BulkDelete deletes the rows that the columns key name.
	BulkDelete(t *Table, key []string, rows Rows) (changed int, err error)
}

// Rows calls yield with the values of each row, in the order of the columns
// (of an update: set, then key). The values are its own again after the return.
type Rows func(yield func([]Value) error) error

// ErrTransient marks an error that ended a transaction which may be repeated
// as it was: a serialisation failure, a deadlock, a lost connection (whose
// commit may have happened).
var ErrTransient = errors.New("the transaction can be repeated")

// A Stmt is a prepared statement. Its parameters are numbered from 1.
type Stmt interface {
	// Bind gives a parameter its value for the next run; every parameter is
	// bound anew for each.
	Bind(param int, v Value)
	// Step runs the statement up to its next row; false: there is none, and
	// the statement is ready to be bound and run again.
	Step() (row bool, err error)
	// Changed is the number of rows that the last run inserted, updated or
	// deleted.
	Changed() int
	// Column gives a value of the present row, from 0. Its text is valid until
	// the next call for the same column or statement.
	Column(i int) Value
	Columns() int
	// Reset drops the rows that are left.
	Reset()
	Close() error
}

// A Dialect is what differs between databases.
type Dialect interface {
	Quote(name string) string
	Placeholder(n int) string
	// Syntax says where placeholders are none.
	Syntax() Syntax
	// ParseName reads a table's name as users write it.
	ParseName(text string) (Name, error)
	// Identity writes a table's name for the state to be bound to, the same one
	// however it is written.
	Identity(n Name) string
	// Describe looks a table up; nil: there is none.
	Describe(c Conn, name Name) (*Table, error)
	// Result gives names and declared types of a query's columns. Its
	// placeholders stand as parameters in query and as NULL in without.
	Result(c Conn, query, without string) ([]Column, error)
	// CreateTable is the statement that makes a table.
	CreateTable(t *Table) string
	// AddColumn is the statement that a user runs to add a column.
	AddColumn(t Name, c Column) string
	// Type is the column type for values of a mapped field's type, which may be
	// empty; an empty one leaves values as they are.
	Type(field string) string
	// Fit turns a value into what the column keeps unchanged; the error says
	// why it can't.
	Fit(c *Column, v Value) (Value, error)
	// Upsert is the statement that inserts columns, or updates set where a row
	// with the same key is there.
	Upsert(t *Table, columns, key, set, returning []string) string
	// Update is the statement that sets columns in the rows that where names.
	Update(t *Table, set, where, returning []string) string
	// Fold gives the form in which a collation that Describe named compares
	// text; text itself when it compares as bytes.
	Fold(collation, text string) string
	// Lock stands behind a query of one row that is to stay as it is until the
	// commit.
	Lock() string
	// NullsDistinct tells whether a unique index takes any number of nulls.
	NullsDistinct() bool
	// Spare is a value that column c keeps and that hardly any row holds: a
	// different one for each n from 1, as close to old as it can be. ok is
	// false when there is none.
	Spare(c *Column, old Value, n int) (v Value, ok bool)
	// Referenced names the columns that foreign keys of any table refer to.
	Referenced(c Conn, t *Table) ([]string, error)
	// Lowest is a value below the values of a column, for a first read.
	Lowest(inFunction bool) Value
	// Batch is the part of a query that makes rows (n, v0, v1, …) out of one
	// JSON list of lists, bound to the parameter, under an alias; Element is
	// one of its columns, to be compared with column c.
	Batch(param int, alias string) string
	Element(alias string, i int, c *Column) string
	Ordinal(alias string) string
}

// An Error is a failure of a database.
type Error struct {
	// Doing is what was tried.
	Doing string
	// Message is the database's own words.
	Message string
	// Refused: this row is refused, others need not be.
	Refused bool
	// Constraint is the kind of constraint that refused the row.
	Constraint Constraint
	// Columns are those of the unique constraint, as TABLE.COLUMN, as far as
	// the database names them.
	Columns []string
	// Cause marks what callers and the exit code look for; may be nil.
	Cause error
}

// A Constraint is a kind of constraint over several rows: what it refuses, it
// may allow once other rows have changed.
type Constraint byte

// The kinds of constraints over several rows.
const (
	NoConstraint Constraint = iota // another refusal
	Unique
	ForeignKey
)

// Error says what was tried and what the database answered.
func (e *Error) Error() string {
	if e.Doing == "" {
		return e.Message
	}
	return e.Doing + ": " + e.Message
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }
