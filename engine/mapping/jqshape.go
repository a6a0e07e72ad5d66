package mapping

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// jqShapes gives the shape of a compiled jq program, where it has one, and the
// members of the object that it makes, where all of them have pieces.
func (c *compiler) jqShapes(q *gojq.Query, root string) (*shape, []*field) {
	if root != "src" || !c.scope.src || c.scope.judging {
		return nil, nil
	}
	if q.Term != nil && q.Term.Type == gojq.TermTypeObject && len(q.Term.SuffixList) == 0 && len(q.FuncDefs) == 0 {
		return nil, c.jqMembers(q.Term.Object)
	}
	return c.jqShape(q), nil
}

// jqMembers gives the members of an object construction, by name; nil unless
// all names are known and different, and all values have pieces.
func (c *compiler) jqMembers(o *gojq.Object) []*field {
	var fields []*field
	for _, kv := range o.KeyVals {
		name := kv.Key
		if kv.KeyString != nil && kv.KeyString.Queries == nil {
			name = kv.KeyString.Str
		}
		if name == "" || name[0] == '$' || kv.KeyQuery != nil || !utf8.ValidString(name) {
			return nil
		}
		s := c.jqPath([]string{name})
		if kv.Val != nil {
			s = c.jqShape(kv.Val)
		}
		f := &field{copied: -1, quoted: append(record.AppendString([]byte{','}, name), ':')}
		if f.name, f.shape, f.piece = name, s, s.piece(); f.piece == nil {
			return nil
		}
		if s.op == shapeSource {
			f.copied = s.slot
		}
		fields = append(fields, f)
	}
	slices.SortFunc(fields, func(a, b *field) int { return compareText(a.name, b.name) })
	for i := 1; i < len(fields); i++ {
		if fields[i-1].name == fields[i].name {
			return nil
		}
	}
	return fields
}

// jqShape gives the shape of a query over the source record; nil for none.
// Shapes of the other languages serve where they mean the same for the values
// that pieces know.
func (c *compiler) jqShape(q *gojq.Query) *shape {
	switch {
	case len(q.FuncDefs) > 0 || len(q.Patterns) > 0:
		return nil
	case q.Term != nil:
		return c.jqTermShape(q.Term)
	}
	switch q.Op {
	case gojq.OpPipe:
		return c.jqPipeShape(q.Left, q.Right)
	case gojq.OpAlt:
		return builtPiece(jqAlternative, c.jqShape(q.Left), c.jqShape(q.Right))
	case gojq.OpAnd:
		return composed("and", c.jqShape(q.Left), c.jqShape(q.Right))
	case gojq.OpOr:
		return composed("or", c.jqShape(q.Left), c.jqShape(q.Right))
	case gojq.OpEq, gojq.OpNe, gojq.OpLt, gojq.OpLe, gojq.OpGt, gojq.OpGe:
		return jqComparison(q.Op, c.jqShape(q.Left), c.jqShape(q.Right))
	}
	return nil
}

func (c *compiler) jqTermShape(t *gojq.Term) *shape {
	if steps, ok := jqSteps(t); ok {
		return c.jqPath(steps)
	}
	if len(t.SuffixList) > 0 {
		return nil
	}
	switch t.Type {
	case gojq.TermTypeNull:
		return constShape(null())
	case gojq.TermTypeTrue:
		return constShape(boolean(true))
	case gojq.TermTypeFalse:
		return constShape(boolean(false))
	case gojq.TermTypeNumber:
		return constShape(numberOf(t.Number))
	case gojq.TermTypeString:
		if t.Str.Queries == nil {
			return constShape(textOf(t.Str.Str))
		}
		args := make([]*shape, len(t.Str.Queries))
		for i, q := range t.Str.Queries {
			args[i] = builtPiece(jqString, c.jqShape(q))
		}
		return builtPiece(jqConcatenation, args...)
	case gojq.TermTypeQuery:
		return c.jqShape(t.Query)
	case gojq.TermTypeFunc:
		return c.jqCallShape(t.Func)
	case gojq.TermTypeIf:
		if t.If.Else != nil && len(t.If.Elif) == 0 {
			return composed(shapeChoice, c.jqShape(t.If.Cond), c.jqShape(t.If.Then), c.jqShape(t.If.Else))
		}
	}
	return nil
}

