package mapping

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/conf"

	"koppel/engine/record"
)

// A Program is a compiled Spec. It does not change and may be shared.
type Program struct {
	spec   Spec
	consts *constants
	tree   *record.Tree
	// sourceKey are the slots of Spec.SourceKey.
	sourceKey []int
	names     []string // what Bind knows: joins, then lookups
	joins     []join
	lookups   []lookup
	binds     []Bind // joins and lookups in the order in which they are bound
	each      *part
	where     *part
	key       []*part
	fields    []*field // in the order of the mapping
	sorted    []int    // indices of fields by name
	unique    bool     // no two fields have one name, and all names are UTF-8
	whole     *part
	group     *jqGroup // of the fields that the library of jq runs; nil for fewer than two
	members   []*field // of whole, by name, when all have pieces
	rules     []*field // beside whole, by name
	protect   *part
	deleted   *part
	locals    int // let variables and loop places of expr programs
	tainted   map[*Node]bool
	jqs       map[*Node]*jqProgram
}

// A code computes one value of the record that an evaluator has loaded.
type code func(e *Evaluator) (val, error)

// A part is one compiled node with the name that its errors carry.
type part struct {
	name      string
	node      *Node
	run       code
	shape     *shape // nil: none
	piece     piece  // nil: none
	test      test   // nil: none
	reads     Reads
	sensitive bool
}

type field struct {
	part
	quoted   []byte // a comma, and the name as a member of a JSON object, with its colon
	copied   int    // the slot that the value is a copy of, or -1
	ruled    bool   // there is a default, a type, or a value is required
	def      *part
	typ      string
	check    func(val) bool
	required bool
}

// A compiler collects problems while it turns nodes into code.
type compiler struct {
	p        *Program
	problems []Problem
	scope    scope
	reads    *Reads
	funcs    map[string]*Function

	jqSites     int                // calls of jq programs that have functions of their own
	interpretJQ bool               // leave every jq program to the language's own library
	shapes      map[*Node]*shape   // of expr and jq programs
	objects     map[*Node][]*field // of jq programs that make an object

	exprConfig   *conf.Config // made for the first expr program
	exprBuiltins map[string]exprBuiltin
}

// A scope says which roots the node at hand may read.
type scope struct {
	what   string // for messages
	src    bool
	item   bool
	target bool // the target's row, in protect
	names  []string
	// answers: NAME.target may be read.
	answers bool
	judging bool // protect: there may be no source record
}

// Compile turns a spec into a program. With problems the program is nil.
func Compile(spec Spec, consts Consts) (*Program, []Problem) {
	return compileSpec(spec, consts, false)
}

func compileSpec(spec Spec, consts Consts, interpretJQ bool) (*Program, []Problem) {
	p := &Program{spec: spec, tree: record.NewTree(), tainted: map[*Node]bool{}, jqs: map[*Node]*jqProgram{}}
	c := &compiler{p: p, funcs: functionTable(), interpretJQ: interpretJQ, shapes: map[*Node]*shape{}, objects: map[*Node][]*field{}}
	p.consts = c.constants(consts)
	for _, j := range spec.Joins {
		p.names = append(p.names, j.Name)
	}
	for _, l := range spec.Lookups {
		p.names = append(p.names, l.Name)
	}
	for _, path := range spec.SourceKey {
		p.sourceKey = append(p.sourceKey, p.tree.Want(strings.Split(path, ".")...))
	}
	c.joins()
	c.lookups()
	c.order()
	all := scope{src: true, item: spec.Each != nil, names: p.names}
	early := scope{src: true, names: c.earlyNames()}
	p.each = c.part("each", spec.Each, early)
	p.where = c.part("where", spec.Where, all)
	for _, n := range spec.Key {
		p.key = append(p.key, c.part("key", n, all))
	}
	all.answers = true
	c.fields(all)
	p.group = c.jqGroup()
	p.whole = c.part("map", spec.Whole, all)
	if len(spec.Rules) == 0 {
		p.members = c.objects[spec.Whole]
	}
	p.protect = c.part("protect", spec.Protect, scope{target: true, judging: true, src: true, item: true, names: p.names})
	p.deleted = c.part("deleted", spec.Deleted, scope{src: true})
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return p, nil
}

// part compiles one node under a name; nil for nil.
func (c *compiler) part(name string, n *Node, s scope) *part {
	if n == nil {
		return nil
	}
	p := &part{name: name, node: n, reads: newReads()}
	s.what = name
	c.scope, c.reads = s, &p.reads
	p.run = c.compile(n)
	p.shape = c.shape(n)
	p.piece, p.test = p.shape.piece(), p.shape.test()
	p.sensitive = c.p.readsSensitive(p.reads)
	c.p.taint(n, p.sensitive)
	return p
}

// taint marks a node and all inside it.
func (p *Program) taint(n *Node, sensitive bool) {
	p.tainted[n] = p.tainted[n] || sensitive
	for _, inner := range n.Nodes {
		p.taint(inner, sensitive)
	}
}

func (p *Program) nodeSensitive(n *Node) bool { return p.tainted[n] }

func (c *compiler) fields(s scope) {
	p := c.p
	for _, f := range p.spec.Fields {
		if f.Value == nil {
			continue
		}
		out := &field{part: *c.part(f.Name, f.Value, s)}
		c.rules(out, f, s)
		p.fields = append(p.fields, out)
	}
	for _, f := range p.spec.Rules {
		out := &field{part: part{name: f.Name, sensitive: f.Sensitive, reads: newReads()}}
		c.rules(out, f, s)
		p.rules = append(p.rules, out)
	}
	slices.SortFunc(p.rules, func(a, b *field) int { return compareText(a.name, b.name) })
	p.sorted = make([]int, len(p.fields))
	for i := range p.sorted {
		p.sorted[i] = i
	}
	slices.SortFunc(p.sorted, func(a, b int) int { return compareText(p.fields[a].name, p.fields[b].name) })
	p.unique = true
	for n, i := range p.sorted {
		name := p.fields[i].name
		p.unique = p.unique && utf8.ValidString(name) && (n == 0 || p.fields[p.sorted[n-1]].name != name)
	}
}

func (c *compiler) rules(out *field, f Field, s scope) {
	out.sensitive = out.sensitive || f.Sensitive
	if out.node != nil {
		c.p.taint(out.node, out.sensitive)
	}
	out.quoted = append(record.AppendString([]byte{','}, f.Name), ':')
	out.copied = -1
	if out.shape != nil && out.shape.op == shapeSource {
		out.copied = out.shape.slot
	}
	out.def = c.part(f.Name, f.Default, s)
	out.typ, out.required, out.check = f.Type, f.Required, typeCheck(f.Type)
	out.ruled = out.def != nil || out.required || out.check != nil
	if f.Type != "" && out.check == nil {
		c.problem(f.Pos, CodeArgument, "unknown type "+f.Type, "")
	}
}

// problem adds a mistake that concerns a node as a whole.
func (c *compiler) functionNames() []string { return slices.Sorted(maps.Keys(c.funcs)) }

func (c *compiler) problem(pos Pos, code, summary, suggest string) {
	c.problems = append(c.problems, Problem{Pos: pos, Offset: -1, End: -1, Code: code, Summary: summary, Suggest: suggest})
}
