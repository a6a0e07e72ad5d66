package sqlite

import (
	"encoding/binary"
	"iter"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
	"koppel/engine/state"
)

const (
	changeColumns = "SELECT pipeline, key, run, op, cause, approved, at, body FROM change"
	changeReplace = "INSERT OR REPLACE INTO change (pipeline, key, run, op, cause, approved, at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
	changeDeletes = "SELECT count(*) FROM change WHERE pipeline = ? AND at >= ? AND op IN (45, 120) AND approved = 0"
)

func (v *view) scanChange(st *sqlite.Stmt, c *state.Change) error {
	*c = state.Change{
		Pipeline: st.ColumnInt64(0),
		Key:      columnKey(st, 1),
		Run:      st.ColumnInt64(2),
		Op:       record.Op(st.ColumnInt64(3)),
		Cause:    record.Cause(st.ColumnText(4)),
		Approved: st.ColumnBool(5),
		At:       fromMillis(st.ColumnInt64(6)),
	}
	body, err := v.unpack(nil, st, 7, "change", c.Pipeline, string(c.Key), strconv.FormatInt(c.Run, 10))
	if err != nil {
		return err
	}
	var ok bool
	if c.Before, c.After, ok = split(body); !ok {
		return damaged("change", c.Key, "its body is cut")
	}
	if c.Op == record.Delete && c.After != nil {
		born, n := binary.Uvarint(c.After)
		if n != len(c.After) {
			return damaged("change", c.Key, "the run that created its record is not readable")
		}
		c.Born, c.After = int64(born), nil
	}
	return nil
}

// Changes yields the audit trail of one key, newest first.
func (v *view) Changes(pipeline int64, key record.Key) iter.Seq2[*state.Change, error] {
	return rows(v, changeColumns+" WHERE pipeline = ? AND key = ? ORDER BY run DESC", []any{pipeline, key}, v.scanChange)
}

// ChangesOf yields the audit trail of one run in key order.
func (v *view) ChangesOf(run, pipeline int64) iter.Seq2[*state.Change, error] {
	return rows(v, changeColumns+" WHERE run = ? AND pipeline = ? ORDER BY key", []any{run, pipeline}, v.scanChange)
}

// Deletes counts the deletes and disables at or after a time, approved ones
// apart.
func (v *view) Deletes(pipeline int64, since time.Time) (n int, err error) {
	_, err = v.one(changeDeletes, []any{pipeline, since}, func(st *sqlite.Stmt) error {
		n = st.ColumnInt(0)
		return nil
	})
	return n, err
}

// PutChange inserts or replaces the change that a run made to a key.
func (t *tx) PutChange(c *state.Change) error {
	at := c.At
	if at.IsZero() {
		at = t.store.opts.Now()
	}
	key := []string{string(c.Key), strconv.FormatInt(c.Run, 10)}
	after := c.After
	if c.Op == record.Delete {
		// Nothing is left behind: in its place stands the run that created it.
		born, err := t.born(c)
		if err != nil {
			return err
		}
		if after = nil; born > 0 {
			after = binary.AppendUvarint(nil, uint64(born))
		}
	}
	body := t.pack("change", c.Pipeline, key, c.Before, after)
	return t.exec(changeReplace, c.Pipeline, c.Key, c.Run, int(c.Op), string(c.Cause), c.Approved, at, body)
}

// born gives the run that created what a delete removes; 0: it is not known.
func (t *tx) born(c *state.Change) (run int64, err error) {
	if c.Born > 0 {
		return c.Born, nil
	}
	_, err = t.oneItem("SELECT born FROM ", c.Pipeline, c.Key, func(st *sqlite.Stmt) error {
		run = st.ColumnInt64(0)
		return nil
	})
	return run, err
}
