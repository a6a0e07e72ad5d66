package engine

import (
	"context"
	"iter"

	"koppel/engine/change"
	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/spool"
	"koppel/engine/state"
)

// compare merges what is desired, what was delivered, what is open and what
// stands at the target, key by key, and spools what must be done.
func (w *work) compare(ctx context.Context) error {
	w.decider = change.New(w.changeRules(ctx), w.changeRun())
	if err := w.countBase(ctx); err != nil {
		return err
	}
	return w.spoolEntries(func(yield func(*plan.Entry) error) error {
		return w.s.Store.View(ctx, func(v state.View) error {
			b := &lookBatch{w: w, ctx: ctx, yield: yield}
			if err := w.eachSubject(v, b.add); err != nil {
				return err
			}
			return b.flush()
		})
	})
}

// changeRules hands the pipeline's rules to the comparison.
func (w *work) changeRules(ctx context.Context) change.Rules {
	r := change.Rules{Open: w.p.OpenShape || len(w.p.Fields) == 0, Grace: w.p.Deletes.Grace, Target: w.p.Deletes.Target,
		ExpiredDelete: w.p.Deletes.Expired == "delete"}
	for _, f := range w.p.Fields {
		one := change.Field{Name: f.Name, CreateOnly: f.CreateOnly, Compare: f.Compare, Send: f.Send}
		switch f.OnNull {
		case "keep":
			one.OnNull = change.KeepNull
		case "error":
			one.OnNull = change.ErrorNull
		}
		r.Fields = append(r.Fields, one)
	}
	for _, k := range w.p.Key {
		if k.Name != "" {
			r.Key = append(r.Key, k.Name)
		}
	}
	switch w.p.Deletes.Action {
	case "disable":
		r.Action = change.DisableRow
	case "keep":
		r.Action = change.KeepRow
	}
	if w.p.Deletes.Protect && w.sink != nil {
		r.Protect = w.protects
	}
	if set := w.p.Deletes.Set; set != nil {
		ev := set.Evaluator(w.s.consts())
		r.Set = func(_ record.Key, body []byte) ([]byte, error) {
			if err := ev.Load(body); err != nil {
				return nil, err
			}
			return ev.Map(nil)
		}
	}
	return r
}

func (w *work) changeRun() change.Run {
	return change.Run{Now: w.s.clock, Mapping: w.why.mapping, Join: w.why.joins, Date: w.why.date, Refresh: w.s.opts.Refresh,
		ByHand: !w.s.opts.Scheduled, NoDeletes: w.tally.noDeletes != "", TargetDeletes: true}
}

// A subject is one key with all that is known of it.
type subject struct {
	in  change.Input
	d   desired
	has bool // d says something
	// found is an earlier row that the record matches, where that was looked up
	// beforehand.
	found *connector.Found
	fold  folding
}

// eachSubject yields the keys that must be looked at, in order.
func (w *work) eachSubject(v state.View, yield func(*subject) error) error {
	want, err := newCursor(w.desired)
	if err != nil {
		return err
	}
	defer want.close()
	extra, err := newCursor(w.extra)
	if err != nil {
		return err
	}
	defer extra.close()
	target, err := newCursor(w.target)
	if err != nil {
		return err
	}
	defer target.close()
	matched, err := newCursor(w.matched)
	if err != nil {
		return err
	}
	defer matched.close()
	folds, err := newCursor(w.folds)
	if err != nil {
		return err
	}
	defer folds.close()
	items := w.itemSource(v)
	defer items.stop()
	open := newPuller(v.Open(w.row.ID), func(o *state.Open) record.Key { return o.Key })
	defer open.stop()
	for {
		key, ok := least(want, extra, target)
		if !ok {
			break
		}
		s := &subject{in: change.Input{Key: key}}
		if err := w.describeSubject(s, want, extra, target); err != nil {
			return err
		}
		it, err := items.at(key)
		if err != nil {
			return err
		}
		s.in.Item = itemOf(it)
		if w.moved(s, it) {
			s.in.Want.Seen = change.Untouched
		}
		o, err := open.at(key)
		if err != nil {
			return err
		}
		s.in.Open = openIn(o)
		for matched.ok && matched.key() <= string(key) {
			if matched.key() == string(key) {
				f := decodeFound(cloneBytes(matched.it.Payload()))
				s.found = &f
			}
			matched.next()
		}
		for folds.ok && folds.key() <= string(key) {
			if folds.key() == string(key) {
				s.fold = folding(folds.it.Payload()[0])
			}
			folds.next()
		}
		if w.drops(key) {
			continue
		}
		if err := yield(s); err != nil {
			return err
		}
	}
	for _, c := range []*cursor{want, extra, target} {
		if err := c.err(); err != nil {
			return err
		}
	}
	return nil
}

// least gives the smallest key at which a cursor stands.
func least(cursors ...*cursor) (record.Key, bool) {
	var key string
	found := false
	for _, c := range cursors {
		if c.ok && (!found || c.key() < key) {
			key, found = c.key(), true
		}
	}
	return record.Key(key), found
}

