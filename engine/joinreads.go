package engine

import (
	"slices"

	"koppel/engine/mapping"
	"koppel/engine/record"
)

// joinReads says what a program takes of the right records of a join.
type joinReads struct {
	// paths that are read, unless whole says that everything is.
	paths [][]string
	whole bool
	// names are the members that the paths begin with.
	names []string
	// keep: rows are kept whole although less is read.
	keep bool
	// target: what the target answered is read too.
	target bool
}

func readsOf(p *mapping.Program, j Join) joinReads {
	reads := p.Reads()
	out := joinReads{whole: reads.Whole(j.Name)}
	_, out.target = reads.Roots[j.Name+".target"]
	for _, path := range reads.Roots[j.Name] {
		if len(path) == 0 {
			continue
		}
		out.add(path)
		if j.Many != "list" {
			continue
		}
		// The first step may be the place of a row in the list.
		if len(path) == 1 {
			out.whole = true
			continue
		}
		out.add(path[1:])
	}
	out.keep = out.whole
	return out
}

func (r *joinReads) add(path []string) {
	r.paths = append(r.paths, path)
	if !slices.Contains(r.names, path[0]) {
		r.names = append(r.names, path[0])
	}
}

// digest appends what of a right record can change a result: its join keys
// and the fields that are read.
func (r *joinReads) digest(b []byte, keys []record.Key, row *rightRow) []byte {
	for _, k := range keys {
		b = putBytes(b, k)
	}
	if r.whole {
		b = putBytes(b, row.body)
	} else {
		for _, path := range r.paths {
			b = putBytes(b, valueAt(row.body, path))
		}
	}
	if r.target {
		b = putBytes(b, row.answer)
	}
	if row.out != 0 {
		b = append(b, byte(row.out))
	}
	return b
}

// valueAt is what stands at a path: nil when nothing does. A list on the way
// is taken whole, for the next step is a place in it.
func valueAt(raw []byte, path []string) []byte {
	for _, step := range path {
		if record.KindOf(raw) == record.List {
			return raw
		}
		if raw = record.Member(raw, step); raw == nil {
			return nil
		}
	}
	return raw
}

// pick appends what must be kept of a right record.
func (r *joinReads) pick(b, body []byte) []byte {
	if r.keep {
		return append(b, body...)
	}
	return record.AppendMembers(b, body, r.names)
}
