package sqlite

import (
	"encoding/binary"
	"strconv"

	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
)

const (
	layoutAll    = "SELECT id, names FROM layout WHERE pipeline = ? ORDER BY id"
	layoutBodies = "SELECT key, body FROM item WHERE pipeline = ?1 UNION ALL SELECT key, body FROM recent WHERE pipeline = ?1"
	layoutDelete = "DELETE FROM layout WHERE pipeline = ? AND id = ?"
	layoutInsert = "INSERT INTO layout (pipeline, id, names) VALUES (?, ?, ?)"
)

const (
	// commonNames is how many items of one transaction must have the same names
	// in a row before these are kept as a layout: names may be made of a person's
	// data, and what so many have in common is not.
	commonNames = 32
	// maxLayouts bounds those of a pipeline.
	maxLayouts = 64
)

// layouts are those of one pipeline as a view sees them.
type layouts struct {
	pipeline int64
	all      []*layout
	last     *layout // the one that was used last
	common   []byte  // names that the last items had, and how many these were
	times    int
}

// layoutsOf reads the layouts of a pipeline, once in a row.
func (v *view) layoutsOf(pipeline int64) (*layouts, error) {
	if v.layouts != nil && v.layouts.pipeline == pipeline {
		return v.layouts, nil
	}
	ls := &layouts{pipeline: pipeline}
	err := v.c.each(layoutAll, []any{pipeline}, func(st *sqlite.Stmt) error {
		id := st.ColumnInt64(0)
		names, err := v.unpack(nil, st, 1, "layout", pipeline, strconv.FormatInt(id, 10))
		if err != nil {
			return err
		}
		ls.all = append(ls.all, newLayout(id, string(names)))
		return nil
	})
	if err != nil {
		return nil, v.problem(err)
	}
	v.layouts = ls
	return ls, nil
}

// open gives the body that was stored, in memory of buf where it has a layout.
func (v *view) open(pipeline int64, key record.Key, stored, buf []byte) (body, kept []byte, err error) {
	if len(stored) == 0 || stored[0] > asItIs {
		return stored, buf, nil
	}
	if stored[0] == asItIs {
		return stored[1:], buf, nil
	}
	ls, err := v.layoutsOf(pipeline)
	if err != nil {
		return nil, buf, err
	}
	id, n := binary.Uvarint(stored[1:])
	if l := ls.find(int64(id)); l != nil && n > 0 {
		if buf, ok := l.decode(buf[:0], stored[1+n:]); ok {
			return buf, buf, nil
		}
	}
	return nil, buf, damaged("item", key, "its body does not fit its layout")
}

func (ls *layouts) find(id int64) *layout {
	if ls.last != nil && ls.last.id == id {
		return ls.last
	}
	for _, l := range ls.all {
		if l.id == id {
			ls.last = l
			return l
		}
	}
	return nil
}

// close stores a body, under a layout where it has one.
func (t *tx) close(pipeline int64, body []byte) ([]byte, error) {
	if len(body) == 0 {
		return nil, nil
	}
	ls, err := t.layoutsOf(pipeline)
	if err != nil {
		return nil, t.check(err)
	}
	ok := false
	if ls.last != nil {
		if t.laid, ok = ls.last.encode(t.laid[:0], body); ok {
			return t.laid, nil
		}
	}
	for _, l := range ls.all {
		if t.laid, ok = l.encode(t.laid[:0], body); ok {
			ls.last = l
			return t.laid, nil
		}
	}
	if err := t.addLayout(ls, body); err != nil {
		return nil, err
	}
	t.laid = appendPlain(t.laid[:0], body)
	return t.laid, nil
}

// addLayout makes one for the bodies to come when the last ones had the same
// names as this one.
func (t *tx) addLayout(ls *layouts, body []byte) error {
	names, ok := appendNames(t.names[:0], body)
	t.names = names
	if !ok || len(ls.all) >= maxLayouts {
		return nil
	}
	if string(names) != string(ls.common) {
		ls.common, ls.times = append(ls.common[:0], names...), 0
	}
	if ls.times++; ls.times < commonNames {
		return nil
	}
	id := int64(1)
	if n := len(ls.all); n > 0 {
		id += ls.all[n-1].id
	}
	stored := t.pack("layout", ls.pipeline, []string{strconv.FormatInt(id, 10)}, names)
	if err := t.exec(layoutInsert, ls.pipeline, id, blob(stored)); err != nil {
		return err
	}
	ls.last, ls.times = newLayout(id, string(names)), 0
	ls.all = append(ls.all, ls.last)
	return nil
}

// dropLayouts removes those that no item of a pipeline has any more.
func (t *tx) dropLayouts(pipeline int64) error {
	ls, err := t.layoutsOf(pipeline)
	if err != nil || len(ls.all) == 0 {
		return t.check(err)
	}
	used := map[int64]bool{}
	var body []byte
	err = t.c.each(layoutBodies, []any{pipeline}, func(st *sqlite.Stmt) error {
		key := columnKey(st, 0)
		var err error
		if body, err = t.unpack(body[:0], st, 1, "item", pipeline, string(key)); err != nil {
			return err
		}
		_, stored, ok := split(body)
		if !ok {
			return damaged("item", key, "its body is cut")
		}
		if len(stored) > 0 && stored[0] == laidOut {
			id, _ := binary.Uvarint(stored[1:])
			used[int64(id)] = true
		}
		return nil
	})
	for _, l := range ls.all {
		if err == nil && !used[l.id] {
			err = t.exec(layoutDelete, pipeline, l.id)
		}
	}
	t.layouts = nil
	return t.check(err)
}