// describeSubject takes what the cursors say of a key and moves them on.
func (w *work) describeSubject(s *subject, want, extra, target *cursor) error {
	key := string(s.in.Key)
	for want.ok && want.key() == key {
		if err := s.d.decode([]byte(key), cloneBytes(want.it.Payload())); err != nil {
			return err
		}
		s.has = true
		want.next()
	}
	for extra.ok && extra.key() == key {
		if !s.has {
			if err := s.d.decode([]byte(key), cloneBytes(extra.it.Payload())); err != nil {
				return err
			}
			s.has = true
			s.in.Want.Seen = change.Absent
		}
		extra.next()
	}
	w.want(s)
	s.in.Looked = w.target != nil
	for target.ok && target.key() == key {
		d := decoder{b: cloneBytes(target.it.Payload())}
		s.in.Row = &change.Row{Ref: d.bytes(), Body: d.bytes()}
		target.next()
	}
	return nil
}

// want says what is desired under a key.
func (w *work) want(s *subject) {
	absent := s.in.Want.Seen == change.Absent
	d := &s.d
	out := change.Want{Body: d.body, Raw: d.raw, Mapped: d.mapped, Code: d.code, Field: d.field, Note: d.note, Src: w.src(s)}
	switch {
	case !s.has: // only at the target
		out.Seen, out.Complete = change.Absent, w.records.complete()
	case absent:
		out.Seen, out.Complete = w.absentSeen(d)
	default:
		out.Seen = seenOf[d.fate]
		out.Complete = true
	}
	if out.Seen == change.Mapped || out.Seen == change.Filtered || !s.has || absent {
		out.Code, out.Field, out.Note = "", "", ""
	}
	s.in.Want = out
	s.in.Baseline = w.baseline(d.src.Part)
}

// moved tells that a record left a partition and that its item now comes from
// another one: the tombstone says nothing of it.
func (w *work) moved(s *subject, it *state.Item) bool {
	return w.identity && s.has && s.d.fate == fateGone && w.records.delta && it != nil && srcOf(it).Part != s.d.src.Part
}

var seenOf = map[fate]change.Seen{
	fateMapped: change.Mapped, fateFiltered: change.Filtered, fateFailed: change.FailedRecord, fateWaiting: change.WaitingRecord,
	fateGone: change.Tombstone, fateExpired: change.OutOfWindow, fateSame: change.Unchanged,
}

// absentSeen says what became of a key that nothing desired stands for.
func (w *work) absentSeen(d *desired) (seen change.Seen, complete bool) {
	switch d.fate {
	case fateFailed, fateWaiting:
		return change.Unknown, false
	case fateFiltered:
		return change.Filtered, true
	case fateExpired:
		return change.OutOfWindow, true
	case fateMapped:
		if w.p.Program.HasEach() {
			return change.Withdrawn, true
		}
		return change.KeyChanged, true
	}
	if w.records.delta {
		return change.Tombstone, true
	}
	return change.Absent, w.records.proves(d.src.Part)
}

// src names the source record for the item, where it is not told by the key.
func (w *work) src(s *subject) change.Src {
	if !s.has || s.d.src.Part == "" && s.d.src.Key == s.in.Key {
		return change.Src{}
	}
	return change.Src{Has: true, Part: s.d.src.Part, Key: s.d.src.Key}
}

// baseline tells whether a partition is only remembered in this run.
func (w *work) baseline(part string) bool {
	if w.s.opts.Baseline {
		return true
	}
	return w.p.FirstRun == "baseline" && !w.based[part]
}

func itemOf(it *state.Item) *change.Item {
	if it == nil {
		return nil
	}
	return &change.Item{Raw: it.Raw, Mapped: it.Mapped, Status: change.Status(it.Status), Body: cloneBytes(it.Body),
		Src: change.Src{Has: it.HasSrc, Part: it.Src.Part, Key: it.Src.Key}}
}

func openIn(o *state.Open) *change.Open {
	if o == nil {
		return nil
	}
	return &change.Open{Reason: change.Reason(o.Reason), Op: o.Op, Cause: o.Cause, Since: o.Since, Due: o.Due,
		Attempts: o.Attempts, Before: o.Before, After: cloneBytes(o.After), Code: o.Code, Field: o.Field, Note: o.Note,
		Approved: o.Approved, Forced: o.Due.IsZero() && o.Reason == state.Refused}
}

// A lookBatch holds back the keys for which the target must be asked: creates
// that may have an earlier row, and deletes of rows that may be protected.
type lookBatch struct {
	w        *work
	ctx      context.Context
	yield    func(*plan.Entry) error
	subjects []*subject
	verdicts []change.Verdict
}

// lookSize is how many keys are asked for at a time.
const lookSize = 1000

func (b *lookBatch) add(s *subject) error {
	v, err := b.w.decider.Decide(&s.in)
	if err != nil {
		return err
	}
	b.subjects, b.verdicts = append(b.subjects, s), append(b.verdicts, v)
	if i := len(b.subjects) - 1; s.found != nil && b.matches(i) {
		if err := b.again(i, *s.found); err != nil {
			return err
		}
	}
	if len(b.subjects) < lookSize {
		return nil
	}
	return b.flush()
}

