package view

import (
	"bufio"
	"fmt"
	"strings"

	"koppel/engine/plan"
)

// WritePlan shows a plan to a person: per pipeline what was read, the changes
// with fields before and after, and what they come to.
func WritePlan(out *bufio.Writer, d *PlanData, s Style) error {
	for i := range d.Header.Pipelines {
		if i > 0 {
			out.WriteByte('\n')
		}
		v := newPlanView(out, d, &d.Header.Pipelines[i], s)
		if err := v.write(); err != nil {
			return err
		}
	}
	if len(d.Header.Pipelines) == 0 {
		out.WriteString("Nothing to plan: there are no pipelines.\n")
	}
	return nil
}

// A planView shows one pipeline of a plan.
type planView struct {
	*bufio.Writer
	data      *PlanData
	p         *plan.Pipeline
	style     Style
	paint     Painter
	sensitive func(string) bool
	face      face
}

func newPlanView(out *bufio.Writer, d *PlanData, p *plan.Pipeline, s Style) *planView {
	hidden := d.sensitive(p)
	return &planView{Writer: out, data: d, p: p, style: s, paint: s.painter(), sensitive: hidden, face: newFace(p, hidden)}
}

// write shows the pipeline: its changes and then their counts or, when there
// is more than a screen, first the counts and then examples.
func (v *planView) write() error {
	v.title()
	if v.p.Disabled {
		return nil
	}
	if err := v.data.Err(v.p.Address); err != nil || v.p.Skipped != "" {
		reason := v.p.Skipped
		if err != nil {
			reason = err.Error()
		}
		fmt.Fprintf(v, "\n  %s %s\n", v.paint.Red("not planned:"), CleanLines(reason))
		return nil
	}
	if v.style.All {
		return v.writeAll()
	}
	groups, total, err := v.examples()
	if err != nil {
		return err
	}
	shown := 0
	for _, g := range groups {
		shown += len(g.rows)
	}
	long := int64(shown) < total || lines(groups) > v.screen()
	if long {
		v.WriteByte('\n')
		v.counts()
		for i := range groups {
			groups[i].cut(examplesPerKind)
		}
	}
	v.writeGroups(groups)
	if !long {
		v.WriteByte('\n')
		v.counts()
	}
	v.remarks()
	return nil
}

// screen is how many lines of changes fit.
func (v *planView) screen() int {
	if v.style.Height > 10 {
		return v.style.Height - 8
	}
	return 40
}

// title says what flows where, and what was read.
func (v *planView) title() {
	name := v.paint.Bold("pipeline " + Clean(v.p.Name))
	v.WriteString(name)
	if v.p.Title != "" {
		v.WriteString("   " + Clean(v.p.Title))
	}
	if read := v.read(); read != "" {
		v.WriteString("     " + read)
	}
	v.WriteByte('\n')
}

// read says how much was read and whether it was complete.
func (v *planView) read() string {
	if v.data.Header.Kind != "plan" {
		return Clean(v.data.Header.Note)
	}
	if v.p.Disabled {
		return v.paint.Dim("disabled")
	}
	if v.p.Skipped != "" || v.data.Err(v.p.Address) != nil {
		return ""
	}
	if v.p.Complete {
		return Count(v.p.Read) + " read · complete"
	}
	return Count(v.p.Read) + " read · " + v.paint.Yellow("not complete")
}

// counts sums the pipeline up in one line.
func (v *planView) counts() {
	c := &v.p.Counts
	parts := []string{}
	add := func(n int64, words string, always bool, paint func(string) string) {
		if n == 0 && !always {
			return
		}
		text := Count(n) + " " + words
		if n > 0 && paint != nil {
			text = paint(text)
		}
		parts = append(parts, text)
	}
	add(c.Create, "to create", true, v.paint.Green)
	add(c.Update, "to update", true, v.paint.Yellow)
	add(c.Delete, "to delete", true, v.paint.Red)
	add(c.Disable, "to disable", false, v.paint.Red)
	add(c.Unchanged, "unchanged", true, nil)
	add(c.Skipped, "skipped", false, nil)
	add(c.Protected, "protected", false, nil)
	add(c.Held, "held", false, v.paint.Yellow)
	add(c.Waiting, "waiting", false, nil)
	add(c.Failed, "failed", true, v.paint.Red)
	v.WriteString("  " + strings.Join(parts, " · ") + "\n")
}

// remarks tells what a person must know beside the changes: why nothing may be
// written, guards that tripped, problems and warnings.
func (v *planView) remarks() {
	if v.p.Blocked != "" {
		fmt.Fprintf(v, "\n  %s %s\n", v.paint.Red("Blocked:"), Clean(unrepeated(v.p.Blocked, v.p.Problems)))
	}
	if v.p.KeepStrangers != "" && !v.style.Quiet {
		fmt.Fprintf(v, "\n  %s\n", Clean(v.p.KeepStrangers))
	}
	v.guards()
	writeProblems(v, v.p.Problems, v.p.Counts.Failed, v.style)
	if !v.style.Quiet {
		writeWarnings(v, v.p.Warnings, v.style)
	}
}

// guards tells which guards tripped and how to approve what they hold.
func (v *planView) guards() {
	for _, g := range v.p.Guards {
		if !g.Tripped {
			continue
		}
		fmt.Fprintf(v, "\n  %s %s\n", v.paint.Yellow("Held by guard:"), guardText(g))
		fmt.Fprintf(v, "  To let them pass: run, then koppel held approve %s --reason TEXT\n", shellWord(v.p.Name))
	}
}

// guardText says by how much a guard tripped.
func guardText(g plan.Guard) string {
	text := fmt.Sprintf("%ss = %q lets no more through; these are %s", g.Op, g.Limit, Count(g.Count))
	switch {
	case !strings.HasSuffix(g.Limit, "%"):
		return text
	case g.Of == 0:
		return text + ", and there is nothing yet that a share could be of"
	}
	return text + " of " + Count(g.Of)
}

// shellWord quotes a pipeline's name for a shell where it needs that.
func shellWord(name string) string {
	name = Clean(name)
	if strings.ContainsAny(name, `[]"' $`) {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
