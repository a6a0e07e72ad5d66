package view

import (
	"fmt"
	"slices"
	"time"

	"koppel/engine"
	"koppel/engine/state"
)

// Held is what `koppel held list --json` prints.
type Held struct {
	FormatVersion string     `json:"format_version" doc:"version of this output"`
	Changes       []Open     `json:"changes" doc:"changes that guards hold, by pipeline and key"`
	Reads         []HeldRead `json:"reads" doc:"reads that complete_when does not accept"`
}

// HeldRead is a read that is held.
type HeldRead struct {
	Source   string     `json:"source" doc:"address of the source"`
	Count    int64      `json:"count" doc:"records that were read; approved: reads of at least as many are accepted"`
	Since    *time.Time `json:"since" doc:"RFC 3339"`
	Message  string     `json:"message" doc:"what complete_when asks for"`
	Approved bool       `json:"approved" doc:"the next read of at least as many records is accepted"`
	// ApprovedUntil is there in approvals with --for.
	ApprovedUntil *time.Time `json:"approved_until" doc:"when the approval ends; null: it does not, or there is none"`
}

// Failed is what `koppel failed list --json` prints.
type Failed struct {
	FormatVersion string `json:"format_version" doc:"version of this output"`
	Records       []Open `json:"records" doc:"by pipeline and key"`
}

// Decision is what held approve, held reject, failed retry and failed dismiss
// print with --json.
type Decision struct {
	FormatVersion string    `json:"format_version" doc:"version of this output"`
	RunID         int64     `json:"run_id" doc:"number under which runs list shows the decision; 0: nothing was decided"`
	Done          []Open    `json:"done" doc:"records that it holds for"`
	Skipped       []Open    `json:"skipped" doc:"records that were left alone; message says why"`
	Read          *HeldRead `json:"read" doc:"the read that was approved, or whose approval was taken back; null: none"`
}

// NewHeld describes what is held.
func NewHeld(changes []engine.OpenKey, reads []engine.HeldRead) Held {
	out := Held{FormatVersion: FormatVersion, Changes: newOpens(changes), Reads: []HeldRead{}}
	for i := range reads {
		out.Reads = append(out.Reads, newHeldRead(&reads[i]))
	}
	return out
}

func newHeldRead(h *engine.HeldRead) HeldRead {
	return HeldRead{Source: h.Address, Count: h.Count, Since: moment(h.Since), Message: h.Note, Approved: h.Approved, ApprovedUntil: moment(h.Until)}
}

// NewFailed describes what failed.
func NewFailed(all []engine.FailedKey) Failed {
	out := Failed{FormatVersion: FormatVersion, Records: []Open{}}
	for i := range all {
		one := newOpen(&all[i].OpenKey)
		one.Dismissal = all[i].Dismissal
		out.Records = append(out.Records, one)
	}
	return out
}

// NewDecision describes what a decision did.
func NewDecision(d *engine.Decided) Decision {
	out := Decision{FormatVersion: FormatVersion, RunID: d.Run, Done: newOpens(d.Keys), Skipped: newOpens(d.Skipped)}
	if d.Read != nil {
		r := newHeldRead(d.Read)
		out.Read = &r
	}
	return out
}

// Held shows what is held, with the commands that decide on it.
func (t *Teller) Held(changes []engine.OpenKey, reads []engine.HeldRead) {
	p := t.Style.painter()
	if len(changes)+len(reads) == 0 {
		t.line("Nothing is held.")
		return
	}
	for _, h := range reads {
		text := Count(h.Count) + " read, since " + t.when(h.Since)
		if h.Approved {
			text += " · " + p.Green("approved"+t.until(h.Until))
		}
		t.line("%s   %s", p.Bold("read of "+Clean(h.Address)), text)
		t.line("  %s", Clean(h.Note))
		if !h.Approved && !t.Style.Quiet {
			t.line("  To accept it: koppel held approve %s --reason TEXT, then run", shellWord(h.Address))
		}
	}
	t.byPipeline(changes, func(o *engine.OpenKey) {
		t.change("  ", o.Op, showKey(o.Key)+"   "+t.openLine(o), o.Changes)
		if o.Note != "" {
			t.line("    %s", Shorten(Clean(o.Note), maxMessage))
		}
	})
	undecided := slices.IndexFunc(changes, func(o engine.OpenKey) bool { return o.Reason == state.Held && !o.Approved })
	if undecided >= 0 && !t.Style.Quiet {
		t.line("\nkoppel held approve %s --reason TEXT lets the next run do exactly these; --only KEY chooses.", shellWord(changes[undecided].Name))
	}
}