func (b *lookBatch) flush() error {
	if err := b.look(b.matches, func(m connector.Sink) lookFunc {
		if f, ok := m.(connector.Matcher); ok && b.w.matched == nil && f.Matching() {
			return f.Match
		}
		return nil
	}); err != nil {
		return err
	}
	if err := b.look(b.judges, func(m connector.Sink) lookFunc {
		if f, ok := m.(connector.Finder); ok {
			return f.Find
		}
		return nil
	}); err != nil {
		return err
	}
	for i, s := range b.subjects {
		b.w.applyFold(s, &b.verdicts[i])
		if err := b.w.emit(s, &b.verdicts[i], b.yield); err != nil {
			return err
		}
	}
	b.subjects, b.verdicts = b.subjects[:0], b.verdicts[:0]
	return nil
}

type lookFunc = func(context.Context, []record.Change) ([]connector.Found, error)

func (b *lookBatch) matches(i int) bool {
	return b.verdicts[i].Op == record.Create && b.subjects[i].in.Row == nil
}

func (b *lookBatch) judges(i int) bool {
	op := b.verdicts[i].Op
	return b.w.p.Deletes.Protect && (op == record.Delete || op == record.Disable) && !b.subjects[i].in.Looked
}

// look asks the target about some of the keys and decides them again.
func (b *lookBatch) look(which func(int) bool, how func(connector.Sink) lookFunc) error {
	if b.w.sink == nil {
		return nil
	}
	ask := how(b.w.sink)
	if ask == nil {
		return nil
	}
	var places []int
	var changes []record.Change
	for i, s := range b.subjects {
		if which(i) {
			v := &b.verdicts[i]
			places = append(places, i)
			changes = append(changes, record.Change{Op: v.Op, Key: s.in.Key, Before: v.Before, After: v.After, Ref: v.Ref})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	found, err := ask(b.ctx, changes)
	if err != nil {
		return err
	}
	for n, f := range found {
		if err := b.again(places[n], f); err != nil {
			return err
		}
	}
	return nil
}

// again decides a key once more, with the row that was found.
func (b *lookBatch) again(i int, f connector.Found) (err error) {
	s, v := b.subjects[i], &b.verdicts[i]
	switch {
	case f.N == 0:
		return nil
	case f.N > 1:
		b.w.setAside(s, v, "match_many", "several rows of the target match this record")
		return nil
	case v.Op == record.Create && f.Key != "" && f.Key != s.in.Key && b.w.holds(f.Key):
		b.w.setAside(s, v, "match_taken", "the row that matches belongs to "+f.Key.String())
		return nil
	}
	s.in.Row = &change.Row{Ref: f.Ref, Body: f.Row, Matched: v.Op == record.Create && f.Key != s.in.Key}
	*v, err = b.w.decider.Decide(&s.in)
	return err
}

// A cursor walks a sorter's entries.
type cursor struct {
	it *spool.Iter
	ok bool
}

func newCursor(s *spool.Sorter) (*cursor, error) {
	if s == nil {
		return &cursor{}, nil
	}
	it, err := s.Sort()
	if err != nil {
		return nil, err
	}
	c := &cursor{it: it}
	c.next()
	return c, nil
}

func (c *cursor) next()       { c.ok = c.it.Next() }
func (c *cursor) key() string { return string(c.it.Key()) }

func (c *cursor) err() error {
	if c.it == nil {
		return nil
	}
	return c.it.Err()
}

func (c *cursor) close() {
	if c.it != nil {
		c.it.Close()
	}
}

// A puller finds rows of an ordered stream by rising keys.
type puller[T any] struct {
	next  func() (*T, error, bool)
	stop  func()
	keyOf func(*T) record.Key
	cur   *T
	begun bool
}

func newPuller[T any](seq iter.Seq2[*T, error], keyOf func(*T) record.Key) *puller[T] {
	p := &puller[T]{keyOf: keyOf}
	p.next, p.stop = iter.Pull2(seq)
	return p
}

// at gives the row under a key; nil when there is none. Keys rise from call to
// call.
func (p *puller[T]) at(key record.Key) (*T, error) {
	for !p.begun || p.cur != nil && p.keyOf(p.cur) < key {
		p.begun = true
		row, err, ok := p.next()
		if err != nil {
			return nil, err
		}
		if p.cur = row; !ok {
			p.cur = nil
		}
	}
	if p.cur == nil || p.keyOf(p.cur) != key {
		return nil, nil
	}
	return p.cur, nil
}

// An itemSource finds items by rising keys.
type itemSource struct {
	at   func(record.Key) (*state.Item, error)
	stop func()
}

// itemSource walks all items when everything is compared, and looks them up
// one by one when little is.
func (w *work) itemSource(v state.View) itemSource {
	if !w.everything {
		return itemSource{at: func(k record.Key) (*state.Item, error) { return v.Item(w.row.ID, k) }, stop: func() {}}
	}
	p := newPuller(v.Items(w.row.ID, ""), func(it *state.Item) record.Key { return it.Key })
	return itemSource{at: p.at, stop: p.stop}
}
