package engine

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"koppel/engine/mapping"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/spool"
)

// A rightRow is one record of the right side.
type rightRow struct {
	key     []byte
	body    []byte // what is read of it, at least
	hash    record.Hash
	planned bool   // only planned upstream, not delivered yet
	answer  []byte // of the target; nil: not delivered, or not read
	out     fate   // fateExpired or fateAhead: outside of its window, as it was last known
}

const (
	rowPlanned  = 1
	rowAnswered = 2
	rowOut      = 4
)

func (r *rightRow) encode(b []byte) []byte {
	flags := byte(0)
	if r.planned {
		flags |= rowPlanned
	}
	if r.answer != nil {
		flags |= rowAnswered
	}
	if r.out != 0 {
		flags |= rowOut
	}
	b = putBytes(append(b, flags), r.key)
	if r.out != 0 {
		b = append(b, byte(r.out))
	}
	if r.planned {
		b = putHash(b, r.hash)
	}
	b = putBytes(b, r.body)
	if r.answer != nil {
		b = putBytes(b, r.answer)
	}
	return b
}

func (r *rightRow) decode(b []byte) error {
	d := decoder{b: b}
	flags := d.byte()
	*r = rightRow{key: d.bytes(), planned: flags&rowPlanned != 0}
	if flags&rowOut != 0 {
		r.out = fate(d.byte())
	}
	if r.planned {
		r.hash = d.hash()
	}
	r.body = d.bytes()
	if flags&rowAnswered != 0 {
		r.answer = d.bytes()
	}
	return d.err
}

// A joinLookup looks up the right side of a join for one mapper. What it finds
// stands until it looks for the next record.
type joinLookup struct {
	*joinIndex
	// open gives the index's rows, when the first record asks for them.
	open  func() (*spool.Table, error)
	rows  *spool.TableReader
	found []rightRow
	taken map[string]bool // keys of found, once those are many
	room  []byte          // where found rows stand
	want  []byte
}

// lookup returns a lookup that makes the index's table if nobody has; ctx ends
// that.
func (idx *joinIndex) lookup(ctx context.Context) *joinLookup {
	return &joinLookup{joinIndex: idx, open: func() (*spool.Table, error) {
		idx.made.Do(func() {
			if err := idx.make(ctx); err != nil {
				idx.broken.Store(&err)
			}
		})
		if err := idx.broken.Load(); err != nil {
			return nil, *err
		}
		return idx.table, nil
	}}
}

func (idx *joinIndex) make(ctx context.Context) (err error) {
	if idx.later != nil {
		if idx.rows, err = idx.later(ctx); err != nil {
			return err
		}
	}
	idx.table, err = idx.rows.Table(ctx)
	return err
}

// find looks for the rows under a left record's keys, as far as they matter.
func (l *joinLookup) find(keys []record.Key) error {
	// Nobody looks at more than the first; but what is planned is expected.
	return l.search(keys, l.join.Many == "first" && !l.planned)
}

// findAll looks for all rows under a left record's keys.
func (l *joinLookup) findAll(keys []record.Key) error { return l.search(keys, false) }

func (l *joinLookup) search(keys []record.Key, one bool) error {
	l.found, l.room = l.found[:0], l.room[:0]
	clear(l.taken)
	if len(keys) == 0 {
		return nil
	}
	if l.rows == nil {
		table, err := l.open()
		if err != nil {
			return err
		}
		l.rows = table.Reader()
	}
	// What is outside of its window does not count as the one.
	settled := func() bool { n := len(l.found); return one && n > 0 && l.found[n-1].out == 0 }
	for _, k := range keys {
		l.want = append(l.want[:0], k...)
		var damaged error
		err := l.rows.Find(l.want, func(payload []byte) bool {
			damaged = l.add(payload)
			return damaged == nil && !settled()
		})
		if err == nil {
			err = damaged
		}
		if err != nil {
			l.broken.Store(&err)
			return err
		}
		if settled() {
			return nil
		}
	}
	return nil
}

// fewRows are compared one by one.
const fewRows = 16

// add notes a row unless it was found under another key.
func (l *joinLookup) add(payload []byte) error {
	from := len(l.room)
	l.room = append(l.room, payload...)
	var row rightRow
	if err := row.decode(l.room[from:len(l.room):len(l.room)]); err != nil {
		return err
	}
	if l.has(row.key) {
		l.room = l.room[:from]
		return nil
	}
	l.found = append(l.found, row)
	return nil
}