// jqSteps gives the names of a path from the input.
func jqSteps(t *gojq.Term) ([]string, bool) {
	if t.Type != gojq.TermTypeIndex && (t.Type != gojq.TermTypeIdentity || len(t.SuffixList) == 0) {
		return nil, false
	}
	steps := pathOf(t)
	n := len(t.SuffixList)
	if t.Type == gojq.TermTypeIndex {
		n++
	}
	return steps, len(steps) == n
}

// jqPath reads a member of the source record. Of a deeper one that is absent
// the piece must see that what is above it has members at all.
func (c *compiler) jqPath(steps []string) *shape {
	if len(steps) == 1 {
		return &shape{op: shapeSource, slot: c.p.tree.Want(steps...)}
	}
	slots := make([]int, len(steps))
	for i := range steps {
		slots[i] = c.p.tree.Want(steps[:i+1]...)
	}
	last := slots[len(slots)-1]
	hasNone := func(e *Evaluator) bool {
		for _, slot := range slots[:len(slots)-1] {
			switch _, kind, _ := e.scan.Clean(slot); kind {
			case record.Absent, record.Null:
				return true
			case record.Object:
			default:
				return false
			}
		}
		return true
	}
	read, value := sourcePiece(last), (&shape{op: shapeSource, slot: last}).operand()
	return &shape{op: shapeBuilt, built: &direct{
		piece: func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
			if e.scan.Slot(last) == nil && !hasNone(e) {
				return dst, record.Absent
			}
			return read(e, dst)
		},
		operand: func(e *Evaluator) (val, bool) {
			if e.scan.Slot(last) == nil && !hasNone(e) {
				return null(), false
			}
			return value(e)
		},
	}}
}

// builtPiece makes a shape that has a piece only; nil when an argument has none.
func builtPiece(build func(args []piece) piece, args ...*shape) *shape {
	var pieces []piece
	for _, a := range args {
		p := a.piece()
		if p == nil {
			return nil
		}
		pieces = append(pieces, p)
	}
	return &shape{op: shapeBuilt, built: &direct{piece: build(pieces)}}
}

// jqPipeShape knows functions of one value behind it.
func (c *compiler) jqPipeShape(left, right *gojq.Query) *shape {
	if right.Term == nil || right.Term.Type != gojq.TermTypeFunc || len(right.Term.SuffixList) > 0 || len(right.FuncDefs) > 0 {
		return nil
	}
	f, arg := right.Term.Func, c.jqShape(left)
	switch f.Name + "/" + strconv.Itoa(len(f.Args)) {
	case "not/0":
		return composed("!", arg)
	case "tostring/0":
		return builtPiece(jqString, arg)
	case "ascii_downcase/0":
		return builtPiece(jqCase(lowerASCII), arg)
	case "ascii_upcase/0":
		return builtPiece(jqCase(upperASCII), arg)
	case "join/1":
		if sep, ok := quotedText(f.Args[0]); ok && arg != nil && arg.op == shapeSource && isClean(bytesOf(sep)) {
			return &shape{op: shapeBuilt, built: &direct{piece: jqJoinPiece(sep, arg.slot)}}
		}
	case "lower/0", "upper/0", "string/0", "date/0":
		return composed(f.Name, arg)
	}
	return nil
}

// jqCallShape knows calls of the function table that the language has none of.
func (c *compiler) jqCallShape(f *gojq.Func) *shape {
	switch {
	case f.Name == "not" && len(f.Args) == 0, len(f.Args) == 0:
		return nil
	case !slices.Contains(strings.Fields("lower upper trim string date words default coalesce formatdate"), f.Name):
		return nil
	case !c.funcs[f.Name].takes(len(f.Args)):
		return nil
	}
	args := make([]*shape, len(f.Args))
	for i, a := range f.Args {
		args[i] = c.jqShape(a)
	}
	return composed(f.Name, args...)
}

