package engine

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sort"

	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/spool"
)

// maxProblems bounds how many problems of one kind are kept with their words;
// the counts are always exact.
const maxProblems = 1000

// records is what a pipeline works on: the records of one source, of its
// mirror, or of an upstream pipeline, on disk, with a sorted index by key.
type records struct {
	title string
	// parts by name; names in the order of their first appearance.
	parts map[string]*partState
	names []string
	// listed: the source gave the complete list of its partitions.
	listed bool
	log    *spool.Log
	reread connector.Rereader
	hash   *record.Hasher
	index  *spool.Sorter
	// list holds the entries in the order in which they came, and plain says
	// that all of them count: none was begun anew, taken back or claimed twice.
	// later: the index is made of the list, once someone asks for it.
	list  *spool.Log
	plain bool
	later bool
	// keys holds the hash of each key: nil where no one asks whether they differ.
	keys *spool.Distinct
	seed maphash.Seed
	// maps is the pipeline that mapped the records while they were read.
	maps *work
	// delta: only some records are here; the others stand as they were.
	delta bool
	// mirrored: they come from a mirror, which no read has found unique.
	mirrored bool
	// events: absence proves nothing, though all that is known is here.
	events bool
	// derived: the entries' hashes are not of the bytes that they point at.
	derived  bool
	count    int64
	puts     int64 // of count: no tombstones
	unkeyed  int64
	unjudged int64  // records of which nobody knows whether they are deleted
	held     string // why the read waits for someone to approve it
	problems []plan.Problem
	failed   int64
	// seq is the mirror's sequence that these records go up to.
	seq uint64
	sum *readSum // nil: not taken yet
	buf []byte
	// line is what is appended to the list.
	line []byte
}

// A partState is what is known of one partition in this read.
type partState struct {
	name     string
	id       uint64
	gen      uint64 // raised when the partition is begun again
	mode     connector.Mode
	partial  bool // records of one key may follow each other, as in a Delta
	begun    bool
	ended    bool
	complete bool
	gone     bool
	lost     bool   // something was read that is no record
	final    bool   // all that the source had to say was read: tombstones count
	vacant   string // why there is nothing to be read, if it was not begun
	unread   bool   // listed and never begun: nothing of it is proven
	count    int64
	unkeyed  int64 // records without a key
	unjudged int64 // records whose deleted gave no answer
	from, to []byte
	covers   connector.Interval
	problem  string
	err      error
}

func (s *session) newRecords(title string) *records {
	return &records{
		title: title, parts: map[string]*partState{}, hash: s.Store.Hasher(),
		log: s.spool.Log(), index: s.spool.Sorter(indexMemory),
	}
}

// close frees the records; what is known of the partitions stays.
func (r *records) close() {
	// What can't be removed now is removed with the session's folder.
	_ = errors.Join(r.index.Close(), r.log.Close())
	if r.list != nil {
		_ = r.list.Close()
	}
	if r.keys != nil {
		_ = r.keys.Close()
	}
}

func (r *records) part(name string) *partState {
	p := r.parts[name]
	if p == nil {
		p = &partState{name: name, id: uint64(len(r.names))}
		r.parts[name] = p
		r.names = append(r.names, name)
	}
	return p
}

// complete tells whether all that there is was read; absence then proves that a
// record is gone, unless the source is one of events.
func (r *records) complete() bool {
	for _, p := range r.parts {
		if !p.complete && !p.gone {
			return false
		}
	}
	return len(r.parts) > 0 || r.listed
}

// unreachable tells whether the system could not be reached for a partition,
// or refused the credentials.
func (r *records) unreachable() bool {
	for _, p := range r.parts {
		if errors.Is(p.err, connector.ErrUnreachable) {
			return true
		}
	}
	return false
}

// proves tells whether a record that is absent from a partition is gone. A
// partition that was not read is no trouble when it never gave anything, but
// what a broken read of it gave earlier stays.
func (r *records) proves(part string) bool {
	p := r.parts[part]
	switch {
	case r.events:
		return false
	case p == nil:
		return r.listed && r.unlisted(part)
	}
	return p.complete && !p.unread || p.gone
}