// has tells whether the row of a key was found, and notes it when rows are
// many.
func (l *joinLookup) has(key []byte) bool {
	if len(l.found) < fewRows {
		return slices.ContainsFunc(l.found, func(f rightRow) bool { return bytes.Equal(f.key, key) })
	}
	if len(l.taken) == 0 {
		l.taken = map[string]bool{}
		for i := range l.found {
			l.taken[string(l.found[i].key)] = true
		}
	}
	if l.taken[string(key)] {
		return true
	}
	l.taken[string(key)] = true
	return false
}

// A joinResult is what a join makes of one left record.
type joinResult int

const (
	joined joinResult = iota
	joinSkips
	joinWaits
	// joinOut: all matches are outside of their window, and out.fate says on
	// which side.
	joinOut
)

// bind looks up one join for the record that the evaluator has loaded.
func (l *joinLookup) bind(ev *mapping.Evaluator, out *outcome) (joinResult, error) {
	keys, err := ev.Left(l.i)
	if err != nil {
		return 0, err
	}
	if len(keys) > 0 && !l.complete {
		out.wait("join_incomplete", fmt.Sprintf("join %q is not complete: %s", l.join.Name, l.problem))
		return joinWaits, nil
	}
	if err := l.find(keys); err != nil {
		return 0, err
	}
	if result := l.outside(out); result == joinOut {
		return result, nil
	}
	for i := range l.found {
		if row := &l.found[i]; row.planned {
			out.upstream = append(out.upstream, plan.Expectation{Pipeline: l.join.With, Key: record.Key(row.key), Hash: row.hash})
		}
	}
	switch {
	case len(l.found) == 0 && l.join.None == "skip":
		return joinSkips, nil
	case len(l.found) == 0 && l.join.None == "error":
		return 0, &recordError{code: "join_none", field: l.join.Name, message: fmt.Sprintf("join %q found no match", l.join.Name)}
	case l.join.Many == "list":
		l.bindList(ev)
		return joined, nil
	case len(l.found) > 1 && l.join.Many != "first":
		return 0, &recordError{code: "join_many", field: l.join.Name,
			message: fmt.Sprintf("join %q found %d matches: %s", l.join.Name, len(l.found), someKeys(l.found))}
	case len(l.found) == 0:
		ev.Bind(l.join.Name, nil)
		return joined, nil
	}
	ev.Bind(l.join.Name, l.found[0].body)
	return l.bindTarget(ev, &l.found[0], out)
}

// outside takes those that are outside of their window from what was found,
// unless there are no others: then the record is outside as well. A list keeps
// them as they were last known, and so does a record that is one of many: what
// left its window is not gone.
func (l *joinLookup) outside(out *outcome) joinResult {
	side, inside := fate(0), 0
	for i := range l.found {
		if row := &l.found[i]; row.out == 0 {
			inside++
		} else {
			side = row.out
		}
	}
	switch {
	case side == 0:
		return joined
	case inside == 0 && !l.afterEach:
		out.fate = side
		return joinOut
	case inside > 0 && l.join.Many != "list":
		l.found = slices.DeleteFunc(l.found, func(row rightRow) bool { return row.out != 0 })
	}
	return joined
}

func (l *joinLookup) bindList(ev *mapping.Evaluator) {
	size := 2
	for i := range l.found {
		size += len(l.found[i].body) + 1
	}
	list := append(make([]byte, 0, size), '[')
	for i := range l.found {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, l.found[i].body...)
	}
	ev.Bind(l.join.Name, append(list, ']'))
}

// bindTarget hands over what the target answered to the joined record; one
// that is not delivered makes the record wait.
func (l *joinLookup) bindTarget(ev *mapping.Evaluator, row *rightRow, out *outcome) (joinResult, error) {
	if l.target == "" {
		return joined, nil
	}
	if row.answer == nil {
		out.wait("not_delivered", fmt.Sprintf("%s of %s is not delivered yet", record.Key(row.key), l.target))
		return joinWaits, nil
	}
	ev.BindTarget(l.join.Name, row.answer)
	return joined, nil
}

func someKeys(rows []rightRow) string {
	var names []string
	for i := range rows {
		if len(names) == 3 {
			names = append(names, "…")
			break
		}
		names = append(names, record.Key(rows[i].key).String())
	}
	return strings.Join(names, ", ")
}

// A recordError is a failure of one record that no program reported.
type recordError struct{ code, field, message string }

func (e *recordError) Error() string { return e.message }
