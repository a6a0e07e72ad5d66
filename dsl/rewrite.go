package dsl

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// notPerRecord reports a construct of HCL that can't be used on values of
// records, with the form that can.
func (c *converter) notPerRecord(expr hclsyntax.Expression) {
	at := expr.Range()
	switch e := expr.(type) {
	case *hclsyntax.ConditionalExpr:
		c.v.out.add("not_per_record", at, "A condition of HCL can't be used on values of records",
			"It fails on null and changes types silently. Write it as an expr program%s.", c.asExpr(e))
	case *hclsyntax.BinaryOpExpr, *hclsyntax.UnaryOpExpr:
		c.v.out.add("not_per_record", at, "An operator of HCL can't be used on values of records",
			"It fails on null. Write it as an expr program%s.", c.asExpr(expr))
	case *hclsyntax.TemplateExpr:
		c.v.out.add("not_per_record", at, "A template can't be filled in with values of records", "%s", c.templateHint(e.Parts))
	case *hclsyntax.TemplateWrapExpr:
		c.v.out.add("not_per_record", at, "A template can't be filled in with values of records",
			"Write the value without quotes: %s.", c.sourceText(e.Wrapped.Range()))
	case *hclsyntax.ForExpr:
		c.v.out.add("not_per_record", at, "A for expression can't be used on values of records",
			"Write it as a jq program, as in jq(\"[.items[] | .name]\"), or with expr, as in expr(\"map(src.items, .name)\").")
	case *hclsyntax.SplatExpr:
		c.v.out.add("not_per_record", at, "[*] can't be used on values of records", "%s", c.splatHint(e))
	default:
		c.v.out.add("not_per_record", at, "This form can't be used on values of records", "Write a path, a function, expr(\"…\") or jq(\"…\").")
	}
}

// sourceText is what stands at a place, on one line.
func (c *converter) sourceText(at hcl.Range) string {
	src := c.files.content[at.Filename]
	if !at.CanSliceBytes(src) {
		return ""
	}
	return strings.Join(strings.Fields(string(at.SliceBytes(src))), " ")
}

// asExpr writes an expression as an expr program behind a colon, when that
// means the same; else nothing.
func (c *converter) asExpr(expr hclsyntax.Expression) string {
	text := c.sourceText(expr.Range())
	if text == "" || len(text) > 200 || strings.ContainsAny(text, `'\$%`) {
		return ""
	}
	same := true
	_ = hclsyntax.VisitAll(expr, func(n hclsyntax.Node) hcl.Diagnostics {
		switch e := n.(type) {
		case *hclsyntax.FunctionCallExpr:
			same = same && c.table[e.Name]
		case *hclsyntax.ForExpr, *hclsyntax.SplatExpr, *hclsyntax.TemplateWrapExpr, *hclsyntax.ObjectConsExpr:
			same = false
		case *hclsyntax.LiteralValueExpr:
			same = same && !e.Val.IsNull()
		}
		return nil
	})
	if !same {
		return ""
	}
	return fmt.Sprintf(`: expr("%s")`, strings.ReplaceAll(text, `"`, "'"))
}

// templateHint rewrites a template: words for parts with single blanks between
// them, otherwise an expr program.
func (c *converter) templateHint(parts []hclsyntax.Expression) string {
	var values, terms []string
	words := true
	for _, part := range parts {
		if literal, ok := part.(*hclsyntax.LiteralValueExpr); ok && literal.Val.Type() == cty.String {
			text := literal.Val.AsString()
			words = words && text == " "
			terms = append(terms, "'"+text+"'")
			if strings.ContainsAny(text, "'\\\"\n\t") {
				return "Write an expr or jq program: in jq, texts are filled in with \\(…) inside a heredoc."
			}
			continue
		}
		values = append(values, c.sourceText(part.Range()))
		terms = append(terms, "string("+strings.ReplaceAll(c.sourceText(part.Range()), `"`, "'")+")")
	}
	if words && len(values) > 1 {
		return fmt.Sprintf("Write words(%s), which leaves out what is empty.", strings.Join(values, ", "))
	}
	return fmt.Sprintf(`Write expr("%s").`, strings.Join(terms, " + "))
}

func (c *converter) splatHint(e *hclsyntax.SplatExpr) string {
	source := c.sourceText(e.Source.Range())
	if relative, ok := e.Each.(*hclsyntax.RelativeTraversalExpr); ok && strings.HasPrefix(source, "src.") {
		member := traversalText(relative.Traversal)
		return fmt.Sprintf(`Write jq("[%s[]%s]") or expr("map(%s, %s)").`, strings.TrimPrefix(source, "src"), member, source, member)
	}
	return `Write a jq program, as in jq("[.items[].name]").`
}