// unlisted tells whether a partition that the list does not name is gone. A
// source that was read in one piece and now is in several, or the other way
// round, may have the same records under the other name: those it proves gone
// only once it was read whole.
func (r *records) unlisted(name string) bool {
	return name != "" && r.parts[""] == nil || r.complete()
}

func (r *records) report(key record.Key, field, code, message string) {
	r.failed++
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, plan.Problem{Key: key.String(), Field: field, Code: code, Message: message})
	}
}

// add notes one record or tombstone.
func (r *records) add(p *partState, e *entry, body []byte) error {
	e.part, e.gen = p.id, p.gen
	if !r.mirrored {
		e.order = uint64(r.count)
	}
	if body != nil {
		if r.reread == nil {
			off, err := r.log.Append(body)
			if err != nil {
				return err
			}
			e.offset = off
		}
		e.length = len(body)
		p.count++
	}
	r.count++
	if e.seen == seenPut {
		r.puts++
	}
	r.buf = e.encode(r.buf[:0])
	if r.keys != nil {
		if err := r.keys.Add(maphash.String(r.seed, string(e.key))); err != nil {
			return err
		}
	}
	if !r.later {
		if err := r.index.Add([]byte(e.key), r.buf); err != nil {
			return err
		}
	}
	if r.list == nil {
		return nil
	}
	r.line = putBytes(putBytes(r.line[:0], e.key), r.buf)
	_, err := r.list.Append(r.line)
	return err
}

// sortList makes the index of the list, where that was put off.
func (r *records) sortList() error {
	if !r.later {
		return nil
	}
	r.later = false
	return eachLogged(r.list, func(d *decoder) error {
		key, payload := d.bytes(), d.bytes()
		if d.err != nil {
			return nil
		}
		return r.index.Add(key, payload)
	})
}

// byKey yields the entries in key order, one per key. A key that several
// records claim comes once, as twice.
func (r *records) byKey(yield func(*entry) error) error {
	var cur entry
	have := false
	err := r.each(func(next *entry) error {
		if have && cur.key == next.key {
			r.merge(&cur, next)
			return nil
		}
		if have {
			if err := yield(&cur); err != nil {
				return err
			}
		}
		cur, have = *next, true
		return nil
	})
	if err != nil || !have {
		return err
	}
	return yield(&cur)
}

// each yields all entries in key order, but for those of a partition that was
// begun again since, and for the tombstones of one that was not read to its end:
// the source may have been about to tell that the record is back.
func (r *records) each(yield func(*entry) error) error {
	if err := r.sortList(); err != nil {
		return err
	}
	it, err := r.index.Sort()
	if err != nil {
		return err
	}
	defer it.Close()
	var e entry
	for it.Next() {
		if err := e.decode(it.Key(), it.Payload()); err != nil {
			return err
		}
		p := r.parts[r.names[e.part]]
		if e.gen != p.gen || e.seen == seenGone && !p.final && !r.mirrored {
			continue
		}
		if err := yield(&e); err != nil {
			return err
		}
	}
	return it.Err()
}

