package dsl

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
)

// problems collects what is wrong with a project, each thing once: the
// instances of one block mostly have the same problems.
type problems struct {
	list   Diagnostics
	seen   map[Diagnostic]bool
	errors int
	unread []hcl.Range // places where the parser stumbled
}

// keep adds d unless it is there already.
func (p *problems) keep(d Diagnostic) {
	// What the parser gave up on may have no end.
	if d.Range.End.Byte < d.Range.Start.Byte {
		d.Range.End = d.Range.Start
	}
	if p.seen == nil {
		p.seen = map[Diagnostic]bool{}
	}
	if p.seen[d] {
		return
	}
	p.seen[d] = true
	if d.Severity == Error {
		p.errors++
	}
	p.list = append(p.list, d)
}

// add reports an error.
func (p *problems) add(code string, at hcl.Range, summary, detail string, args ...any) {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	p.keep(errorAt(code, at, summary, detail))
}

// warn reports a warning.
func (p *problems) warn(code string, at hcl.Range, summary, detail string, args ...any) {
	if len(args) > 0 {
		detail = fmt.Sprintf(detail, args...)
	}
	p.keep(warningAt(code, at, summary, detail))
}

// addHCL reports what the language library found.
func (p *problems) addHCL(diags hcl.Diagnostics) {
	for _, d := range fromHCL(diags) {
		p.keep(d)
	}
}

// mark and failed tell whether anything was reported in between.
func (p *problems) mark() int { return p.errors }

func (p *problems) failed(mark int) bool { return p.errors > mark }

// positionIn is the place of one byte of a file.
func positionIn(file string, src []byte, offset int) hcl.Range {
	whole := programText{src: src, rng: hcl.Range{Filename: file, Start: hcl.InitialPos}}
	at := whole.pos(min(offset, len(src)))
	return hcl.Range{Filename: file, Start: at, End: at}
}
