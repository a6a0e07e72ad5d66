package view

import (
	"encoding/json"
	"fmt"
	"time"

	"koppel/engine"
)

// History is what `koppel history --json` prints.
type History struct {
	FormatVersion string          `json:"format_version" doc:"version of this output"`
	Pipeline      string          `json:"pipeline" doc:"name of the pipeline"`
	Key           string          `json:"key" doc:"the record's key, parts joined by /"`
	Status        string          `json:"status" doc:"delivered, disabled, kept, out of window, filtered or unsure; empty: nothing is remembered under the key"`
	Record        json.RawMessage `json:"record" doc:"as it was delivered last; null: nothing is. Sensitive values are ‹sensitive›"`
	Open          []Open          `json:"open" doc:"what waits under the key"`
	Events        []Event         `json:"events" doc:"oldest first"`
	Cut           bool            `json:"cut" doc:"what happened before the first event is no longer known"`
}

// Event is one change of a record.
type Event struct {
	RunID    int64      `json:"run_id" doc:"run that made it"`
	Kind     string     `json:"kind" doc:"of the run; empty: it is no longer known"`
	At       *time.Time `json:"at" doc:"RFC 3339; null: no longer known"`
	Op       string     `json:"op" doc:"create, update, delete, disable; remember: nothing was written"`
	Cause    string     `json:"cause" doc:"why"`
	Approved bool       `json:"approved" doc:"a guard held it, and someone approved it"`
	Approval string     `json:"approval" doc:"who approved it and why; may be empty"`
	Fields   []Field    `json:"fields" doc:"fields before and after; [] when they are no longer known"`
}

// NewHistory describes one record over time.
func NewHistory(h *engine.History) History {
	return History{FormatVersion: FormatVersion, Pipeline: h.Name, Key: h.Key, Status: h.Status, Record: rawJSON(h.Record),
		Open: newOpens(h.Open), Events: newEvents(h.Events), Cut: h.Cut}
}

func newEvents(all []engine.Event) []Event {
	out := make([]Event, 0, len(all))
	for i := range all {
		ev := &all[i]
		out = append(out, Event{RunID: ev.Run, Kind: ev.Kind, At: moment(ev.At), Op: ev.Op, Cause: string(ev.Cause), Approved: ev.Approved,
			Approval: ev.Approval, Fields: NewFields(ev.Changes)})
	}
	return out
}

// History shows one record over time.
func (t *Teller) History(h *engine.History) {
	t.line("%s   %s", t.Style.painter().Bold(Clean(h.Name)+" "+showKey(h.Key)), statusNow(h))
	if h.Cut {
		t.line("\n  What happened before this is no longer known.")
	}
	t.events(h.Events)
	t.open(h.Open)
}

// statusNow says what became of a record.
func statusNow(h *engine.History) string {
	if h.Status == "" {
		return "nothing is remembered under this key now"
	}
	return h.Status
}

func (t *Teller) events(all []engine.Event) {
	for i := range all {
		ev := &all[i]
		head := fmt.Sprintf("%s   run %d", t.when(ev.At), ev.Run)
		if ev.Kind != "run" && ev.Kind != "" {
			head += " (" + Clean(ev.Kind) + ")"
		}
		t.line("\n  %s", t.Style.painter().Dim(head))
		if op := opOf(ev.Op); op != 0 {
			t.change("  ", op, eventHead(ev, ev.Op+"d"), ev.Changes)
			continue
		}
		t.line("  = remembered   %s", Clean(string(ev.Cause)))
	}
}

// open shows what waits.
func (t *Teller) open(all []engine.OpenKey) {
	for i := range all {
		o := &all[i]
		t.line("\n  %s", t.Style.painter().Yellow("now: ")+t.openLine(o))
		if o.Note != "" {
			t.line("    %s", Shorten(Clean(o.Note), maxMessage))
		}
		if o.Op != 0 {
			t.change("    ", o.Op, "would "+o.Op.String(), o.Changes)
		}
	}
}
