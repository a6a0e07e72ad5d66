package dsl

import (
	"sort"

	"github.com/apparentlymart/go-textseg/v15/textseg"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/text/unicode/norm"
)

// A programText is the value of a string literal, and where in the file every
// byte of it stands.
type programText struct {
	Text string

	rng    hcl.Range // of the literal
	src    []byte    // the whole file
	pieces []textPiece
}

// A textPiece is a run of a text that stands in the file byte by byte, or, when
// it is opaque, one that is written as a whole in another way, such as an
// escape.
type textPiece struct {
	text     int // offset in the text
	src, end int // bytes in the file
	opaque   bool
}

// newProgramText takes the string literal expr, a quoted string or a heredoc,
// of the file src. When expr is no string literal, ok is false; problem then
// tells of an interpolation or directive in it, and has no place when expr is
// something else.
func newProgramText(expr hclsyntax.Expression, src []byte) (program programText, ok bool, problem Diagnostic) {
	for {
		inner, is := expr.(*hclsyntax.ParenthesesExpr)
		if !is {
			break
		}
		expr = inner.Expression
	}
	switch e := expr.(type) {
	case *hclsyntax.TemplateWrapExpr:
		return programText{}, false, interpolation(e.SrcRange)
	case *hclsyntax.TemplateExpr:
		return newLiteralText(e, src)
	default:
		return programText{}, false, Diagnostic{}
	}
}

func newLiteralText(e *hclsyntax.TemplateExpr, src []byte) (programText, bool, Diagnostic) {
	value := ""
	for _, part := range e.Parts {
		literal, is := part.(*hclsyntax.LiteralValueExpr)
		if !is || literal.Val.Type() != cty.String {
			return programText{}, false, interpolation(part.Range())
		}
		value += literal.Val.AsString()
	}
	p := programText{Text: norm.NFC.String(value), rng: e.SrcRange, src: src}
	raw, pieces := scanLiteral(e.SrcRange, src)
	if text, pieces := normalize(raw, pieces); text == p.Text {
		p.pieces = pieces
	}
	return p, true, Diagnostic{}
}

func interpolation(at hcl.Range) Diagnostic {
	return errorAt("interpolation", at, "Interpolation in a program",
		"A program is taken as it is written; HCL can't fill in parts of it. Write $${ for a literal ${ (and %%{ for %{), "+
			"read values through the names that the program sees, such as $var in jq and var in expr, "+
			"or keep the program in a file and use jq_file.")
}

// at returns the place in the file of the byte at offset of the text. Offsets
// beyond the text stand for its end.
func (p programText) at(offset int) hcl.Pos {
	if len(p.pieces) == 0 {
		return p.rng.Start
	}
	if offset >= len(p.Text) {
		return p.pos(p.pieces[len(p.pieces)-1].end)
	}
	return p.pos(p.byteAt(max(offset, 0)))
}

// span returns the range in the file of the text from start up to end. It ends
// behind the last character, even where the next one stands on another line.
func (p programText) span(start, end int) hcl.Range {
	r := hcl.Range{Filename: p.rng.Filename, Start: p.at(start)}
	r.End = r.Start
	if end = min(end, len(p.Text)); end > start && start >= 0 && len(p.pieces) > 0 {
		r.End = p.pos(p.endOf(end - 1))
	}
	return r
}

func (p programText) piece(offset int) textPiece {
	i := sort.Search(len(p.pieces), func(i int) bool { return p.pieces[i].text > offset })
	return p.pieces[max(i-1, 0)]
}

func (p programText) byteAt(offset int) int {
	piece := p.piece(offset)
	if piece.opaque {
		return piece.src
	}
	return min(piece.src+offset-piece.text, piece.end)
}

func (p programText) endOf(offset int) int {
	piece := p.piece(offset)
	if piece.opaque {
		return piece.end
	}
	return min(piece.src+offset-piece.text+1, piece.end)
}

// pos counts lines and columns up to a byte of the file, on from the start of
// the literal.
func (p programText) pos(byteOffset int) hcl.Pos {
	pos := p.rng.Start
	lineStart := pos.Byte
	for i := pos.Byte; i < byteOffset; i++ {
		if p.src[i] == '\n' {
			pos.Line++
			pos.Column = 1
			lineStart = i + 1
		}
	}
	for rest := p.src[lineStart:byteOffset]; len(rest) > 0; pos.Column++ {
		advance, _, _ := textseg.ScanGraphemeClusters(rest, true)
		rest = rest[max(advance, 1):]
	}
	pos.Byte = byteOffset
	return pos
}
