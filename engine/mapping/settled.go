package mapping

import (
	"github.com/expr-lang/expr/ast"
	"github.com/itchyny/gojq"
)

// settledProblem says what is wrong with an argument that is known before a
// run: a layout, a zone or a name space. It is empty when nothing is.
func settledProblem(f *Function, i int, text string) string {
	switch f.Params[min(i, len(f.Params)-1)] {
	case "layout":
		return layoutProblem([]byte(text))
	case "zone":
		if _, err := loadZone(text); err != nil {
			return err.Error()
		}
	case "ns":
		if _, err := nameSpace(text); err != nil {
			return wrongSpace
		}
	}
	return ""
}

// settled checks the constant arguments of a call in HCL.
func (c *compiler) settled(f *Function, n *Node) {
	for i, a := range n.Nodes {
		if s, ok := literalText(a); ok && !a.Sensitive {
			if problem := settledProblem(f, i, s); problem != "" {
				c.problem(a.Pos, CodeArgument, problem, "")
			}
		}
	}
}

// settled checks the constant arguments of a call in an expr program.
func (x *exprCompiler) settled(f *Function, n *ast.CallNode) {
	for i, a := range n.Arguments {
		if s, ok := a.(*ast.StringNode); ok {
			if problem := settledProblem(f, i, s.Value); problem != "" {
				x.problem(a, CodeArgument, problem, "")
			}
		}
	}
}

// settled checks the constant arguments of a call in a jq program.
func (w *jqWriter) settled(f *Function, args []*gojq.Query) {
	for i, a := range args {
		t := a.Term
		if t == nil || t.Type != gojq.TermTypeString || t.Str.Queries != nil || len(t.SuffixList) > 0 {
			continue
		}
		if problem := settledProblem(f, i, t.Str.Str); problem != "" {
			w.problem(f.Name, CodeArgument, problem, "")
		}
	}
}
