package mapping

import (
	"slices"
	"strings"
)

// Reads says statically what programs read. It may name more than is read,
// never less.
type Reads struct {
	// Roots holds, by root ("src", "item", NAME, "NAME.target", "target"), the
	// paths that are read; a path stands for all below it, and one without
	// steps for everything.
	Roots      map[string][][]string
	Today, Now bool

	consts         [][]string // root and steps of constants
	tables, files  []string
	constSensitive bool
}

func newReads() Reads { return Reads{Roots: map[string][][]string{}} }

// Whole reports whether everything of a root is read.
func (r Reads) Whole(root string) bool {
	return slices.ContainsFunc(r.Roots[root], func(p []string) bool { return len(p) == 0 })
}

func (r *Reads) reads(root string) bool { _, ok := r.Roots[root]; return ok }

// add notes a path unless one above it is there.
func (r *Reads) add(root string, steps []string) {
	for _, p := range r.Roots[root] {
		if len(p) <= len(steps) && slices.Equal(p, steps[:len(p)]) {
			return
		}
	}
	kept := slices.DeleteFunc(slices.Clone(r.Roots[root]), func(p []string) bool {
		return len(steps) <= len(p) && slices.Equal(steps, p[:len(steps)])
	})
	r.Roots[root] = append(kept, slices.Clone(steps))
}

func (r *Reads) addConst(root string, steps []string) {
	r.consts = append(r.consts, append([]string{root}, steps...))
}

func (r *Reads) merge(o Reads) {
	for root, paths := range o.Roots {
		for _, p := range paths {
			r.add(root, p)
		}
	}
	r.Today, r.Now = r.Today || o.Today, r.Now || o.Now
	r.consts = append(r.consts, o.consts...)
	r.tables = append(r.tables, o.tables...)
	r.files = append(r.files, o.files...)
	r.constSensitive = r.constSensitive || o.constSensitive
}

// Reads says what all programs together read, Deleted and Protect included.
func (p *Program) Reads() Reads {
	all := newReads()
	for _, part := range p.parts() {
		all.merge(part.reads)
	}
	if p.whole == nil && len(p.fields) == 0 && p.deleted == nil {
		root := "src"
		if p.each != nil {
			root = "item"
		}
		all.add(root, nil)
	}
	for _, paths := range all.Roots {
		slices.SortFunc(paths, slices.Compare)
	}
	return all
}

// parts lists every compiled node.
func (p *Program) parts() []*part {
	var out []*part
	for _, j := range p.joins {
		out = append(append(out, j.left...), j.right...)
	}
	for i := range p.lookups {
		out = append(out, p.lookups[i].parts()...)
	}
	out = append(out, p.key...)
	for _, f := range slices.Concat(p.fields, p.rules) {
		if f.run != nil {
			out = append(out, &f.part)
		}
		out = append(out, f.def)
	}
	out = append(out, p.each, p.where, p.whole, p.protect, p.deleted)
	return slices.DeleteFunc(out, func(x *part) bool { return x == nil })
}

// readsSensitive tells whether something read is declared sensitive.
func (p *Program) readsSensitive(r Reads) bool {
	if r.constSensitive || p.readsPersonal(r) {
		return true
	}
	for _, path := range r.consts {
		if p.consts.sensitive(path[0], path[1:]) {
			return true
		}
	}
	for _, t := range r.tables {
		if p.consts.given.Tables[t].Sensitive {
			return true
		}
	}
	return false
}

// readsPersonal tells whether something sensitive of a record is read.
func (p *Program) readsPersonal(r Reads) bool {
	for root, paths := range r.Roots {
		sensitive := p.sensitivePaths(strings.TrimSuffix(root, ".target"))
		for _, path := range paths {
			if covers(sensitive, strings.Join(path, ".")) && len(sensitive) > 0 {
				return true
			}
		}
	}
	return false
}

// sensitivePaths lists what is sensitive of a root. Items carry whatever each
// reads.
func (p *Program) sensitivePaths(root string) []string {
	if root == "src" {
		return p.spec.SensitiveSrc
	}
	if root == "item" && p.each != nil && p.each.sensitive {
		return []string{""}
	}
	for _, j := range p.spec.Joins {
		if j.Name == root {
			return j.Sensitive
		}
	}
	for i := range p.lookups {
		if p.lookups[i].name == root && p.lookups[i].personal {
			return []string{""}
		}
	}
	return nil
}

// ReadBySensitive lists the dotted paths of a root ("src" or the name of a
// join) that sensitive fields read; "" stands for all of it.
func (p *Program) ReadBySensitive(root string) []string {
	var paths []string
	for _, f := range p.fields {
		if !f.sensitive {
			continue
		}
		for _, steps := range f.reads.Roots[root] {
			paths = append(paths, strings.Join(steps, "."))
		}
	}
	return paths
}

// Sensitive reports whether a mapped field is declared sensitive or computed
// from something that is.
func (p *Program) Sensitive(name string) bool {
	for _, f := range slices.Concat(p.fields, p.rules) {
		if f.name == name && (f.sensitive || f.def != nil && f.def.sensitive) {
			return true
		}
	}
	if p.whole != nil {
		return p.whole.sensitive
	}
	if len(p.fields) == 0 {
		return covers(p.spec.SensitiveSrc, name)
	}
	return false
}
