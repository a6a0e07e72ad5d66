package engine

import (
	"context"
	"slices"
	"strings"

	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// An Explanation takes one record through every stage of its pipeline, as a
// plan made now sees it. Sensitive values are masked.
type Explanation struct {
	Pipeline, Name, Title string
	Key                   string // as it was asked for
	From                  string // address that the pipeline reads
	Read                  int64  // records
	Complete              bool   // what is absent from the read is gone
	// Incomplete says of each partition that was not read wholly why.
	Incomplete []string
	Blocked    string // why the pipeline writes nothing at all; empty: it may
	Records    []RecordTrace
	Keys       []KeyTrace
	Problems   []plan.Problem // of the read and the mapping, that name the record
}

// A KeyTrace says what becomes of one key of the pipeline, and why.
type KeyTrace struct {
	Key string
	// OfRecord: it is the key of a source record that failed or waits as a whole,
	// before the keys of its items were known.
	OfRecord bool
	// Outcome is what the next run does: create, update, delete, disable,
	// unchanged, remember, forget, replace (in a file that is written as a
	// whole); or why it does nothing: absent, filtered, other_key, failed,
	// refused, held, grace, waiting, protected, rejected, dismissed, undone,
	// in_doubt, blocked, unproven.
	Outcome string
	Why     string // a sentence
	Next    *NextChange
	History
}

// A NextChange is what the next run does, or would do if nothing stood in the
// way.
type NextChange struct {
	Op       record.Op
	Cause    record.Cause
	Approved bool
	Changes  []FieldChange
	Guards   []plan.Guard // those that hold it
}

// Explain makes a plan of one pipeline, which writes nothing, and follows one
// record through it. key is that of an item, or else of a source record. The
// error is an *UnknownError when neither the source nor the state knows it.
func (e *Engine) Explain(ctx context.Context, p *Pipeline, key string) (*Explanation, error) {
	s, err := e.begin(ctx, Options{Pipelines: []*Pipeline{p}}, false)
	if err != nil {
		return nil, err
	}
	defer s.end()
	s.explains = true
	w, err := s.plan(ctx, p)
	if err != nil {
		return nil, err
	}
	x := &explaining{e: s.Engine, w: w, key: key, out: Explanation{Pipeline: p.Address, Name: p.Name, Title: w.header.Title, Key: key,
		From: p.From, Read: w.header.Read, Complete: w.header.Complete, Blocked: w.header.Blocked}}
	if !p.Enabled {
		x.out.Blocked = notEnabled
	}
	if err := x.explain(ctx); err != nil {
		return nil, err
	}
	return &x.out, nil
}

// explaining is an Explanation in the making.
type explaining struct {
	e    *Engine
	w    *work
	r    *remembered
	key  string
	read *records
	// keys are those of items that are asked about; refs their source records.
	keys map[record.Key]bool
	refs map[state.SourceRef]bool
	// bySource: the key that was asked for is that of a source record.
	bySource bool
	// fates of the keys that the traced records give, and who gives them.
	fates map[record.Key]fate
	from  map[record.Key][]state.SourceRef
	// collided holds the records whose keys others claim too.
	collided map[state.SourceRef]bool
	near     nearest
	out      Explanation
}

func (x *explaining) explain(ctx context.Context) (err error) {
	x.keys, x.refs, x.fates = map[record.Key]bool{}, map[state.SourceRef]bool{}, map[record.Key]fate{}
	x.from, x.collided = map[record.Key][]state.SourceRef{}, map[state.SourceRef]bool{}
	x.near = nearest{text: strings.ToLower(x.key)}
	if x.read = x.w.records; x.read.delta {
		if x.read, err = x.w.s.dataset(ctx, x.w.p.From, x.w.p.Address); err != nil {
			return err
		}
	}
	for _, p := range x.w.header.Parts {
		if p.Problem != "" {
			x.out.Incomplete = append(x.out.Incomplete, strings.TrimSpace(p.Name+" "+p.Problem))
		}
	}
	if err := x.find(ctx); err != nil {
		return err
	}
	if err := x.traceRecords(ctx); err != nil {
		return err
	}
	if len(x.out.Records) == 0 && x.bySource && !x.w.identity {
		if err := x.search(ctx); err != nil {
			return err
		}
	}
	if err := x.traceKeys(ctx); err != nil {
		return err
	}
	if len(x.out.Keys)+len(x.out.Records) == 0 {
		return &UnknownError{What: "key", Name: x.key, In: x.w.p.Name + ", in its source and in its state", Near: x.near.names()}
	}
	x.problems()
	return nil
}

// find lists the keys that are meant, and the source records that they come
// from.
func (x *explaining) find(ctx context.Context) error {
	err := x.e.Store.View(ctx, func(v state.View) (err error) {
		if x.r, err = x.e.remembered(v, x.w.p.Address); err != nil {
			return err
		}
		known, err := keysOf(v, x.w.row.ID, x.key)
		if err != nil {
			return err
		}
		for _, k := range known {
			if err := x.known(v, k); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := x.desired(); err != nil {
		return err
	}
	proper := properKeys(mapKeys(x.keys))
	if len(proper) > 1 {
		return ambiguous(x.key, proper)
	}
	x.bySource = len(proper) == 0
	return nil
}

func mapKeys(set map[record.Key]bool) []record.Key {
	var list []record.Key
	for k := range set {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// known takes in a key of the state, and the source record behind it.
func (x *explaining) known(v state.View, k record.Key) error {
	x.keys[k] = true
	if ref, failed := isFailedKey(k); failed {
		x.refs[ref] = true
		return nil
	}
	it, err := v.Item(x.w.row.ID, k)
	if err != nil {
		return err
	}
	if it != nil {
		x.refs[srcOf(it)] = true
	}
	o, err := v.OpenKey(x.w.row.ID, k)
	if err == nil && o != nil {
		x.refs[refOf(o)] = true
	}
	return err
}

// desired takes in the key when a record gives it now.
func (x *explaining) desired() error {
	wanted := readings(x.key)
	return eachOf(x.w.desired, func(key, payload []byte) error {
		if !slices.Contains(wanted, record.Key(key)) {
			return nil
		}
		var d desired
		if err := d.decode(record.Key(key), payload); err != nil {
			return err
		}
		x.keys[record.Key(key)], x.refs[d.src] = true, true
		return nil
	})
}

// traceRecords follows the source records that were found, or, when none was,
// those that have the key themselves.
func (x *explaining) traceRecords(ctx context.Context) error {
	wanted := readings(x.key)
	m := x.w.s.mapper(ctx, x.w)
	var found []entry
	err := x.read.byKey(func(e *entry) error {
		x.near.add(e.key.String())
		if x.refs[x.read.sourceRef(e)] || x.bySource && slices.Contains(wanted, e.key) {
			found = append(found, *e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range found {
		ref := x.read.sourceRef(&found[i])
		t, out, err := x.record(m, &found[i], ref)
		if err != nil {
			return err
		}
		x.take(ref, t, out)
	}
	if x.bySource {
		return x.e.Store.View(ctx, x.madeEarlier)
	}
	return nil
}

// take adds a record that was followed.
func (x *explaining) take(ref state.SourceRef, t *RecordTrace, out *outcome) {
	x.refs[ref] = true
	x.keys[failedKey(ref)] = true
	x.out.Records = append(x.out.Records, *t)
	x.give(out)
}

// search maps every record again to find those that give the key, although
// they fail or collide, so that the plan does not know it.
func (x *explaining) search(ctx context.Context) error {
	wanted := readings(x.key)
	m := x.w.s.mapper(ctx, x.w)
	return x.read.byKey(func(e *entry) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		one := *e
		t, out, err := x.record(m, &one, x.read.sourceRef(&one))
		if err != nil {
			return err
		}
		for _, it := range t.Items {
			if it.ID != "" && slices.Contains(wanted, it.ID) {
				x.bySource = false
				x.keys[it.ID] = true
				x.take(x.read.sourceRef(&one), t, out)
				break
			}
		}
		return nil
	})
}

// give notes the keys that a record gives, and what became of them.
func (x *explaining) give(out *outcome) {
	for i := range out.items {
		k := out.items[i].key
		x.fates[k] = fateMapped
		x.from[k] = append(x.from[k], out.src)
		if x.bySource {
			x.keys[k] = true
		}
	}
	if x.w.identity && len(out.items) == 0 {
		x.fates[out.src.Key] = out.fate
		x.keys[out.src.Key] = true
	}
}

// madeEarlier takes in the items that the records gave earlier.
func (x *explaining) madeEarlier(v state.View) error {
	for ref := range x.refs {
		keys, err := madeOf(v, x.w.row.ID, ref)
		if err != nil {
			return err
		}
		for _, k := range keys {
			x.keys[k] = true
		}
	}
	return nil
}

// traceKeys says what becomes of each key.
func (x *explaining) traceKeys(ctx context.Context) error {
	next, err := x.planned()
	if err != nil {
		return err
	}
	return x.e.Store.View(ctx, func(v state.View) error {
		if err := x.collisions(v, next); err != nil {
			return err
		}
		for _, k := range mapKeys(x.keys) {
			known, err := knownKey(v, x.w.row.ID, k)
			if err != nil {
				return err
			}
			_, given := x.fates[k]
			_, failed := isFailedKey(k)
			if !known && next[k] == nil && (failed || !given && x.bySource) {
				continue
			}
			t, err := x.keyTrace(v, k, next[k])
			if err != nil {
				return err
			}
			x.out.Keys = append(x.out.Keys, *t)
		}
		return nil
	})
}

// collisions finds out which of the records claim a key that others claim too.
func (x *explaining) collisions(v state.View, next map[record.Key]*plan.Entry) error {
	for ref := range x.refs {
		k := failedKey(ref)
		if e := next[k]; e != nil {
			x.collided[ref] = e.Open != "" && e.Code == codeDuplicate
			continue
		}
		o, err := v.OpenKey(x.w.row.ID, k)
		if err != nil {
			return err
		}
		x.collided[ref] = o != nil && o.Code == codeDuplicate
	}
	return nil
}

// codeDuplicate is the problem code of a key that several records claim.
const codeDuplicate = "duplicate_key"

// planned gives what the plan holds for the keys.
func (x *explaining) planned() (map[record.Key]*plan.Entry, error) {
	next := map[record.Key]*plan.Entry{}
	if x.w.whole() {
		return next, nil
	}
	for e, err := range x.w.entries() {
		if err != nil {
			return nil, err
		}
		if x.keys[e.Key] {
			c := cloneEntry(e)
			next[e.Key] = &c
		}
	}
	return next, nil
}

func (x *explaining) keyTrace(v state.View, k record.Key, e *plan.Entry) (*KeyTrace, error) {
	h, err := x.e.history(v, x.r, k)
	if err != nil {
		return nil, err
	}
	t := &KeyTrace{Key: ShowKey(k), History: *h}
	_, t.OfRecord = isFailedKey(k)
	op := record.Op(0)
	if e != nil {
		if op = e.Op; op == 0 {
			op = e.OpenOp
		}
	}
	if op != 0 {
		t.Next = &NextChange{Op: op, Cause: e.Cause, Approved: e.Approved}
		before, after := e.Before, e.After
		if op == record.Delete {
			after = nil
		}
		if t.Next.Changes, err = x.r.changes(before, after); err != nil {
			return nil, err
		}
		if e.Open == string(state.Held) {
			t.Next.Guards = x.guards(op)
		}
	}
	t.Outcome, t.Why = x.judge(k, e, h)
	return t, nil
}

// guards lists the guards that hold an operation.
func (x *explaining) guards(op record.Op) []plan.Guard {
	var list []plan.Guard
	for _, g := range x.w.header.Guards {
		if g.Tripped && (g.Op == op || g.Op == record.Delete && op == record.Disable) {
			list = append(list, g)
		}
	}
	return list
}

// problems takes over what the plan reports of the record.
func (x *explaining) problems() {
	names := map[string]bool{}
	for k := range x.keys {
		names[ShowKey(k)] = true
	}
	for ref := range x.refs {
		names[ref.Key.String()] = true
	}
	for _, p := range x.w.header.Problems {
		if names[p.Key] && p.Key != "" {
			x.out.Problems = append(x.out.Problems, p)
		}
	}
}
