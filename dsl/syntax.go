package dsl

import (
	"bytes"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

const (
	heredocHint = "In HCL a backslash starts an escape such as \\n. Put a jq program with \\(…) into a heredoc, where backslashes stand for themselves:\n" +
		"  jq(<<-JQ\n    \"\\(.a) \\(.b)\"\n  JQ\n  )"
	quoteHint = "Inside a quoted program a quote is written \\\". In expr a text can stand in single quotes: expr(\"src.a == 'x'\"). A jq program with quotes goes into a heredoc:\n" +
		"  jq(<<-JQ\n    select(.a == \"x\")\n  JQ\n  )"
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
		case d.Summary == "Missing argument separator" && behindProgram(src, at):
			p.add("syntax", at, "A quote ends the program too early", "%s", quoteHint)
		case d.Summary == "Invalid argument name" && strings.Contains(d.Detail, "quoted"):
			p.add("syntax", at, d.Summary, "%s For a field whose name is no identifier write map = { \"any name\" = … }.", d.Detail)
		default:
			p.addHCL(hcl.Diagnostics{d})
		}
	}
	for _, d := range diags {
		if d.Subject != nil {
			p.unread = append(p.unread, *d.Subject)
		}
	}
}

// dropFollowing removes what was found on lines that the parser could not
// read: it is about what the parser made of them.
func (p *problems) dropFollowing(syntax Diagnostics) {
	if len(p.unread) == 0 {
		return
	}
	parser := map[Diagnostic]bool{}
	for _, d := range syntax {
		parser[d] = true
	}
	p.list = slices.DeleteFunc(p.list, func(d Diagnostic) bool {
		return !parser[d] && slices.ContainsFunc(p.unread, func(r hcl.Range) bool {
			return r.Filename == d.File && r.Start.Line <= d.Range.End.Line && d.Range.Start.Line <= r.End.Line
		})
	})
}

// openInterpolation tells whether a place lies in a text that is the argument
// of jq or expr, behind a ${ or %{ in it.
func openInterpolation(src []byte, at hcl.Range) bool {
	tokens, _ := hclsyntax.LexConfig(src, at.Filename, hcl.InitialPos)
	var open []textScan
	for i, t := range tokens {
		closing := t.Type == hclsyntax.TokenCQuote || t.Type == hclsyntax.TokenCHeredoc
		if t.Range.Start.Byte > at.Start.Byte || closing && t.Range.Start.Byte == at.Start.Byte {
			break
		}
		switch t.Type {
		case hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
			open = append(open, textScan{program: isProgramArgument(tokens[:i])})
		case hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc:
			open = open[:max(len(open)-1, 0)]
		case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			if len(open) > 0 {
				open[len(open)-1].filled = true
			}
		}
	}
	for _, t := range open {
		if t.program && t.filled {
			return true
		}
	}
	return false
}

// A textScan is a text that is open while a file is looked through.
type textScan struct {
	program bool // it is the argument of jq or expr
	filled  bool // a ${ or %{ stands in it
}

// behindProgram tells whether a place follows right behind a quoted text that
// is the argument of jq or expr.
func behindProgram(src []byte, at hcl.Range) bool {
	tokens, _ := hclsyntax.LexConfig(src, at.Filename, hcl.InitialPos)
	program, closed := false, -1
	for i, t := range tokens {
		if t.Range.Start.Byte >= at.End.Byte {
			break
		}
		switch t.Type {
		case hclsyntax.TokenOQuote:
			program = isProgramArgument(tokens[:i])
		case hclsyntax.TokenCQuote:
			closed = t.Range.End.Byte
		}
	}
	return program && closed >= 0 && closed <= at.End.Byte && at.Start.Byte <= closed+1
}

// isProgramArgument tells whether the tokens before a text are jq( or expr(.
func isProgramArgument(before hclsyntax.Tokens) bool {
	n := len(before)
	return n >= 2 && before[n-1].Type == hclsyntax.TokenOParen && before[n-2].Type == hclsyntax.TokenIdent && isProgramCall(string(before[n-2].Bytes))
}
