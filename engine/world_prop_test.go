package engine_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// A rec is one source record as the world holds it; nil members are null.
type rec map[string]any

// A world is a source and a target in memory whose behaviour tests program.
type world struct {
	// The source: records by partition and id, and the log that a delta reads.
	parts  map[string]map[string]rec
	log    []logged
	listed bool // Parts is called
	delta  bool
	// partial: a delta hands over only the members that changed.
	partial bool
	// sorted order of handing over; false: reversed.
	reversed bool
	// retold: a delta tells of a record that went and came back first that it
	// is gone, and of all that follow then what is new of them.
	retold bool
	// lavish hands over what lies outside of the window too.
	lavish bool
	faults faults
	crash  *crash
	// complete tells which partitions the last read ended.
	complete map[string]bool
	// read is what the last read handed over, by partition and id, tombstones
	// too.
	read map[string]map[string]bool
	// told is each record as it was handed over last; nil: removed.
	told map[[2]string]rec
	// twins are the ids of which the last read handed a second record over.
	twins []string

	// connections are kinds beside those of source and target.
	connections []connector.Kind[any]

	// The target.
	rows   map[string]string // mapped records by key
	keys   map[string]record.Key
	writes int
	// doubled lists creates of rows that stood there, and other calls that a
	// target of records would not understand.
	doubled []string
	deleted []string
	calls   map[string]int         // effective creates by key since it was deleted
	wrote   func(c *record.Change) // before each effective change; nil: nobody asks
}

// A logged change of the source.
type logged struct {
	part, id string
	gone     bool
	fields   []string
}

// faults say what goes wrong; the zero value: nothing.
type faults struct {
	failPart map[string]int // partition → records before it fails
	skipPart map[string]bool
	readErr  int // records before the whole read fails, counted from 1
	expired  map[string]bool
	twice    map[string]string // id → partition that holds it too
	unkeyed  bool
	noParts  bool // Parts is not called this time

	refuse   map[string]bool
	unknown  map[string]bool // key → whether the target took it
	unsent   map[string]bool
	writeErr int    // changes before Write fails, counted from 1
	stop     func() // called at each step; may cancel
}

var errFault = errors.New("the line went dead")

func newWorld() *world {
	return &world{parts: map[string]map[string]rec{}, rows: map[string]string{}, calls: map[string]int{}, told: map[[2]string]rec{}, keys: map[string]record.Key{}}
}

// put changes one record of the source.
func (w *world) put(part, id string, r rec) {
	if w.parts[part] == nil {
		w.parts[part] = map[string]rec{}
	}
	var fields []string
	old := w.parts[part][id]
	for name := range r {
		if o, ok := old[name]; !ok || o != r[name] {
			fields = append(fields, name)
		}
	}
	for name := range old {
		if _, ok := r[name]; !ok {
			r[name] = nil
			fields = append(fields, name)
		}
	}
	w.parts[part][id] = r
	w.log = append(w.log, logged{part: part, id: id, fields: fields})
}

func (w *world) remove(part, id string) {
	if _, ok := w.parts[part][id]; !ok {
		return
	}
	delete(w.parts[part], id)
	w.log = append(w.log, logged{part: part, id: id, gone: true})
}

