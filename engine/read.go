package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/state"
)

// What is held before it goes to disk, in bytes: by a sorter of mapped records,
// by one of what points at records, and of the hashes of a read's keys.
const (
	sortMemory  = 16 << 20
	indexMemory = 4 << 20
	keysMemory  = 8 << 20
)

// A reading says what those who read a source want beside the index.
type reading struct {
	// maps wants the records mapped while they are read. They are when the
	// records say so.
	maps *work
	// listed: someone may want to go through the records in their order.
	listed bool
}

// read reads a source, once per session.
func (s *session) read(ctx context.Context, src *Source) (*records, error) {
	return s.readFor(ctx, src, reading{listed: true})
}

func (s *session) readFor(ctx context.Context, src *Source, want reading) (*records, error) {
	if r := s.reads[src.Address]; r != nil || s.readErr[src.Address] != nil {
		return r, s.readErr[src.Address]
	}
	r, err := s.readSource(ctx, src, want)
	if err != nil {
		err = fmt.Errorf("read %s: %w", src.Address, err)
		r = nil
	}
	s.reads[src.Address], s.readErr[src.Address] = r, err
	return r, err
}

// releaseReads frees the records that a pipeline has taken and that no later
// one will.
func (s *session) releaseReads(w *work) {
	if s.explains {
		return
	}
	if w.records != nil && w.records != s.reads[w.p.From] {
		w.records.close()
	}
	later := map[string]bool{}
	for _, p := range s.order[slices.Index(s.order, w.p)+1:] {
		for _, address := range s.Project.Inputs(p) {
			later[address] = true
		}
	}
	for _, address := range s.Project.Inputs(w.p) {
		if r := s.reads[address]; r != nil && !later[address] {
			r.close()
		}
	}
}

