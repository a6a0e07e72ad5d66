package mapping

import "slices"

// A Bind is one join or lookup in the order in which they are bound: after
// those that it reads, and otherwise as they stand.
type Bind struct {
	Lookup bool
	I      int // among the spec's joins, or its lookups
	// AfterEach: it reads the item, so that it is bound once per item.
	AfterEach bool
	index     int // in Program.names
}

type join struct {
	name        string
	index       int // in Program.names
	left, right []*part
}

// Binds lists the joins and lookups in the order in which they are bound.
func (p *Program) Binds() []Bind { return p.binds }

// joins compiles both sides of every join.
func (c *compiler) joins() {
	for i, j := range c.p.spec.Joins {
		out := join{name: j.Name, index: i}
		for _, n := range j.Left {
			out.left = append(out.left, c.part("on", n, c.others(i)))
		}
		for _, n := range j.Right {
			out.right = append(out.right, c.part("on", n, scope{names: []string{j.Name}}))
		}
		c.p.joins = append(c.p.joins, out)
	}
}

// others is what a join or lookup may read: the record, the item, and what the
// other joins and lookups gave.
func (c *compiler) others(index int) scope {
	names := slices.Delete(slices.Clone(c.p.names), index, index+1)
	return scope{src: true, item: c.p.spec.Each != nil, names: names}
}

// order puts joins and lookups in an order in which each finds what it reads,
// and learns with it which of them read the item and what is sensitive.
func (c *compiler) order() {
	p := c.p
	const (
		fresh = iota
		open
		done
	)
	mark := make([]int, len(p.names))
	after := map[string]bool{}
	var visit func(i int)
	visit = func(i int) {
		if mark[i] != fresh {
			return
		}
		mark[i] = open
		b := Bind{Lookup: i >= len(p.joins), I: i, index: i}
		if b.Lookup {
			b.I -= len(p.joins)
		}
		parts, pos := c.asked(i)
		for _, part := range parts {
			b.AfterEach = b.AfterEach || part.reads.reads("item")
			for _, n := range part.reads.names(p.names) {
				if mark[n] == open {
					c.problem(pos, CodeScope, p.names[i]+" and "+p.names[n]+" read each other", "")
					continue
				}
				visit(n)
				b.AfterEach = b.AfterEach || after[p.names[n]]
			}
		}
		c.hide(i, parts)
		mark[i], after[p.names[i]] = done, b.AfterEach
		p.binds = append(p.binds, b)
	}
	for i := range p.names {
		visit(i)
	}
}

// names lists, by their places, the names that are read.
func (r Reads) names(all []string) (places []int) {
	for i, name := range all {
		if r.reads(name) || r.reads(name+".target") {
			places = append(places, i)
		}
	}
	return places
}

// asked gives the parts of a join or lookup that are evaluated to bind it.
func (c *compiler) asked(i int) ([]*part, Pos) {
	if i < len(c.p.joins) {
		return c.p.joins[i].left, c.p.spec.Joins[i].Pos
	}
	i -= len(c.p.joins)
	return c.p.lookups[i].parts(), c.p.spec.Lookups[i].Pos
}

// hide marks what is sensitive, now that it is known of what is read.
func (c *compiler) hide(i int, parts []*part) {
	for _, part := range parts {
		part.sensitive = part.sensitive || c.p.readsSensitive(part.reads)
		c.p.taint(part.node, part.sensitive)
		if i >= len(c.p.joins) {
			l := &c.p.lookups[i-len(c.p.joins)]
			l.personal = l.personal || c.p.readsPersonal(part.reads)
		}
	}
}

// earlyNames lists what is bound before each runs.
func (c *compiler) earlyNames() []string {
	var names []string
	for _, b := range c.p.binds {
		if !b.AfterEach {
			names = append(names, c.p.names[b.index])
		}
	}
	return names
}