// jqAlternative is l // r.
func jqAlternative(args []piece) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		from := len(dst)
		dst, kind := args[0](e, dst)
		if kind == record.Null || kind == record.Bool && dst[from] == 'f' {
			return args[1](e, dst[:from])
		}
		return dst, kind
	}
}

// jqString is tostring of text, true, false, null and usual numbers.
func jqString(args []piece) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		from := len(dst)
		dst, kind := args[0](e, dst)
		switch kind {
		case record.Null:
			dst = append(dst, nullLiteral...)
		case record.Number:
			if i, ok := shortInt(dst[from:]); !ok || i == 0 && len(dst)-from > 1 {
				return dst, record.Absent
			}
		case record.Absent:
			return dst, kind
		}
		return dst, record.String
	}
}

// jqConcatenation puts texts together.
func jqConcatenation(args []piece) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		from := len(dst)
		for _, arg := range args {
			var kind record.Kind
			if dst, kind = arg(e, dst); kind != record.String {
				return dst, record.Absent
			}
		}
		if !e.take(len(dst) - from) {
			return dst, record.Absent
		}
		return dst, record.String
	}
}

// jqCase changes the case of ASCII text; of any other value it is an error.
func jqCase(ascii func([]byte) (found, ok bool)) func([]piece) piece {
	return func(args []piece) piece {
		change := casePiece(args[0], ascii)
		return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
			dst, kind := change(e, dst)
			if kind != record.String {
				return dst, record.Absent
			}
			return dst, kind
		}
	}
}

// jqJoinPiece is join of a list that holds nothing but texts without escapes.
func jqJoinPiece(sep string, slot int) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		raw, kind, _ := e.scan.Clean(slot)
		if kind != record.List {
			return dst, record.Absent
		}
		from := len(dst)
		dst, ok := appendTexts(dst, sep, raw)
		if !ok || e.spend(len(raw)>>6) != nil || !e.take(len(dst)-from) {
			return dst, record.Absent
		}
		return dst, record.String
	}
}

func appendTexts(dst []byte, sep string, list []byte) (out []byte, ok bool) {
	if bytes.IndexByte(list, '\\') >= 0 {
		return dst, false
	}
	first := true
	for i := blank(list, 1); i < len(list) && list[i] != ']'; {
		if list[i] != '"' {
			return dst, false
		}
		if !first {
			dst = append(dst, sep...)
		}
		first = false
		end := i + 1 + bytes.IndexByte(list[i+1:], '"')
		dst = append(dst, list[i+1:end]...)
		if i = blank(list, end+1); list[i] == ',' {
			i = blank(list, i+1)
		}
	}
	return dst, true
}

// jqComparison compares usual values in the order of the language.
func jqComparison(op gojq.Operator, l, r *shape) *shape {
	if l == nil || r == nil {
		return nil
	}
	left, right := l.operand(), r.operand()
	if left == nil || right == nil {
		return nil
	}
	judge := func(e *Evaluator) verdict {
		a, ok := left(e)
		if !ok {
			return undecided
		}
		b, ok := right(e)
		if !ok {
			return undecided
		}
		c := cmp.Compare(jqRank(a), jqRank(b))
		if c == 0 {
			switch a.kind {
			case record.String:
				c = bytes.Compare(a.b, b.b)
			case record.Number:
				f, ok := jqFloat(a)
				g, isFloat := jqFloat(b)
				if !ok || !isFloat || f != f || g != g || f > 1e15 || f < -1e15 {
					return undecided
				}
				c = cmp.Compare(f, g)
			}
		}
		return verdictOf(jqHolds(op, c))
	}
	return &shape{op: shapeBuilt, built: &direct{piece: testPiece(judge), test: judge}}
}

func jqHolds(op gojq.Operator, c int) bool {
	switch op {
	case gojq.OpEq:
		return c == 0
	case gojq.OpNe:
		return c != 0
	case gojq.OpLt:
		return c < 0
	case gojq.OpLe:
		return c <= 0
	case gojq.OpGt:
		return c > 0
	}
	return c >= 0
}
