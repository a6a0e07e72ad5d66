package mapping

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// call compiles a call of the function table.
func (x *exprCompiler) call(n *ast.CallNode) code {
	id, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return x.problem(n, CodeName, "values of records have no methods", "")
	}
	f, ok := x.c.funcs[id.Value]
	switch {
	case id.Value == "now" && len(n.Arguments) == 0:
		x.c.reads.Now = true
		return now
	case id.Value == "duration" || id.Value == "timezone":
		return x.problem(n, CodeName, "there is no "+id.Value+": dates and times are ISO text", "")
	case !ok:
		return x.problem(n, CodeName, "unknown function "+id.Value, nearest(id.Value, x.known()))
	case f.Name == "table" || f.Name == "template_file":
		return x.file(f, n)
	case f.Name == "join" && len(n.Arguments) > 0:
		f = eitherOrder(f)
	case !f.takes(len(n.Arguments)):
		return x.problem(n, CodeArgument, "wrong number of arguments: "+f.Usage(), "")
	}
	x.settled(f, n)
	from, to := x.span(n.Location())
	return invoke(f, x.nodes(n.Arguments), x.n, from, to)
}

// known lists all functions of the language.
func (x *exprCompiler) known() []string {
	names := append(x.c.functionNames(), predicateNames()...)
	for name := range x.builtins {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// eitherOrder lets join take the list first, as expr's own does.
func eitherOrder(f *Function) *Function {
	out := *f
	out.run = func(e *Evaluator, args []val) (val, error) {
		switch {
		case len(args) == 1:
			return joinText(e, []val{textOf(""), args[0]})
		case len(args) == 2 && isList(args[0]) && !isList(args[1]):
			return joinText(e, []val{args[1], args[0]})
		}
		return joinText(e, args)
	}
	return &out
}

// file compiles the functions whose first argument is known before a run.
func (x *exprCompiler) file(f *Function, n *ast.CallNode) code {
	if !f.takes(len(n.Arguments)) {
		return x.problem(n, CodeArgument, "wrong number of arguments: "+f.Usage(), "")
	}
	name, ok := n.Arguments[0].(*ast.StringNode)
	if !ok {
		return x.problem(n, CodeArgument, f.Name+" takes a text between quotes first", "")
	}
	var run code
	var problem, suggest string
	if f.Name == "table" {
		run, problem, suggest = x.c.table(name.Value, x.nodes(n.Arguments[1:]))
	} else {
		run, problem = x.c.template(name.Value)
	}
	if problem != "" {
		return x.problem(name, CodeName, problem, suggest)
	}
	return x.at(n, run)
}

func predicateNames() []string {
	return strings.Fields("all none any one filter map count sum find findIndex findLast findLastIndex groupBy sortBy reduce")
}
