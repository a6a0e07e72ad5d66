package dsl

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"koppel/engine"
)

// A move is a moved block that is well formed.
type move struct {
	block    *hclsyntax.Block
	from, to string // addresses as they are written
	end      string // where the blocks that go on from to lead
}

// moves evaluates the moved blocks. A block may go on where another ends.
func (l *loader) moves() {
	next := map[string]*move{}
	var list []*move
	for _, b := range l.conf.moved {
		l.out.onlyKnown(b, []string{"from", "to"}, nil)
		m := &move{block: b, from: l.movedAddress(b, "from"), to: l.movedAddress(b, "to")}
		if m.from == "" || m.to == "" || !l.wellMoved(m, next[m.from]) {
			continue
		}
		next[m.from], list = m, append(list, m)
	}
	for _, m := range list {
		if m.end = l.endOf(m, next); m.end != "" {
			l.project.Moved = append(l.project.Moved, l.movesTo(m)...)
		}
	}
}

// wellMoved checks one block by itself; first is an earlier one with the same
// from.
func (l *loader) wellMoved(m *move, first *move) bool {
	from := m.block.Body.Attributes["from"].Expr.Range()
	switch {
	case classOf(m.from) != classOf(m.to):
		l.out.add("invalid_reference", m.block.Body.Attributes["to"].Expr.Range(), "A move stays in its class", "%s can't become %s.", m.from, m.to)
	case first != nil:
		l.out.add("conflict", from, fmt.Sprintf("%s moves twice", m.from), "The other block stands at %s. State has one new address.", placeText(first.block.DefRange()))
	case m.from == m.to || l.exists(m.from) || l.conf.declarations[m.from] != nil && !strings.Contains(m.to, "["):
		l.out.add("conflict", from, fmt.Sprintf("%s still exists", m.from), "A moved block names an address that is no longer declared.")
	default:
		return true
	}
	return false
}

func classOf(address string) string {
	class, _, _ := strings.Cut(address, ".")
	return class
}

// endOf follows the blocks from a move on to an address that is declared;
// empty, with a problem, when there is none.
func (l *loader) endOf(m *move, next map[string]*move) string {
	at := m.block.Body.Attributes["to"].Expr.Range()
	end := m.to
	for steps := 0; ; steps++ {
		on := next[end]
		if on == nil {
			break
		}
		if end = on.to; steps > len(next) {
			l.out.add("cycle", at, fmt.Sprintf("%s moves in a circle", m.from), "Take one of the moved blocks out.")
			return ""
		}
	}
	block, _, isInstance := strings.Cut(end, "[")
	d := l.conf.declarations[block]
	switch {
	case l.exists(end):
		return end
	case next[m.to] != nil:
		return "" // the last block of the chain reports it
	case d != nil && !isInstance && strings.Contains(m.from, "["):
		l.out.add("invalid_reference", at, "This block has several instances", "Name the one that %s became, as in %s[\"key\"].", m.from, end)
	case d != nil && !isInstance:
		return end
	default:
		class := classOf(end)
		l.out.add("invalid_reference", at, fmt.Sprintf("There is no %s", end), "State is moved to an address that is declared.%s",
			referenceHint(class, strings.TrimPrefix(block, class+"."), l.conf.ofClass(class)))
	}
	return ""
}

// movesTo are the moves of state that a block stands for: one, or one per
// instance where both sides name a whole block with for_each.
func (l *loader) movesTo(m *move) []engine.Move {
	d := l.conf.declarations[m.end]
	if d == nil || !hasForEach(d) {
		return []engine.Move{{From: m.from, To: m.end}}
	}
	var list []engine.Move
	for _, in := range d.instances {
		list = append(list, engine.Move{From: m.from + in.suffix(), To: m.end + in.suffix()})
	}
	return list
}

// exists tells whether an address has state of its own: an instance, or a
// block without for_each.
func (l *loader) exists(address string) bool {
	block, _, isInstance := strings.Cut(address, "[")
	d := l.conf.declarations[block]
	if d == nil || !isInstance {
		return d != nil && !hasForEach(d)
	}
	for _, in := range d.instances {
		if d.address()+in.suffix() == address {
			return true
		}
	}
	return false
}

// movedAddress reads one side of a moved block, which need not exist.
func (l *loader) movedAddress(b *hclsyntax.Block, side string) string {
	attr := b.Body.Attributes[side]
	if attr == nil {
		l.out.add("missing_argument", b.DefRange(), "A moved block has from and to", "Write from = pipeline.old and to = pipeline.new.")
		return ""
	}
	t, ok := unwrap(attr.Expr).(*hclsyntax.ScopeTraversalExpr)
	if !ok || !movable(t.Traversal) {
		l.out.add("invalid_reference", attr.Expr.Range(), "This is no address", "Write pipeline.NAME, source.KIND.NAME or sink.KIND.NAME.")
		return ""
	}
	return traversalText(t.Traversal)
}

func movable(t hcl.Traversal) bool {
	want := map[string]int{"pipeline": 2, "source": 3, "sink": 3}[t.RootName()]
	if want == 0 || len(t) < want || len(t) > want+1 {
		return false
	}
	for _, step := range t[1:want] {
		if _, ok := step.(hcl.TraverseAttr); !ok {
			return false
		}
	}
	if len(t) == want {
		return true
	}
	_, ok := stepName(t[want])
	return ok
}
