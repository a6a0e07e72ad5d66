package mapping

import "errors"

// A fault is a ValueError before its field is known.
type fault struct {
	code, problem string
	plain         string // the problem without what it quotes of a value; empty when it quotes nothing
	value         val
	hasValue      bool
	node          *Node // where it stands; nil until the innermost node adds itself
	offset, end   int
}

func newFault(code, problem string) *fault {
	return &fault{code: code, problem: problem, offset: -1, end: -1}
}

// about is a fault that concerns one value.
func about(code, problem string, v val) *fault {
	f := newFault(code, problem)
	f.value, f.hasValue = v, true
	return f
}

func (f *fault) Error() string { return f.problem }

// placed adds where a fault happened, unless a node inside has done so.
func placed(err error, n *Node, offset, end int) error {
	var f *fault
	if !errors.As(err, &f) {
		f = newFault(CodeProgram, err.Error())
	}
	if f.node == nil {
		f.node, f.offset, f.end = n, offset, end
	}
	return f
}

// maxValueShown bounds the bytes of a value in a message.
const maxValueShown = 120

// valueError turns what evaluation failed with into the error that callers
// see.
func (e *Evaluator) valueError(field string, sensitive bool, err error) error {
	var f *fault
	if !errors.As(err, &f) {
		f = newFault(CodeProgram, err.Error())
	}
	ve := &ValueError{Field: field, Offset: f.offset, End: f.end, Problem: f.problem, Code: f.code, Sensitive: sensitive}
	if f.node != nil {
		ve.Pos, ve.Program = f.node.Pos, f.node.Text
		ve.Sensitive = ve.Sensitive || e.p.nodeSensitive(f.node)
	}
	if f.code == CodeProgram && ve.Sensitive {
		ve.Problem = "the program failed; its message is withheld because it can hold a sensitive value"
	}
	if f.plain != "" && ve.Sensitive {
		ve.Problem = f.plain
	}
	if f.hasValue {
		ve.Value = e.shown(f.value)
	}
	return ve
}

// shown is the JSON of a value, cut short.
func (e *Evaluator) shown(v val) string {
	b, err := e.appendBody(nil, v, 0)
	if err != nil {
		return kindName(v)
	}
	if len(b) > maxValueShown {
		n := maxValueShown
		for n > 0 && b[n]&0xC0 == 0x80 {
			n--
		}
		return string(b[:n]) + "…"
	}
	return string(b)
}
