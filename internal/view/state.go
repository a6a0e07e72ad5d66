package view

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"koppel/engine"
)

// StateList is what `koppel state list --json` and `koppel state show --json`
// print.
type StateList struct {
	FormatVersion string          `json:"format_version" doc:"version of this output"`
	Pipelines     []PipelineState `json:"pipelines" doc:"by address"`
	Sources       []SourceState   `json:"sources" doc:"by address"`
}

// PipelineState is what is remembered of one pipeline.
type PipelineState struct {
	Address    string       `json:"address" doc:"such as pipeline.employees"`
	Configured bool         `json:"configured" doc:"false: orphaned"`
	Paused     bool         `json:"paused" doc:"schedules and webhooks leave it alone"`
	Sink       string       `json:"sink" doc:"address of the sink; may be empty"`
	Identity   string       `json:"identity" doc:"what the state is bound to at the target; may be empty"`
	Items      []NamedCount `json:"items" doc:"how many of each status"`
	Open       []NamedCount `json:"open" doc:"how many of each reason"`
	LastRun    int64        `json:"last_run" doc:"number; 0: none is remembered"`
	LastStatus string       `json:"last_status" doc:"of that run; may be empty"`
	LastEnded  *time.Time   `json:"last_ended" doc:"RFC 3339; null: not known"`
	Positions  []Position   `json:"positions" doc:"how far it has processed what it reads"`
}

// NamedCount is one count of a PipelineState.
type NamedCount struct {
	Name  string `json:"name" doc:"status of items, or reason why keys are open"`
	Count int    `json:"count" doc:"how many"`
}

func newCounts(counts map[string]int) []NamedCount {
	out := []NamedCount{}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		out = append(out, NamedCount{Name: name, Count: counts[name]})
	}
	return out
}

// Position is how far a pipeline has processed a source.
type Position struct {
	Source string `json:"source" doc:"address"`
	Seq    uint64 `json:"seq" doc:"sequence in the mirror, or number of reads"`
}

// SourceState is what is remembered of one source.
type SourceState struct {
	Address    string      `json:"address" doc:"such as source.sql.staff"`
	Configured bool        `json:"configured" doc:"false: no longer in the files"`
	Current    bool        `json:"current" doc:"cursors are of the present configuration"`
	Seq        uint64      `json:"seq" doc:"highest sequence in the mirror"`
	Records    int64       `json:"records" doc:"in the mirror"`
	Tombstones int64       `json:"tombstones" doc:"in the mirror"`
	Partitions []Partition `json:"partitions" doc:"by name"`
	Held       *HeldRead   `json:"held" doc:"a read that is held; null: none"`
	Waiting    int64       `json:"waiting" doc:"deliveries in the inbox that no run has taken"`
	Oldest     *time.Time  `json:"oldest" doc:"when the oldest of them came; null: there is none"`
}

// Partition is what is remembered of one partition.
type Partition struct {
	Name   string     `json:"name" doc:"may be empty"`
	Cursor bool       `json:"cursor" doc:"it goes on from a cursor"`
	FullAt *time.Time `json:"full_at" doc:"last complete full read; null: none"`
	Count  int64      `json:"count" doc:"records of it"`
}

// StateEdit is what the other state verbs print with --json.
type StateEdit struct {
	FormatVersion string `json:"format_version" doc:"version of this output"`
	Verb          string `json:"verb" doc:"mv, rm, reset, rekey, export, import or backup"`
	Address       string `json:"address" doc:"what was edited; empty: all of it"`
	To            string `json:"to" doc:"new address of a move; may be empty"`
	File          string `json:"file" doc:"that was written or read; may be empty"`
	Backup        string `json:"backup" doc:"copy of the state as it was before; may be empty"`
}

// NewStateList describes the state.
func NewStateList(pipelines []engine.PipelineState, sources []engine.SourceState) StateList {
	out := StateList{FormatVersion: FormatVersion, Pipelines: []PipelineState{}, Sources: []SourceState{}}
	for _, p := range pipelines {
		one := PipelineState{Address: p.Address, Configured: p.Configured, Paused: p.Paused, Sink: p.Sink, Identity: p.Identity, Items: newCounts(p.Items),
			Open: newCounts(p.Open), LastRun: p.LastRun, LastStatus: p.LastStatus, LastEnded: moment(p.LastEnded), Positions: []Position{}}
		for _, pos := range p.Positions {
			one.Positions = append(one.Positions, Position(pos))
		}
		out.Pipelines = append(out.Pipelines, one)
	}
	for _, s := range sources {
		one := SourceState{Address: s.Address, Configured: s.Configured, Current: s.Current, Seq: s.Seq, Records: s.Records,
			Tombstones: s.Tombstones, Partitions: []Partition{}, Waiting: s.Waiting, Oldest: moment(s.Oldest)}
		for _, p := range s.Parts {
			one.Partitions = append(one.Partitions, Partition{Name: p.Name, Cursor: p.Cursor, FullAt: moment(p.FullAt), Count: p.Count})
		}
		if s.Held != nil {
			h := newHeldRead(s.Held)
			one.Held = &h
		}
		out.Sources = append(out.Sources, one)
	}
	return out
}

