package engine

import (
	"bytes"
	"context"
	"time"

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
		b := &lookBatch{w: w, ctx: ctx, yield: yield}
		return ahead(ctx, w.sendSubjects, b.decide)
	})
}

// sendSubjects sends all subjects, in the order of their keys.
func (w *work) sendSubjects(ctx context.Context, send func(subjectBlock) (subjectBlock, error)) error {
	return w.s.Store.View(ctx, func(v state.View) error { return w.eachSubject(v, send) })
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
	if c, ok := w.sink.(connector.Comparer); ok {
		r.Same = c.Same
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
	return change.Run{Now: w.s.clock, Mapping: w.why.mapping, Join: w.why.joins || len(w.lookups) > 0, Date: w.why.date, Refresh: w.looksAtTarget(),
		ByHand: !w.s.opts.Scheduled, NoDeletes: w.tally.noDeletes, TargetDeletes: true}
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

// A subjectBlock is a number of subjects, and room for what they point at.
type subjectBlock struct {
	list []subject
	room []byte
}

// full tells whether a block goes on as it is: many subjects, or large ones.
func (b *subjectBlock) full() bool { return len(b.list) == lookSize || len(b.room) >= lookBytes }

// keep copies bytes that another step of a stream spoils, and keeps nil apart
// from empty.
func (b *subjectBlock) keep(p []byte) []byte {
	if p == nil {
		return nil
	}
	if b.room == nil {
		b.room = make([]byte, 0, 64<<10)
	}
	from := len(b.room)
	b.room = append(b.room, p...)
	return b.room[from:len(b.room):len(b.room)]
}

// subjects are the streams of which every subject is put together.
type subjects struct {
	want, extra, target, matched, folds *cursor
	items                               itemSource
	open                                *puller[state.Open]
}

func (w *work) subjects(v state.View) (*subjects, error) {
	s := &subjects{items: w.itemSource(v),
		open: newPuller(v.Open(w.row.ID), func(o *state.Open) record.Key { return o.Key })}
	for _, one := range []struct {
		to   **cursor
		from *spool.Sorter
	}{{&s.want, w.desired}, {&s.extra, w.extra}, {&s.target, w.target}, {&s.matched, w.matched}, {&s.folds, w.folds}} {
		var err error
		if *one.to, err = newCursor(one.from, w.s.live); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *subjects) cursors() []*cursor {
	return []*cursor{s.want, s.extra, s.target, s.matched, s.folds}
}

func (s *subjects) close() {
	s.items.stop()
	s.open.stop()
	for _, c := range s.cursors() {
		if c != nil {
			c.close()
		}
	}
}

// eachSubject sends the keys that must be looked at, in order.
func (w *work) eachSubject(v state.View, send func(subjectBlock) (subjectBlock, error)) error {
	all, err := w.subjects(v)
	if err != nil {
		return err
	}
	defer all.close()
	var b subjectBlock
	for {
		key, ok := least(all.want, all.extra, all.target)
		if !ok {
			break
		}
		if b.full() {
			if b, err = send(b); err != nil {
				return err
			}
			b.list, b.room = b.list[:0], b.room[:0]
		}
		b.list = append(b.list, subject{in: change.Input{Key: key}})
		if err := w.describeSubject(&b, all); err != nil {
			return err
		}
		if w.drops(key) {
			b.list = b.list[:len(b.list)-1]
		}
	}
	for _, c := range all.cursors() {
		if err := c.err(); err != nil {
			return err
		}
	}
	_, err = send(b)
	return err
}

// least gives the smallest key at which a cursor stands.
func least(cursors ...*cursor) (record.Key, bool) {
	var key []byte
	found := false
	for _, c := range cursors {
		if c.ok && (!found || bytes.Compare(c.it.Key(), key) < 0) {
			key, found = c.it.Key(), true
		}
	}
	return record.Key(key), found
}

// describeSubject takes what the streams say of the last key of a block and
// moves them on.
func (w *work) describeSubject(b *subjectBlock, all *subjects) error {
	s := &b.list[len(b.list)-1]
	key := string(s.in.Key)
	for all.want.at(key) {
		if err := s.d.decode(s.in.Key, b.keep(all.want.it.Payload())); err != nil {
			return err
		}
		s.has = true
		all.want.next()
	}
	for all.extra.at(key) {
		if !s.has {
			if err := s.d.decode(s.in.Key, b.keep(all.extra.it.Payload())); err != nil {
				return err
			}
			s.has = true
			s.in.Want.Seen = change.Absent
		}
		all.extra.next()
	}
	w.want(s)
	it, err := all.items.at(s.in.Key)
	if err != nil {
		return err
	}
	o, err := all.open.at(s.in.Key)
	if err != nil {
		return err
	}
	s.in.Item, s.in.Open = b.item(it), b.open(o, w.s.clock)
	if moved, err := w.moved(s, it); err != nil {
		return err
	} else if moved {
		s.in.Want.Seen = change.Untouched
	}
	return w.describeTarget(b, s, all)
}

// describeTarget adds what was seen at the target.
func (w *work) describeTarget(b *subjectBlock, s *subject, all *subjects) error {
	key := string(s.in.Key)
	s.in.Looked = w.target != nil
	for all.target.at(key) {
		d := decoder{b: b.keep(all.target.it.Payload())}
		s.in.Row = &change.Row{Ref: d.bytes(), Body: d.bytes()}
		all.target.next()
	}
	for all.matched.at(key) {
		f := decodeFound(b.keep(all.matched.it.Payload()))
		s.found = &f
		all.matched.next()
	}
	for all.folds.at(key) {
		if s.fold == 0 {
			s.fold = folding(all.folds.it.Payload()[0])
		}
		all.folds.next()
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
		out.Seen, out.Complete = change.Absent, w.records.complete() && !w.records.events
	case absent:
		out.Seen, out.Complete = w.absentSeen(d)
	default:
		out.Seen = seenOf[d.fate]
		out.Complete = true
	}
	if out.Seen == change.Mapped || out.Seen == change.Filtered || !s.has || absent {
		out.Code, out.Field, out.Note = "", "", ""
	}
	out.Ahead = s.has && d.fate == fateAhead
	s.in.Want = out
	s.in.Baseline = w.baseline(d.src.Part)
}

// moved tells that a record left a partition and that its item comes from
// another one, where it still stands: the tombstone says nothing of it.
func (w *work) moved(s *subject, it *state.Item) (stands bool, err error) {
	if !w.identity || !s.has || s.d.fate != fateGone || !w.records.delta || it == nil || srcOf(it).Part == s.d.src.Part {
		return false, nil
	}
	err = w.s.Store.View(context.Background(), func(v state.View) error {
		stands, err = w.inMirror(v, srcOf(it))
		return err
	})
	return stands, err
}

// inMirror tells whether a source record is in the mirror of the pipeline's
// source.
func (w *work) inMirror(v state.View, ref state.SourceRef) (bool, error) {
	src, known, err := v.Source(w.p.From)
	if err != nil || !known {
		return false, err
	}
	row, err := v.MirrorRow(src.ID, ref.Part, ref.Key)
	return row != nil && !row.Gone, err
}

var seenOf = map[fate]change.Seen{
	fateMapped: change.Mapped, fateFiltered: change.Filtered, fateFailed: change.FailedRecord, fateWaiting: change.WaitingRecord,
	fateGone: change.Tombstone, fateExpired: change.OutOfWindow, fateSame: change.Unchanged,
	fateAhead: change.OutOfWindow,
}

// absentSeen says what became of a key that nothing desired stands for.
func (w *work) absentSeen(d *desired) (seen change.Seen, complete bool) {
	switch d.fate {
	case fateFailed, fateWaiting:
		return change.Unknown, false
	case fateFiltered:
		return change.Filtered, true
	case fateExpired, fateAhead:
		return change.OutOfWindow, true
	case fateRemoved:
		return change.Tombstone, true
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

func (b *subjectBlock) item(it *state.Item) *change.Item {
	if it == nil {
		return nil
	}
	return &change.Item{Raw: it.Raw, Mapped: it.Mapped, Status: change.Status(it.Status), Body: b.keep(it.Body),
		Src: change.Src{Has: it.HasSrc, Part: it.Src.Part, Key: it.Src.Key}}
}

func (b *subjectBlock) open(o *state.Open, clock time.Time) *change.Open {
	if o == nil {
		return nil
	}
	return &change.Open{Reason: change.Reason(o.Reason), Op: o.Op, Cause: o.Cause, Since: o.Since, Due: o.Due,
		Attempts: o.Attempts, Before: o.Before, After: b.keep(o.After), Code: o.Code, Field: o.Field, Note: o.Note,
		Approved: o.ApprovedAt(clock), Forced: o.Due.IsZero() && o.Reason == state.Refused}
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
