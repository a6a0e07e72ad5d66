package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"koppel/engine/state"
)

// A PipelineState is what is remembered of one pipeline.
type PipelineState struct {
	Address, Name string
	Configured    bool // false: orphaned
	Paused        bool
	Sink          string         // address; empty: none
	Identity      string         // of the target
	Items         map[string]int // by status
	Open          map[string]int // by reason
	LastRun       int64          // 0: none is remembered
	LastStatus    string
	LastEnded     time.Time
	Positions     []PositionState
}

// A PositionState says how far a pipeline has processed a source.
type PositionState struct {
	Source string
	Seq    uint64
}

// A SourceState is what is remembered of one source.
type SourceState struct {
	Address    string
	Configured bool
	Current    bool   // its cursors are of the present configuration
	Seq        uint64 // the highest sequence in its mirror
	Records    int64  // in its mirror
	Tombstones int64
	Parts      []PartState
	Held       *HeldRead
	Waiting    int64     // deliveries in its inbox that no run has taken
	Oldest     time.Time // of them; zero: there is none
}

// A PartState is what is remembered of one partition.
type PartState struct {
	Name   string
	Cursor bool      // it goes on from a cursor
	FullAt time.Time // end of the last complete full read; zero: none
	Count  int64     // records of it
}

// StateList tells what is remembered: all pipelines and sources, by address.
func (e *Engine) StateList(ctx context.Context) (pipelines []PipelineState, sources []SourceState, err error) {
	err = e.Store.View(ctx, func(v state.View) error {
		rows, err := v.Pipelines()
		if err != nil {
			return err
		}
		names, err := sourceNames(v)
		if err != nil {
			return err
		}
		for _, row := range rows {
			p, err := e.pipelineState(v, row, names)
			if err != nil {
				return err
			}
			if !p.Configured && isRetired(row) && len(p.Items)+len(p.Open) == 0 {
				continue // only its trail is left
			}
			pipelines = append(pipelines, p)
		}
		srcs, err := v.Sources()
		if err != nil {
			return err
		}
		for _, row := range srcs {
			if !strings.HasPrefix(row.Address, "source.") {
				continue // stands for an upstream pipeline or a join
			}
			s, err := e.rememberedSource(v, row)
			if err != nil {
				return err
			}
			sources = append(sources, s)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	sources, err = e.addInboxes(ctx, sources)
	return pipelines, sources, err
}

// addInboxes tells what waits in the inboxes of sources, also of those that no run
// has read yet.
func (e *Engine) addInboxes(ctx context.Context, sources []SourceState) ([]SourceState, error) {
	counts, err := InboxCounts(ctx, e.Store)
	if err != nil {
		return nil, err
	}
	for address, c := range counts {
		i := slices.IndexFunc(sources, func(s SourceState) bool { return s.Address == address })
		if i < 0 && c.Waiting == 0 {
			continue
		}
		if i < 0 {
			i = len(sources)
			sources = append(sources, SourceState{Address: address, Configured: e.Project.Sources[address] != nil, Current: true})
		}
		sources[i].Waiting, sources[i].Oldest = c.Waiting, c.Oldest
	}
	slices.SortFunc(sources, func(a, b SourceState) int { return strings.Compare(a.Address, b.Address) })
	return sources, nil
}

func sourceNames(v state.View) (map[int64]string, error) {
	names := map[int64]string{}
	rows, err := v.Sources()
	for _, row := range rows {
		names[row.ID] = row.Address
	}
	return names, err
}

func (e *Engine) pipelineState(v state.View, row state.Pipeline, names map[int64]string) (PipelineState, error) {
	p := PipelineState{Address: row.Address, Name: trimPipeline(row.Address), Configured: e.Project.Pipelines[row.Address] != nil,
		Paused: row.Paused, Sink: row.SinkAddress, Identity: row.SinkIdentity, Items: map[string]int{}, Open: map[string]int{}}
	counts, err := v.CountItems(row.ID)
	if err != nil {
		return p, err
	}
	for status, n := range counts {
		if n > 0 {
			p.Items[statusText(status)] = n
		}
	}
	for o, err := range v.Open(row.ID) {
		if err != nil {
			return p, err
		}
		p.Open[string(o.Reason)]++
	}
	positions, err := v.Positions(row.ID)
	if err != nil {
		return p, err
	}
	for _, pos := range positions {
		p.Positions = append(p.Positions, PositionState{Source: names[pos.Source], Seq: pos.Seq})
	}
	slices.SortFunc(p.Positions, func(a, b PositionState) int { return strings.Compare(a.Source, b.Source) })
	for run, err := range v.Runs(row.ID) {
		if err != nil {
			return p, err
		}
		p.LastRun, p.LastStatus, p.LastEnded = run.ID, run.Status, run.Ended
		break
	}
	return p, nil
}

func (e *Engine) rememberedSource(v state.View, row state.Source) (SourceState, error) {
	src := e.Project.Sources[row.Address]
	s := SourceState{Address: row.Address, Configured: src != nil, Seq: row.Seq}
	s.Current = src != nil && sameArguments(src, row.Fingerprint)
	parts, err := v.Parts(row.ID)
	if err != nil {
		return s, err
	}
	for _, p := range parts {
		s.Parts = append(s.Parts, PartState{Name: p.Name, Cursor: len(p.Cursor) > 0, FullAt: p.FullAt, Count: p.Count})
	}
	if s.Records, s.Tombstones, err = countMirror(v, row); err != nil {
		return s, err
	}
	held, err := v.HeldReads()
	for _, h := range held {
		if h.Source == row.ID {
			s.Held = &h
		}
	}
	return s, err
}

// countMirror counts the rows of a mirror; one that never got a row has the
// sequence 0.
func countMirror(v state.View, row state.Source) (records, tombstones int64, err error) {
	if row.Seq == 0 {
		return 0, 0, nil
	}
	for m, err := range v.Mirror(row.ID) {
		if err != nil {
			return 0, 0, err
		}
		if m.Gone {
			tombstones++
			continue
		}
		records++
	}
	return records, tombstones, nil
}
