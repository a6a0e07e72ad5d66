package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"
	"time"

	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// OpRemember marks an event at which a record was only remembered, and nothing
// was written: its row stood at the target already, or it was dropped by where.
const OpRemember = "remember"

// A History is one record over time.
type History struct {
	Pipeline, Name string // address, and name for people
	Key            string
	// Status is that of the item now: delivered, disabled, kept, out of window,
	// filtered, unsure (a call was begun for it and its answer is not known);
	// empty: nothing is remembered under the key.
	Status string
	Record []byte // as it was delivered last, sensitive values masked; nil: none
	Open   []OpenKey
	Events []Event // oldest first
	// Cut: what happened before the first event is no longer known.
	Cut bool
}

// An Event is one change of a record.
type Event struct {
	Run      int64
	Kind     string // of the run; empty: the run is no longer known
	At       time.Time
	Op       string // create, update, delete, disable, remember
	Cause    record.Cause
	Approved bool
	// Approval says who approved it and why, as far as it is known.
	Approval string
	Changes  []FieldChange
}

// History tells what happened to one record. address is the pipeline's, key as
// people write it. The error is an *UnknownError or an *AmbiguousError when
// they name nothing or too much.
func (e *Engine) History(ctx context.Context, address, key string) (*History, error) {
	var h *History
	err := e.Store.View(ctx, func(v state.View) error {
		r, err := e.remembered(v, address)
		if err != nil {
			return err
		}
		k, err := e.oneKey(v, r, key)
		if err != nil {
			return err
		}
		h, err = e.history(v, r, k)
		return err
	})
	return h, err
}

func (e *Engine) history(v state.View, r *remembered, key record.Key) (*History, error) {
	h := &History{Pipeline: r.row.Address, Name: r.name, Key: ShowKey(key)}
	it, err := v.Item(r.row.ID, key)
	if err != nil {
		return nil, err
	}
	if it != nil {
		h.Status = statusText(it.Status)
		if it.Status != state.Out {
			h.Record = r.masked(it.Body)
		}
	}
	if h.Open, err = r.openAround(v, key, it); err != nil {
		return nil, err
	}
	t := &trail{r: r, v: v}
	if err := t.collect(key, it); err != nil {
		return nil, err
	}
	h.Events, h.Cut = t.events, t.cut
	return h, nil
}

// openAround lists what is open under a key, and for its source record as a
// whole.
func (r *remembered) openAround(v state.View, key record.Key, it *state.Item) ([]OpenKey, error) {
	keys := []record.Key{key}
	if it != nil {
		keys = append(keys, failedKey(srcOf(it)))
	}
	var list []OpenKey
	for _, k := range keys {
		o, err := v.OpenKey(r.row.ID, k)
		if err != nil {
			return nil, err
		}
		if o == nil {
			continue
		}
		open, err := r.openKey(v, o)
		if err != nil {
			return nil, err
		}
		list = append(list, open)
	}
	return list, nil
}

// statusText names the state of an item for people.
func statusText(s state.Status) string {
	switch s {
	case state.Delivered:
		return "delivered"
	case state.Expired:
		return "out of window"
	case state.Out:
		return "filtered"
	case state.Disabled:
		return "disabled"
	case state.Unsure:
		return "unsure"
	}
	return "kept"
}

// A trail puts the events of one key together.
type trail struct {
	r      *remembered
	v      state.View
	events []Event
	cut    bool
}

// step is one row of the audit trail with the record that it left behind.
type step struct {
	state.Change
	after []byte
}

func (t *trail) collect(key record.Key, it *state.Item) error {
	steps, births, err := t.steps(key, it)
	if err != nil {
		return err
	}
	t.cut = len(steps) > 0 && steps[0].Op != record.Create && (len(births) == 0 || steps[0].Run < births[0])
	for _, s := range steps {
		for len(births) > 0 && s.Run > births[0] {
			if err := t.birth(births[0], s.Before, s.Op == record.Create); err != nil {
				return err
			}
			births = births[1:]
		}
		if err := t.change(&s, key); err != nil {
			return err
		}
	}
	if it == nil || len(births) == 0 {
		return nil
	}
	return t.birth(births[0], it.Body, it.Status == state.Out)
}