// StateList shows the state in a table.
func (t *Teller) StateList(pipelines []engine.PipelineState, sources []engine.SourceState) {
	if len(pipelines)+len(sources) == 0 {
		t.line("Nothing is remembered yet.")
		return
	}
	var rows [][]string
	for i := range pipelines {
		p := &pipelines[i]
		remark := ""
		if !p.Configured {
			remark = t.Style.painter().Yellow("orphaned: no longer configured")
		}
		if p.Paused {
			remark = strings.TrimSpace(remark + " paused")
		}
		rows = append(rows, []string{Clean(p.Address), tally(p.Items, "nothing delivered"), tally(p.Open, "nothing open"), remark})
	}
	for i := range sources {
		s := &sources[i]
		remark := ""
		if !s.Configured {
			remark = t.Style.painter().Yellow("no longer configured")
		}
		if s.Waiting > 0 {
			remark = strings.TrimSpace(remark + " " + t.waiting(s))
		}
		rows = append(rows, []string{Clean(s.Address), mirrored(s), plural(int64(len(s.Parts)), "partition"), remark})
	}
	t.table("", rows)
}

// waiting tells of deliveries that no run has taken.
func (t *Teller) waiting(s *engine.SourceState) string {
	word := "deliveries wait"
	if s.Waiting == 1 {
		word = "delivery waits"
	}
	return fmt.Sprintf("%s %s, since %s", Count(s.Waiting), word, t.when(s.Oldest))
}

func mirrored(s *engine.SourceState) string {
	if s.Seq == 0 {
		return "no mirror"
	}
	return plural(s.Records, "record") + " in the mirror"
}

// tally writes counts by name.
func tally(counts map[string]int, none string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, Count(int64(counts[name]))+" "+name)
	}
	if len(parts) == 0 {
		return none
	}
	return strings.Join(parts, ", ")
}

// PipelineState shows what is remembered of one pipeline.
func (t *Teller) PipelineState(p *engine.PipelineState) {
	rows := [][]string{
		{"items", tally(p.Items, "none")}, {"open", tally(p.Open, "none")}, {"sink", Clean(p.Sink)}, {"target", Clean(p.Identity)},
		{"configured", strconv.FormatBool(p.Configured)}, {"paused", strconv.FormatBool(p.Paused)},
	}
	if p.LastRun != 0 {
		rows = append(rows, []string{"last run", fmt.Sprintf("%d, %s, %s", p.LastRun, p.LastStatus, t.when(p.LastEnded))})
	}
	for _, pos := range p.Positions {
		rows = append(rows, []string{"position", fmt.Sprintf("%s at %d", Clean(pos.Source), pos.Seq)})
	}
	t.line("%s", t.Style.painter().Bold(Clean(p.Address)))
	t.table("  ", rows)
}

// SourceState shows what is remembered of one source.
func (t *Teller) SourceState(s *engine.SourceState) {
	current := "of the present configuration"
	if !s.Current {
		current = "of an earlier configuration"
	}
	rows := [][]string{{"configured", strconv.FormatBool(s.Configured)}, {"cursors", current}, {"mirror", mirrored(s)}}
	if s.Tombstones > 0 {
		rows = append(rows, []string{"tombstones", Count(s.Tombstones)})
	}
	for _, p := range s.Parts {
		text := plural(p.Count, "record") + ", never read in full"
		if !p.FullAt.IsZero() {
			text = plural(p.Count, "record") + " in the full read of " + t.when(p.FullAt)
		}
		if p.Cursor {
			text += ", goes on from a cursor"
		}
		rows = append(rows, []string{strings.TrimSpace("partition " + Clean(p.Name)), text})
	}
	if s.Held != nil {
		rows = append(rows, []string{"held", Clean(s.Held.Note)})
	}
	if s.Waiting > 0 {
		rows = append(rows, []string{"inbox", t.waiting(s)})
	}
	t.line("%s", t.Style.painter().Bold(Clean(s.Address)))
	t.table("  ", rows)
}
