package dsl

import (
	"bytes"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

const (
	heredocHint = "In HCL a backslash starts an escape such as \\n. Put a jq program with \\(…) into a heredoc, where backslashes stand for themselves:\n" +
		"  jq(<<-JQ\n    \"\\(.a) \\(.b)\"\n  JQ\n  )"
	interpolationHint = "HCL fills in ${…} and %{…}, in heredocs too. Write $${ for ${ and %%{ for %{ in a jq program, or keep the program in a file and use jq_file."
)

// addSyntax reports what the parser found, with a hint where a program of
// another language is at fault. Where a program is cut in two, what follows
// from that is left out.
func (p *problems) addSyntax(diags hcl.Diagnostics, src []byte) {
	inProgram := false
	for _, d := range diags {
		if d.Subject == nil {
			p.addHCL(hcl.Diagnostics{d})
			continue
		}
		at := *d.Subject
		switch {
		case strings.HasPrefix(d.Summary, "Invalid escape sequence") && at.CanSliceBytes(src) && bytes.HasPrefix(at.SliceBytes(src), []byte(`\(`)):
			p.add("syntax", at, "jq's \\( can't stand in a quoted text", "%s", heredocHint)
		case openInterpolation(src, at):
			if !inProgram {
				p.add("interpolation", at, "Interpolation in a program", "%s", interpolationHint)
			}
			inProgram = true
		default:
			p.addHCL(hcl.Diagnostics{d})
		}
	}
}

// openInterpolation tells whether a place lies inside ${…} or %{…} of a text
// that is the argument of jq, expr or jq_file.
func openInterpolation(src []byte, at hcl.Range) bool {
	tokens, _ := hclsyntax.LexConfig(src, at.Filename, hcl.InitialPos)
	var open []bool // per template: is it a program's?
	inside := 0     // in how many sequences of such a program
	for i, t := range tokens {
		if t.Range.Start.Byte > at.Start.Byte {
			break
		}
		switch t.Type {
		case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			open = append(open, isProgramArgument(tokens[:i]))
		case hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			open = open[:max(len(open)-1, 0)]
		case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			if len(open) > 0 && open[len(open)-1] {
				inside++
			}
		case hclsyntax.TokenTemplateSeqEnd:
			if len(open) > 0 && open[len(open)-1] {
				inside = max(inside-1, 0)
			}
		}
	}
	return inside > 0
}

// isProgramArgument tells whether the tokens before a text are jq( or expr(.
func isProgramArgument(before hclsyntax.Tokens) bool {
	n := len(before)
	return n >= 2 && before[n-1].Type == hclsyntax.TokenOParen && before[n-2].Type == hclsyntax.TokenIdent && isProgramCall(string(before[n-2].Bytes))
}
