package dsl

import (
	"context"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"koppel/engine/mapping"
)

// ProgramFile is the file that diagnostics of CompileValue name.
const ProgramFile = "PROGRAM"

// CompileValue compiles a program on its own: jq, expr, or hcl, which is a
// value as a map block has them. It sees its input, and no variables, locals or
// tables; files are read relative to dir.
func CompileValue(dir, language, text string, run mapping.RunConsts) (*mapping.Single, Diagnostics) {
	out := &problems{}
	var node *mapping.Node
	switch language {
	case "jq":
		node = mapping.JQ(text, 0)
	case "expr":
		node = mapping.Expr(text, 0)
	default:
		expr, found := hclsyntax.ParseExpression([]byte(text), ProgramFile, hcl.InitialPos)
		if found.HasErrors() {
			return nil, fromHCL(found)
		}
		return compileExpression(dir, text, expr, run, out)
	}
	single, found := mapping.CompileSingle(node, mapping.Consts{}, run)
	for _, p := range found {
		at := wholeOf(text)
		if p.Offset >= 0 {
			at = hcl.RangeBetween(positionIn(ProgramFile, []byte(text), p.Offset), positionIn(ProgramFile, []byte(text), max(p.End, p.Offset)))
		}
		(&places{list: []nodePlace{{at: at}}}).report(out, mapping.Problem{Pos: 1, Offset: -1, Code: p.Code, Summary: p.Summary, Detail: p.Detail, Suggest: p.Suggest})
	}
	return single, out.list
}

func wholeOf(text string) hcl.Range {
	return hcl.RangeBetween(positionIn(ProgramFile, []byte(text), 0), positionIn(ProgramFile, []byte(text), len(text)))
}

// compileExpression compiles an HCL expression outside of any project.
func compileExpression(dir, text string, expr hclsyntax.Expression, run mapping.RunConsts, out *problems) (*mapping.Single, Diagnostics) {
	o := Options{Dir: dir, Environ: func(string) (string, bool) { return "", false }}
	l := &loader{ctx: context.Background(), o: o, out: out, zone: time.UTC, places: &places{}, table: functionTable(),
		kinds: kindsOf(o), secrets: newSecretStore(o), project: newProject(dir), doors: map[string]hcl.Range{},
		files: &sourceFiles{dir: dir, content: map[string][]byte{ProgramFile: []byte(text)}, bodies: map[string]*hclsyntax.Body{}}}
	l.conf = declare(l.files, out)
	l.inputs = readInputs(l.conf, l.files, o, out)
	l.values = l.newValues(true, nil)
	c := l.converter(l.values, nil, nil)
	node := c.node(expr)
	if out.errors > 0 {
		return nil, out.list
	}
	single, found := mapping.CompileSingle(node, mapping.Consts{Files: c.templates}, run)
	for _, p := range found {
		c.places.report(out, p)
	}
	return single, out.list
}