func (s *session) readSource(ctx context.Context, src *Source, want reading) (*records, error) {
	if s.reading[src.Address] {
		return nil, errors.New("it waits for itself to be read")
	}
	s.reading[src.Address] = true
	defer delete(s.reading, src.Address)
	r := s.newRecords(src.Title)
	r.keys, r.seed = s.spool.Distinct(keysMemory), maphash.MakeSeed()
	if want.maps != nil {
		// Nobody looks at the records by key, unless something is wrong with them.
		want.maps.records, r.maps, r.later = r, want.maps, true
	}
	if want.listed || r.later {
		r.list = s.spool.Log()
	}
	conn, err := s.openSource(ctx, src)
	if err != nil {
		return nil, err
	}
	known, err := s.sourceState(ctx, src)
	if err != nil {
		return nil, err
	}
	if closer, ok := conn.(io.Closer); ok {
		s.closers = append(s.closers, closer) // records may be read again until the end
	}
	if re, ok := conn.(connector.Rereader); ok {
		r.reread = re
	}
	rd := s.newReader(ctx, src, r, known, want.maps)
	err = conn.Read(ctx, rd)
	if failed := rd.in.close(); err == nil {
		err = failed
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && len(r.names) == 0 {
		return nil, err
	}
	rd.finish(err)
	if err := r.uniqueness(); err != nil {
		return nil, err
	}
	if err := s.completeWhen(ctx, src, r, known); err != nil {
		return nil, err
	}
	return r, nil
}

// A sourceState is what the state knows of a source before it is read.
type sourceState struct {
	row   state.Source
	known bool
	parts map[string]state.Part
	// same: the source is configured as it was when the state was written.
	same bool
	held *state.HeldRead
}

func (s *session) sourceState(ctx context.Context, src *Source) (*sourceState, error) {
	st := &sourceState{parts: map[string]state.Part{}}
	err := s.Store.View(ctx, func(v state.View) error {
		var err error
		if st.row, st.known, err = v.Source(src.Address); err != nil || !st.known {
			return err
		}
		st.same = s.same(src, st.row.Fingerprint)
		parts, err := v.Parts(st.row.ID)
		if err != nil {
			return err
		}
		for _, p := range parts {
			st.parts[p.Name] = p
		}
		held, err := v.HeldReads()
		for i := range held {
			if held[i].Source == st.row.ID {
				st.held = &held[i]
			}
		}
		return err
	})
	return st, err
}

// A reader takes what a source reads: it checks every record, takes its key
// and hash, and notes where it stands.
type reader struct {
	s     *session
	src   *Source
	r     *records
	known *sourceState
	in    intake
	maps  *work // maps the records while they are read; nil: none does
	parts []string
	entry entry
}

func (s *session) newReader(ctx context.Context, src *Source, r *records, known *sourceState, maps *work) *reader {
	rd := &reader{s: s, src: src, r: r, known: known, maps: maps}
	rd.in.ctx, rd.in.note = ctx, rd.note
	for range readWorkers() {
		scan := s.lineScan(src)
		if maps != nil {
			scan.mapper = s.mapper(ctx, maps)
		}
		rd.in.scan = append(rd.in.scan, scan)
	}
	return rd
}

// Parts takes the complete list of partitions.
func (rd *reader) Parts(ids []string) error {
	if err := rd.in.settle(); err != nil {
		return err
	}
	rd.r.listed = true
	rd.parts = ids
	for _, id := range ids {
		rd.r.part(id)
	}
	return nil
}

// Begin starts a partition, or starts it over.
func (rd *reader) Begin(part string, mode connector.Mode) (connector.Cursor, error) {
	if err := rd.in.settle(); err != nil {
		return nil, err
	}
	p := rd.r.part(part)
	if p.begun {
		p.gen++
		rd.r.unkeyed -= p.unkeyed
		rd.r.unjudged -= p.unjudged
		p.count, p.unkeyed, p.unjudged, p.problem, p.lost = 0, 0, 0, "", false
	}
	p.begun, p.ended, p.mode = true, false, connector.Full
	p.partial = mode == connector.Delta || mode == connector.FromStart
	stored, ok := rd.known.parts[part]
	if rd.src.Event {
		p.mode, p.from = mode, stored.Cursor
		return stored.Cursor, nil
	}
	if mode == connector.Full || mode == connector.FromStart || rd.src.Incremental == nil || rd.s.opts.Full {
		return nil, nil
	}
	if !ok || !rd.known.same || len(stored.Cursor) == 0 || stored.FullAt.IsZero() {
		return nil, nil
	}
	if inc := rd.src.Incremental; inc != nil && inc.FullEvery > 0 &&
		!rd.s.clock.Before(stored.FullAt.Add(time.Duration(inc.FullEvery))) {
		return nil, nil
	}
	p.mode, p.from = mode, stored.Cursor
	return stored.Cursor, nil
}

// Records takes whole records.
func (rd *reader) Records(part string, base int64, jsonl []byte) error {
	return rd.in.give(rd.r.part(part), base, jsonl)
}

// note takes what was found in a number of lines.
func (rd *reader) note(c *chunk) error {
	for i := range c.found {
		f := &c.found[i]
		order := uint64(rd.r.count)
		if err := rd.one(c.part, f); err != nil {
			return err
		}
		if rd.maps == nil || f.fault != sound || f.gone {
			continue
		}
		if err := rd.maps.takeOne(&c.outcomes[i], order); err != nil {
			return err
		}
	}
	rd.s.progress("reading", rd.src.Address, rd.r.count)
	return nil
}

func (rd *reader) one(p *partState, f *scanned) error {
	switch f.fault {
	case notJSON:
		p.reject(fmt.Sprintf("record %d at byte %d: %v", p.count+1, f.offset, f.err))
		p.lost = true
		p.count++
		return nil
	case notObject:
		p.reject(fmt.Sprintf("record %d at byte %d is no JSON object", p.count+1, f.offset))
		p.lost = true
		p.count++
		return nil
	case noKey:
		p.count++
		rd.r.unkeyed++
		p.unkeyed++
		rd.r.report("", strings.Join(rd.src.Key, ", "), "key", fmt.Sprintf("record %d has no key: %s", p.count, rd.noKey(f)))
		return nil
	case notJudged:
		// It is used neither way, and its absence proves nothing.
		p.count++
		rd.r.unjudged++
		p.unjudged++
		field, code, note := describe(f.err)
		rd.r.report(f.key, field, code, note)
		p.reject(fmt.Sprintf("nothing tells whether the record %s is deleted", f.key))
		return nil
	}
	rd.entry = entry{key: f.key, raw: f.raw, offset: f.offset}
	if f.gone {
		rd.entry.seen = seenGone
		return rd.r.add(p, &rd.entry, nil)
	}
	return rd.r.add(p, &rd.entry, f.line)
}

// noKey says what a record lacks, and of the first such record what it has.
func (rd *reader) noKey(f *scanned) string {
	why := f.err.Error()
	if errors.Is(f.err, record.ErrEmptyKey) {
		why = "empty"
	}
	text := strings.Join(rd.src.Key, " or ") + " is " + why
	if rd.r.unkeyed > 1 {
		return text
	}
	var names []string
	record.Members(f.line, func(name string, _ []byte) bool {
		names = append(names, name)
		return len(names) <= shownNames
	})
	switch {
	case len(names) == 0:
		return text + "; it has no fields"
	case len(names) > shownNames:
		names[shownNames] = "…"
	}
	return text + "; its fields are " + strings.Join(names, ", ")
}

// shownNames is how many fields of a record an error names.
const shownNames = 12

// Remove takes a tombstone.
func (rd *reader) Remove(part string, key record.Key, reason string) error {
	if err := rd.in.settle(); err != nil {
		return err
	}
	rd.entry = entry{key: key, seen: seenGone}
	return rd.r.add(rd.r.part(part), &rd.entry, nil)
}

// End marks a partition as read to its end.
func (rd *reader) End(part string, next connector.Cursor, covers connector.Interval) error {
	if err := rd.in.settle(); err != nil {
		return err
	}
	p := rd.r.part(part)
	p.ended, p.to, p.covers = true, next, covers
	return nil
}

// Fail marks a partition as not read, or not wholly.
func (rd *reader) Fail(part string, err error) error {
	if err := rd.in.settle(); err != nil {
		return err
	}
	p := rd.r.part(part)
	if errors.Is(err, connector.ErrVacant) && p.count == 0 {
		p.begun, p.ended, p.vacant = false, false, err.Error()
		return nil
	}
	p.begun, p.ended, p.err = true, false, err
	p.problem = err.Error()
	return nil
}

// reject notes that the partition holds something that is no record, so that
// it is not complete.
func (p *partState) reject(problem string) {
	if p.problem == "" {
		p.problem = problem
	}
}

// finish judges each partition once the source has nothing more to say.
func (rd *reader) finish(err error) {
	listed := map[string]bool{}
	for _, id := range rd.parts {
		listed[id] = true
	}
	for _, p := range rd.r.parts {
		p.final = p.ended && !p.lost
		if p.unkeyed > 0 && p.problem == "" && rd.s.mirrored(rd.src) && !rd.src.Event {
			// The mirror would hold the record that has no key for absent.
			p.problem = counted(p.unkeyed, "record") + " without a key were read"
		}
		switch {
		case p.ended && p.problem == "":
			p.complete = true
		case !p.begun && (rd.r.listed && listed[p.name] || p.vacant != ""):
			p.unread = true
			p.problem = "listed but not read"
			if p.vacant != "" {
				p.problem = p.vacant
			}
			if _, before := rd.known.parts[p.name]; !before && err == nil {
				p.complete, p.problem = true, ""
			}
		case p.problem == "" && err != nil:
			p.problem, p.err = err.Error(), err
		case p.problem == "":
			p.problem = "the read ended before the partition did"
		}
	}
	if !rd.r.listed {
		return
	}
	for name := range rd.known.parts {
		if !listed[name] && rd.r.unlisted(name) {
			rd.r.part(name).gone = true
		}
	}
}

// completeWhen checks the source's own conditions on the whole read: on all that
// was read, and the drop of what is complete against the same partitions before.
// A read of changes shows no drop, and one that failed wholly proves nothing
// anyway.
func (s *session) completeWhen(ctx context.Context, src *Source, r *records, known *sourceState) error {
	var count, same, before int64
	complete, failed := len(r.parts) == 0, false
	for _, p := range r.parts {
		switch {
		case p.gone:
			continue
		case p.mode != connector.Full:
			return nil
		case p.complete:
			complete = true
			same += p.count
			before += known.parts[p.name].Count
		default:
			failed = true
		}
		count += p.count
	}
	if !complete && failed {
		return nil
	}
	note := ""
	switch c := src.Complete; {
	case count < c.MinRecords:
		note = fmt.Sprintf("%s were read, and complete_when asks for at least %d", counted(count, "record"), c.MinRecords)
	case c.MaxDrop != nil && before > same && c.MaxDrop.Exceeded(before-same, before):
		note = fmt.Sprintf("%s were read, %d fewer than the last complete read; complete_when allows a drop of %s", counted(same, "record"), before-same, c.MaxDrop)
	}
	if note == "" && failed {
		return nil
	}
	if note == "" {
		return s.releaseRead(ctx, known)
	}
	if approved := known.held; approved != nil && approved.ApprovedAt(s.clock) {
		if count >= approved.Count {
			return s.releaseRead(ctx, known)
		}
		note += fmt.Sprintf("; a read of at least %d is approved, and stays so (koppel held reject %s takes that back)", approved.Count, src.Address)
	}
	// The list of partitions is a part of the read, and no better than it.
	r.listed, r.held = false, note
	if len(r.parts) == 0 {
		r.part("")
	}
	for _, p := range r.parts {
		if p.complete || p.gone || p.problem == "" {
			p.problem = note
		}
		p.complete, p.final, p.gone = false, false, false
	}
	if !s.live {
		return nil
	}
	return s.holdRead(ctx, src, count, note, known.held)
}

// releaseRead forgets that a read was held: it was accepted once, or the
// source is well again. A run of one key leaves the approval for the rest.
func (s *session) releaseRead(ctx context.Context, known *sourceState) error {
	if known.held == nil || !s.live || s.opts.Key != "" {
		return nil
	}
	return s.Store.Update(ctx, func(tx state.Tx) error { return tx.DropHeldRead(known.row.ID) })
}

// holdRead remembers that a read waits for approval. An approval of a larger
// read than this one stays as it is.
func (s *session) holdRead(ctx context.Context, src *Source, count int64, note string, approved *state.HeldRead) error {
	return s.Store.Update(ctx, func(tx state.Tx) error {
		id, err := s.putSource(tx, src)
		if err != nil {
			return err
		}
		held := state.HeldRead{Source: id, Address: src.Address, Count: count, Since: s.clock, Note: note}
		if approved != nil && approved.ApprovedAt(s.clock) {
			held.Count, held.Since, held.Approved, held.Until = approved.Count, approved.Since, true, approved.Until
		}
		return tx.PutHeldRead(held)
	})
}

// bounds gives the window's sides around a clock as ISO date-times in UTC.
func (w *Window) bounds(clock time.Time) (from, to string) {
	if w.Past != nil {
		from = clock.Add(-*w.Past).UTC().Format(time.RFC3339)
	}
	if w.Future != nil {
		to = clock.Add(*w.Future).UTC().Format(time.RFC3339)
	}
	return from, to
}
