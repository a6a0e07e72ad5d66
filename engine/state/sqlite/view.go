package sqlite

import (
	"context"
	"iter"
	"slices"

	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

// A view reads one snapshot. It is used by one goroutine at a time.
type view struct {
	ctx  context.Context
	c    *conn
	seal *sealer // nil: bodies are clear
	over bool

	layouts *layouts // of the pipeline that was asked for last

	place, raw, packed []byte // scratch
}

// A tx is a view that also writes.
type tx struct {
	view
	store  *Store
	failed error // of a write, which undoes the transaction whatever fn says
	forget bool  // scrub after the commit
	flight []byte
	laid   []byte // a body as it is stored
	names  []byte
	// spreadKnown: the connection's spread is of this transaction.
	spreadKnown bool
	growth      map[int64]*growth // by pipeline
	crowded     []int64           // pipelines of which recent has too many rows
	erased      map[int64]bool    // pipelines of which keys were erased
}

var (
	_ state.View = (*view)(nil)
	_ state.Tx   = (*tx)(nil)
)

// end stops all iterations that are still open.
func (v *view) end() {
	if !v.over {
		v.over = true
		v.c.settle()
	}
}

// one runs a query that gives at most one row.
func (v *view) one(query string, args []any, row func(*sqlite.Stmt) error) (found bool, err error) {
	if v.over {
		return false, errEnded
	}
	err = v.c.each(query, args, func(st *sqlite.Stmt) error {
		found = true
		return row(st)
	})
	return found, v.problem(err)
}

func (v *view) problem(err error) error {
	if err == nil || isOwn(err) {
		return err
	}
	return stopped(v.ctx, "read", err)
}

// A cursor steps through the rows of a query for as long as its view lasts.
type cursor struct {
	v  *view
	st *sqlite.Stmt
}

func (v *view) query(query string, args []any) (cursor, error) {
	if v.over {
		return cursor{}, errEnded
	}
	st, err := v.c.take(query)
	if err != nil {
		return cursor{}, v.problem(err)
	}
	bind(st, args)
	return cursor{v, st}, nil
}

// next goes to the next row; false: there is none.
func (c *cursor) next() (bool, error) {
	if c.v.over {
		return false, errEnded
	}
	more, err := c.st.Step()
	return more, c.v.problem(err)
}

// close gives the statement back, once or more often.
func (c *cursor) close() {
	if c.st != nil && !c.v.over {
		c.v.c.give(c.st)
	}
	c.st = nil
}

// rows runs a query and yields what scan makes of each row, always in the same
// T.
func rows[T any](v *view, query string, args []any, scan func(*sqlite.Stmt, *T) error) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		c, err := v.query(query, args)
		if err != nil {
			yield(nil, err)
			return
		}
		defer c.close()
		var row T
		for {
			more, err := c.next()
			if err == nil && !more {
				return
			}
			if err == nil {
				err = v.problem(scan(c.st, &row))
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&row, nil) {
				return
			}
		}
	}
}

// list collects what rows yields.
func list[T any](v *view, query string, args []any, scan func(*sqlite.Stmt, *T) error) ([]T, error) {
	if v.over {
		return nil, errEnded
	}
	var all []T
	err := v.c.each(query, args, func(st *sqlite.Stmt) error {
		var row T
		if err := scan(st, &row); err != nil {
			return err
		}
		all = append(all, row)
		return nil
	})
	return all, v.problem(err)
}

// pack gives fields as they are stored: joined, and sealed for their place.
// The result is valid until the next pack. Only a clear nothing is NULL.
func (v *view) pack(table string, owner int64, key []string, fields ...[]byte) []byte {
	if v.seal == nil {
		if len(fields) == 1 {
			return fields[0]
		}
		v.packed = join(v.packed[:0], fields...)
		return v.packed
	}
	plain := fields[0]
	if len(fields) > 1 {
		v.raw = join(v.raw[:0], fields...)
		plain = v.raw
	}
	v.place = appendPlace(v.place[:0], table, owner, key...)
	v.packed = v.seal.seal(v.packed[:0], plain, v.place)
	return v.packed
}

// unpack appends a column that pack made to dst.
func (v *view) unpack(dst []byte, st *sqlite.Stmt, col int, table string, owner int64, key ...string) ([]byte, error) {
	if v.seal == nil {
		return appendColumn(dst, st, col), nil
	}
	v.raw = appendColumn(v.raw[:0], st, col)
	v.place = appendPlace(v.place[:0], table, owner, key...)
	plain, err := v.seal.unseal(dst, v.raw, v.place)
	if err != nil {
		return nil, damaged(table, keyOf(slices.Clone(key)), err.Error())
	}
	return plain, nil
}

// check remembers the first write that failed.
func (t *tx) check(err error) error {
	if err == nil {
		return nil
	}
	if !isOwn(err) {
		err = stopped(t.ctx, "write", err)
	}
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// exec writes.
func (t *tx) exec(query string, args ...any) error {
	if t.over {
		return errEnded
	}
	return t.check(t.c.exec(query, args...))
}