// byPlace yields the entries in key order, one per key and partition, as a
// mirror keeps them. Those of a key that several records claim come as twice.
func (r *records) byPlace(yield func(*entry) error) error {
	var group []entry
	flush := func() error {
		puts := 0
		for i := range group {
			if group[i].seen != seenGone {
				puts++
			}
		}
		for i := range group {
			e := &group[i]
			e.twice = e.twice || !r.delta && puts > 1 && e.seen != seenGone
			if err := yield(e); err != nil {
				return err
			}
		}
		group = group[:0]
		return nil
	}
	err := r.each(func(e *entry) error {
		if len(group) > 0 && group[0].key != e.key {
			if err := flush(); err != nil {
				return err
			}
		}
		for i := range group {
			if group[i].part == e.part {
				return r.lay(&group[i], e)
			}
		}
		group = append(group, *e)
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// merge decides between two entries of one key: in a delta the later one
// stands, and a tombstone never collides: within its partition the later of
// the two stands, and in another it says nothing of this one's record, which
// may have moved. Otherwise nobody knows which of the two records is meant.
func (r *records) merge(cur, next *entry) {
	switch gone := next.seen == seenGone; {
	case cur.part != next.part && gone != (cur.seen == seenGone):
		if !gone {
			*cur = *next
		}
	case r.delta || gone || cur.seen == seenGone || cur.part == next.part && r.deltaPart(cur):
		*cur = *next
	default:
		cur.twice = true
	}
}

func (r *records) deltaPart(e *entry) bool {
	p := r.parts[r.names[e.part]]
	return p.partial || p.mode != connector.Full
}

// lay is merge for entries of one key and partition whose records may be
// partial: the later record is laid over the earlier one. Behind a tombstone a
// record begins anew.
func (r *records) lay(cur, next *entry) error {
	anew := next.seen == seenPut && (cur.anew || cur.seen == seenGone)
	if !r.parts[r.names[cur.part]].partial || cur.seen != seenPut || next.seen != seenPut || r.hash == nil || r.reread != nil {
		r.merge(cur, next)
		cur.anew = anew
		return nil
	}
	base, err := r.body(cur, r.hash, nil)
	if err != nil {
		return err
	}
	over, err := r.body(next, r.hash, nil)
	if err != nil {
		return err
	}
	body, err := mergeFields(base, over)
	if err != nil {
		return err
	}
	*cur = *next
	cur.anew = anew
	cur.raw, cur.length = r.hash.Bytes(body), len(body)
	cur.offset, err = r.log.Append(body)
	return err
}

// body reads the bytes that an entry points at, and checks them.
func (r *records) body(e *entry, hash *record.Hasher, dst []byte) ([]byte, error) {
	if r.reread == nil {
		return r.log.ReadAt(e.offset, e.length, dst)
	}
	b, err := r.reread.Reread(r.names[e.part], e.offset, e.length, dst)
	if err != nil {
		return nil, fmt.Errorf("read record %s again: %w", e.key, err)
	}
	return b, r.check(e, b, hash)
}

// uniqueness finds keys that several records claim; their partitions are not
// complete, for nobody knows which record each of them stands for.
func (r *records) uniqueness() error {
	if unique, err := r.allUnique(); unique || err != nil {
		r.plain = unique
		return err
	}
	n, put := 0, int64(0)
	err := r.byKey(func(e *entry) error {
		if e.seen == seenPut {
			put++
		}
		if !e.twice {
			return nil
		}
		n++
		p := r.parts[r.names[e.part]]
		if p.complete {
			p.problem = fmt.Sprintf("several records have the key %s", e.key)
		}
		p.complete = false
		r.report(e.key, "key", "duplicate_key", "several records have this key; none of them is used")
		return nil
	})
	r.plain = n == 0 && put == r.count
	if n > 0 {
		// A key that stands in two partitions makes both of them incomplete; the
		// index keeps one of them only, so no partition is trusted.
		for _, p := range r.parts {
			p.complete = false
		}
	}
	return err
}

// allUnique tells whether all that came counts, and no two have one key: then
// the entries need not be looked at one by one. Where two keys share a hash it
// says no, although they may differ.
func (r *records) allUnique() (bool, error) {
	defer r.keys.Close() // what can't be removed now is removed with the session's folder
	if r.puts != r.count {
		return false, nil
	}
	for _, p := range r.parts {
		if p.gen > 0 {
			return false, nil
		}
	}
	return r.keys.All()
}

// planParts describes the partitions for a plan, by name.
func (r *records) planParts() []plan.Part {
	names := append([]string(nil), r.names...)
	sort.Strings(names)
	var list []plan.Part
	for _, name := range names {
		p := r.parts[name]
		list = append(list, plan.Part{
			Name: name, From: p.from, To: p.to, Count: p.count, Full: p.mode == connector.Full,
			Complete: p.complete && !p.unread, Gone: p.gone, Problem: p.problem,
		})
	}
	return list
}