// steps gives the audit trail of a key and the runs that created what it held,
// oldest first. The record that a change left is what the next one replaced,
// or what the item holds.
func (t *trail) steps(key record.Key, it *state.Item) (steps []step, births []int64, err error) {
	var next []byte
	if it != nil {
		next, births = it.Body, []int64{it.Born}
	}
	nextRun := int64(math.MaxInt64)
	for c, err := range t.v.Changes(t.r.row.ID, key) {
		if err != nil {
			return nil, nil, err
		}
		s := step{Change: *c}
		s.Before, s.After = cloneBytes(c.Before), cloneBytes(c.After)
		if s.after = s.After; s.after == nil && s.Op != record.Delete {
			s.after = next
		}
		// A create that is known by its run only may lie between this change and
		// the one after it; what that one replaced is not this one's.
		born := slices.ContainsFunc(births, func(run int64) bool { return run > c.Run && run < nextRun })
		if s.After == nil && s.Op != record.Delete && born {
			s.after = nil
		}
		if s.Born > 0 && !slices.Contains(births, s.Born) {
			births = append(births, s.Born)
		}
		next, nextRun = s.Before, s.Run
		steps = append(steps, s)
	}
	slices.Reverse(steps)
	slices.Sort(births)
	return steps, births, nil
}

// change adds the event of an audited change.
func (t *trail) change(s *step, key record.Key) (err error) {
	ev := Event{Run: s.Run, At: s.At, Op: s.Op.String(), Cause: s.Cause, Approved: s.Approved}
	if err := t.ofRun(&ev); err != nil {
		return err
	}
	before := s.Before
	if s.Op == record.Create {
		before = nil
	}
	if s.after != nil || s.Op == record.Delete {
		if ev.Changes, err = t.r.changes(before, s.after); err != nil {
			return err
		}
	}
	if s.Approved {
		ev.Approval, err = approvalOf(t.v, t.r.row.Address, ShowKey(key), s.Run)
	}
	t.events = append(t.events, ev)
	return err
}

// birth adds the event at which an item came to be: the audit trail has no row
// for it. body is the record as it was then; stub: nothing was delivered.
func (t *trail) birth(run int64, body []byte, stub bool) (err error) {
	ev := Event{Run: run, Op: record.Create.String(), Cause: record.CauseNew}
	if err := t.ofRun(&ev); err != nil {
		return err
	}
	t.cut = t.cut || ev.Kind == "" // pruned, and what came after it with it
	if stub {
		ev.Op, ev.Cause = OpRemember, "dropped by where"
	} else if created, known := t.createdIn(run); known && created == 0 {
		ev.Op, ev.Cause = OpRemember, "stood at the target"
	}
	if !stub {
		if ev.Changes, err = t.r.changes(nil, body); err != nil {
			return err
		}
	}
	t.events = append(t.events, ev)
	return nil
}

// ofRun fills in what is known of an event's run.
func (t *trail) ofRun(ev *Event) error {
	rows, err := t.v.Run(ev.Run)
	for _, row := range rows {
		if row.Pipeline != t.r.row.ID && row.Pipeline != 0 {
			continue
		}
		ev.Kind = cmp.Or(row.Kind, ev.Kind)
		if ev.At.IsZero() {
			ev.At = row.Started
		}
	}
	return err
}

// createdIn tells how many records a run created for the pipeline.
func (t *trail) createdIn(run int64) (n int64, known bool) {
	rows, err := t.v.Run(run)
	if err != nil {
		return 0, false
	}
	for _, row := range rows {
		var c RunCounts
		if row.Pipeline == t.r.row.ID && json.Unmarshal(row.Counts, &c) == nil {
			return c.Created, true
		}
	}
	return 0, false
}

// approvalOf finds who approved a change before a run applied it.
func approvalOf(v state.View, address, key string, run int64) (string, error) {
	for row, err := range v.Runs(0) {
		if err != nil {
			return "", err
		}
		if row.ID >= run || row.Kind != KindApprove || row.Address != address {
			continue
		}
		var problems []plan.Problem
		if err := json.Unmarshal(row.Problems, &problems); err != nil {
			continue
		}
		if i := slices.IndexFunc(problems, func(p plan.Problem) bool { return p.Key == key }); i >= 0 {
			return problems[i].Message, nil
		}
	}
	return "", nil
}