// shownOpen is how many open records of one pipeline are shown.
const shownOpen = 50

// byPipeline shows open records under the names of their pipelines.
func (t *Teller) byPipeline(all []engine.OpenKey, show func(*engine.OpenKey)) {
	shown, last := 0, ""
	flush := func(total int) {
		if more := total - shown; last != "" && more > 0 {
			t.line("  … and %s; --all shows all", plural(int64(more), "more record"))
		}
	}
	count := map[string]int{}
	for i := range all {
		count[all[i].Name]++
	}
	for i := range all {
		o := &all[i]
		if o.Name != last {
			flush(count[last])
			if last != "" {
				t.line("")
			}
			shown, last = 0, o.Name
			t.line("%s   %s", t.Style.painter().Bold("pipeline "+Clean(o.Name)), plural(int64(count[last]), "record"))
		}
		if shown < shownOpen || t.Style.All {
			shown++
			show(o)
		}
	}
	flush(count[last])
}

// Failed shows what failed.
func (t *Teller) Failed(all []engine.FailedKey) {
	if len(all) == 0 {
		t.line("Nothing failed.")
		return
	}
	open := make([]engine.OpenKey, len(all))
	dismissal := map[string]string{}
	for i := range all {
		open[i] = all[i].OpenKey
		dismissal[all[i].Name+"\x00"+all[i].Key] = all[i].Dismissal
	}
	t.byPipeline(open, func(o *engine.OpenKey) {
		t.line("  %s %s   %s", t.mark(o.Op), showKey(o.Key), t.openLine(o))
		t.line("      %s", Shorten(Clean(o.Note), maxMessage))
		if text := dismissal[o.Name+"\x00"+o.Key]; text != "" {
			t.line("      %s", Clean(text))
		}
	})
	if t.Style.Quiet {
		return
	}
	t.line("\nRuns by hand try refused records again; koppel failed retry makes scheduled runs do so at once.")
	if slices.ContainsFunc(open, func(o engine.OpenKey) bool { return o.Reason == state.InDoubt }) {
		t.line("Those in doubt may be at the target: look there. If one is not, koppel failed retry with --only KEY sends it again;\nif it is, koppel failed dismiss with --only KEY leaves it.")
	}
}

// Decided tells what a decision did; verb is its word, such as approved.
func (t *Teller) Decided(d *engine.Decided, verb string) {
	t.line("%s %s.", plural(int64(len(d.Keys)), "record"), verb)
	t.byPipeline(d.Keys, func(o *engine.OpenKey) {
		what := ""
		if o.Op != 0 {
			what = "   " + o.Op.String()
		}
		t.line("  %s %s%s", t.mark(o.Op), showKey(o.Key), what)
	})
	for i := range d.Skipped {
		o := &d.Skipped[i]
		t.line("  %s %s   %s", t.Style.painter().Yellow("left alone:"), showKey(o.Key), Clean(o.Note))
	}
}

// ReadApproved tells that a read was approved.
func (t *Teller) ReadApproved(h *engine.HeldRead) {
	t.line("%s", fmt.Sprintf("The next read of %s with at least %s is accepted.", Clean(h.Address), plural(h.Count, "record")))
}

// ReadWithdrawn tells that the approval of a read was taken back.
func (t *Teller) ReadWithdrawn(h *engine.HeldRead) {
	t.line("The approval is taken back: the next read of %s is held with its own count when complete_when does not accept it.", Clean(h.Address))
}

// until says when an approval ends.
func (t *Teller) until(end time.Time) string {
	if end.IsZero() {
		return ""
	}
	return " until " + t.when(end)
}
