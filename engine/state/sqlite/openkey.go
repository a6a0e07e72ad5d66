package sqlite

import (
	"iter"
	"time"

	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
	"koppel/engine/state"
)

const (
	openColumns = "SELECT key, reason, op, cause, since, due, ord, attempts, before, src, code, field, approved, run, body FROM open WHERE pipeline = ?"
	openReplace = "INSERT OR REPLACE INTO open (pipeline, key, reason, op, cause, since, due, ord, attempts, before, src, code, field, approved, run, body) " +
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	openDelete = "DELETE FROM open WHERE pipeline = ? AND key = ?"
)

func (v *view) scanOpen(pipeline int64) func(*sqlite.Stmt, *state.Open) error {
	return func(st *sqlite.Stmt, o *state.Open) error {
		*o = state.Open{
			Key:      columnKey(st, 0),
			Reason:   state.Reason(st.ColumnText(1)),
			Op:       record.Op(st.ColumnInt64(2)),
			Cause:    record.Cause(st.ColumnText(3)),
			Since:    fromMillis(st.ColumnInt64(4)),
			Due:      fromMillis(st.ColumnInt64(5)),
			Order:    uint64(st.ColumnInt64(6)),
			Attempts: st.ColumnInt(7),
			Code:     st.ColumnText(10),
			Field:    st.ColumnText(11),
			Run:      st.ColumnInt64(13),
		}
		o.Approved, o.Until = approval(st.ColumnInt64(12))
		var ok bool
		if o.Before, ok = columnHash(st, 8); !ok {
			return damaged("open", o.Key, "its hash has a wrong length")
		}
		if o.HasSrc = !st.ColumnIsNull(9); o.HasSrc {
			if o.Src, ok = splitSrc(columnBytes(st, 9)); !ok {
				return damaged("open", o.Key, "its source record has no readable key")
			}
		}
		body, err := v.unpack(nil, st, 14, "open", pipeline, string(o.Key))
		if err != nil {
			return err
		}
		note, after, ok := split(body)
		if !ok {
			return damaged("open", o.Key, "its body is cut")
		}
		o.Note, o.After = string(note), after
		return nil
	}
}

// Open yields the open keys in key order.
func (v *view) Open(pipeline int64) iter.Seq2[*state.Open, error] {
	return rows(v, openColumns+" ORDER BY key", []any{pipeline}, v.scanOpen(pipeline))
}

// OpenKey gives one open key, nil when there is none.
func (v *view) OpenKey(pipeline int64, key record.Key) (*state.Open, error) {
	var o state.Open
	found, err := v.one(openColumns+" AND key = ?", []any{pipeline, key}, func(st *sqlite.Stmt) error {
		return v.scanOpen(pipeline)(st, &o)
	})
	if err != nil || !found {
		return nil, err
	}
	return &o, nil
}

// PutOpen inserts or replaces an open key.
func (t *tx) PutOpen(pipeline int64, o *state.Open) error {
	var src []byte
	if o.HasSrc {
		src = appendSrc(nil, o.Src)
	}
	body := t.pack("open", pipeline, []string{string(o.Key)}, []byte(o.Note), o.After)
	return t.exec(openReplace, pipeline, o.Key, string(o.Reason), int(o.Op), string(o.Cause), o.Since, o.Due, o.Order,
		o.Attempts, known(o.Before), src, o.Code, o.Field, approvalValue(o.Approved, o.Until), o.Run, body)
}

// DropOpen removes an open key, if it is there.
func (t *tx) DropOpen(pipeline int64, key record.Key) error {
	return t.exec(openDelete, pipeline, key)
}

// approval reads a column that is 0 without an approval, 1 with one that does
// not end, and else its end.
func approval(value int64) (approved bool, until time.Time) {
	if value <= 1 {
		return value == 1, time.Time{}
	}
	return true, fromMillis(value)
}

// approvalValue is the reverse of approval.
func approvalValue(approved bool, until time.Time) int64 {
	switch {
	case !approved:
		return 0
	case until.IsZero():
		return 1
	}
	return max(until.UnixMilli(), 2)
}