// line is a record as the source hands it over: with all members, for in a
// delta one that is absent stays as it was, or with some.
func (r rec) line(id string, only []string) []byte {
	out := map[string]any{"id": id}
	for _, name := range []string{"name", "n", "hidden", "code", "tags"} {
		if only == nil {
			out[name] = nil
		}
	}
	for name, v := range r {
		if only == nil || slices.Contains(only, name) {
			out[name] = v
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}

// sparse is a whole record without its nulls.
func (r rec) sparse(id string) []byte {
	out := map[string]any{"id": id}
	for name, v := range r {
		if v != nil {
			out[name] = v
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return append(b, '\n')
}

// A worldSource reads a world.
type worldSource struct{ w *world }

func (s worldSource) Read(ctx context.Context, out connector.Reader) error {
	w := s.w
	w.complete, w.read, w.twins = map[string]bool{}, map[string]map[string]bool{}, nil
	names := slices.Sorted(maps.Keys(w.parts))
	if w.listed && !w.faults.noParts {
		if err := out.Parts(names); err != nil {
			return err
		}
	}
	if w.listed && !w.faults.noParts {
		for at := range w.told {
			if w.parts[at[0]] == nil {
				w.told[at] = nil
			}
		}
	}
	r := &worldRead{w: w, out: out, ctx: ctx}
	for _, part := range names {
		if w.faults.skipPart[part] {
			continue
		}
		if err := r.part(part); err != nil {
			return err
		}
	}
	return nil
}

type worldRead struct {
	w   *world
	out connector.Reader
	ctx context.Context
	n   int
	// removed are the ids of the partition at hand whose tombstones were handed
	// over.
	removed []string
}

func (r *worldRead) part(part string) error {
	w := r.w
	w.read[part] = map[string]bool{}
	mode := connector.Full
	switch {
	case w.delta && w.partial:
		mode = connector.Delta
	case w.delta:
		mode = connector.WholeDelta
	}
	cursor, err := r.out.Begin(part, mode)
	if err != nil {
		return err
	}
	if cursor != nil && w.faults.expired[part] {
		// What was handed over before the cursor was found to be expired.
		if err := r.out.Records(part, 0, rec{"name": "stale"}.line("stale", nil)); err != nil {
			return err
		}
		if cursor, err = r.out.Begin(part, connector.Full); err != nil {
			return err
		}
		if cursor != nil {
			return errors.New("a full read was given a cursor")
		}
	}
	since := -1
	if cursor != nil {
		since = int(binary.BigEndian.Uint64(cursor))
	}
	ended, err := r.records(part, since)
	if err != nil || !ended {
		return err
	}
	w.complete[part] = true
	for _, id := range r.removed {
		w.read[part][id] = true
		if _, back := w.parts[part][id]; !back {
			w.told[[2]string{part, id}] = nil
		}
	}
	for at := range w.told {
		if at[0] == part && since < 0 && !w.faults.unkeyed && !w.read[part][at[1]] {
			w.told[at] = nil
		}
	}
	return r.out.End(part, binary.BigEndian.AppendUint64(nil, uint64(len(w.log))), connector.Interval{})
}

// records hands over a partition: whole, or what the log has since a place.
func (r *worldRead) records(part string, since int) (ended bool, err error) {
	w := r.w
	ids := slices.Sorted(maps.Keys(w.parts[part]))
	changed := map[string][]string{}
	var gone, back []string
	r.removed = nil
	if since >= 0 {
		for _, l := range w.log[since:] {
			if l.part == part {
				changed[l.id] = append(changed[l.id], l.fields...)
			}
		}
		ids = slices.Sorted(maps.Keys(changed))
		for _, id := range ids {
			if _, ok := w.parts[part][id]; !ok {
				gone = append(gone, id)
			} else if w.retold && r.dropped(part, id, since) {
				back = append(back, id)
			}
		}
	}
	if w.reversed {
		slices.Reverse(ids)
	}
	limit, fails := w.faults.failPart[part]
	for i, id := range append(slices.Clone(back), ids...) {
		if fails && i >= limit {
			return false, r.out.Fail(part, errFault)
		}
		if err := r.step(); err != nil {
			return false, err
		}
		if i < len(back) || slices.Contains(gone, id) {
			if err := r.out.Remove(part, mustKey(id), "removed"); err != nil {
				return false, err
			}
			r.removed = append(r.removed, id)
			continue
		}
		var only []string
		if since >= 0 && w.partial && len(changed[id]) > 0 && !r.reborn(part, id, since) {
			only = changed[id]
		}
		line := w.parts[part][id].line(id, only)
		if w.delta && !w.partial || slices.Contains(back, id) {
			line = w.parts[part][id].sparse(id)
		}
		// The later of two records in a delta stands, and a source tells the true
		// one last.
		if in, ok := w.faults.twice[id]; ok && in == part && w.delta && since < 0 {
			line = append(twin(id), line...)
		}
		if err := r.out.Records(part, 0, line); err != nil {
			return false, err
		}
		w.read[part][id], w.told[[2]string{part, id}] = true, maps.Clone(w.parts[part][id])
	}
	if fails {
		return false, r.out.Fail(part, errFault)
	}
	if !w.delta {
		if err := r.twins(part); err != nil {
			return false, err
		}
	}
	if w.faults.unkeyed {
		return true, r.out.Records(part, 0, []byte(`{"name":"nobody"}`+"\n"))
	}
	return true, nil
}

// twins hands over a second record of an id that a partition is to hold twice.
func (r *worldRead) twins(part string) error {
	for id, in := range r.w.faults.twice {
		if in != part || !r.w.has(id) {
			continue
		}
		r.w.twins = append(r.w.twins, id)
		if err := r.out.Records(part, 0, twin(id)); err != nil {
			return err
		}
	}
	return nil
}

func twin(id string) []byte { return rec{"name": "twin"}.line(id, nil) }

// has tells whether any partition holds a record.
func (w *world) has(id string) bool {
	for _, recs := range w.parts {
		if _, ok := recs[id]; ok {
			return true
		}
	}
	return false
}

// reborn tells whether a record was removed, or made, since a place in the log.
func (r *worldRead) reborn(part, id string, since int) bool {
	known := false
	for i, l := range r.w.log {
		if l.part != part || l.id != id {
			continue
		}
		if i < since {
			known = !l.gone
		} else if l.gone || !known {
			return true
		}
	}
	return false
}

// dropped tells whether a record was removed since a place in the log.
func (r *worldRead) dropped(part, id string, since int) bool {
	return slices.ContainsFunc(r.w.log[since:], func(l logged) bool { return l.gone && l.part == part && l.id == id })
}

func (r *worldRead) step() error {
	r.n++
	if r.w.faults.stop != nil {
		r.w.faults.stop()
	}
	if r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	if r.w.faults.readErr == r.n {
		return errFault
	}
	return nil
}

func mustKey(parts ...string) record.Key {
	k, err := record.MakeKey(parts...)
	if err != nil {
		panic(err)
	}
	return k
}
