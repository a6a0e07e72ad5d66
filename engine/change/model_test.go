package change

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"koppel/engine/record"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A world is the simplest thing that verdicts can be applied to: one key.
type world struct {
	item *Item
	open *Open
	row  map[string]any // nil: none
	want Want
}

func (w *world) input() *Input {
	in := &Input{Key: "k", Item: w.item, Open: w.open, Want: w.want, Looked: true}
	if w.row != nil {
		in.Row = &Row{Ref: []byte("7"), Body: encode(w.row)}
	}
	return in
}

func encode(row map[string]any) []byte {
	b, err := json.Marshal(row)
	if err != nil {
		panic(err)
	}
	return b
}

func decode(b []byte) map[string]any {
	var row map[string]any
	if len(b) > 0 {
		if err := json.Unmarshal(b, &row); err != nil {
			panic(err)
		}
	}
	return row
}

// apply does to the world what an engine and a sink do with a verdict.
func (w *world) apply(v *Verdict) {
	after := decode(v.After)
	switch v.Op {
	case record.Create:
		delete(after, "boss")
		w.row = after
	case record.Update, record.Disable:
		for _, f := range v.Fields {
			w.row[f] = after[f]
		}
	case record.Delete:
		w.row = nil
	}
	switch v.Remember {
	case Drop:
		w.item = nil
	case Touch:
		it := *w.item
		it.Raw, it.Status, it.Src = v.Raw, v.Status, v.Src
		w.item = &it
	case Put:
		w.item = &Item{Raw: v.Raw, Mapped: v.Mapped, Status: v.Status, Src: v.Src, Body: v.After}
		if v.Status == Out {
			w.item.Body = nil
		}
	}
	if v.Clear {
		w.open = nil
	}
	if v.Open != "" {
		w.open = &Open{
			Reason: v.Open, Op: v.OpenOp, Cause: v.Cause, Since: v.Since, Due: v.Due, Attempts: v.Attempts,
			Before: v.Expect, After: v.After, Code: v.Code, Field: v.Field, Note: v.Note,
		}
		if v.OpenOp == record.Delete || v.OpenOp == 0 {
			w.open.After = nil
		}
	}
}

func anyBody(t *rapid.T, label string) []byte {
	return encode(map[string]any{
		"name":   rapid.SampledFrom([]any{"A", "B", nil}).Draw(t, label+" name"),
		"mail":   rapid.SampledFrom([]any{"a@example.org", "A@EXAMPLE.ORG", "b@example.org"}).Draw(t, label+" mail"),
		"phone":  rapid.SampledFrom([]any{"1", "2", nil}).Draw(t, label+" phone"),
		"start":  rapid.SampledFrom([]any{"2020", "2021"}).Draw(t, label+" start"),
		"boss":   rapid.SampledFrom([]any{"X", nil}).Draw(t, label+" boss"),
		"active": rapid.Bool().Draw(t, label+" active"),
	})
}

// anyHash of a body, or none.
func anyHash(t *rapid.T, r Rules, body []byte) record.Hash {
	h, err := record.NewHasher(nil).Record(body, New(r, Run{}).compare)
	if err != nil {
		t.Fatal(err)
	}
	if rapid.IntRange(0, 5).Draw(t, "hash lost") == 0 {
		return record.Hash{}
	}
	return h
}

func anyRules(t *rapid.T) Rules {
	r := rules()
	r.Target = rapid.Bool().Draw(t, "scope target")
	r.Action = Action(rapid.IntRange(0, 2).Draw(t, "action"))
	r.ExpiredDelete = rapid.Bool().Draw(t, "expired delete")
	r.Grace = time.Duration(rapid.IntRange(0, 2).Draw(t, "grace")) * time.Hour
	if rapid.Bool().Draw(t, "protects") {
		r.Protect = shields
	}
	return r
}

func shields(row []byte) (bool, string) { return string(record.Member(row, "name")) == `"A"`, "" }

func anyRun(t *rapid.T) Run {
	flag := func(label string) bool { return rapid.Bool().Draw(t, label) }
	return Run{
		Now: now, Mapping: flag("mapping"), Join: flag("join"), Date: flag("date"), Refresh: flag("refresh"),
		ByHand: flag("by hand"), NoDeletes: rapid.SampledFrom([]string{"", "who is it"}).Draw(t, "no deletes"), TargetDeletes: flag("target deletes"),
	}
}

func anyWorld(t *rapid.T, r Rules) *world {
	w := &world{}
	if rapid.Bool().Draw(t, "has item") {
		b := anyBody(t, "item")
		w.item = &Item{Raw: hash("r1"), Mapped: anyHash(t, r, b), Status: Status(rapid.IntRange(0, int(Unsure)).Draw(t, "status")), Body: b}
		w.row = decode(b)
		delete(w.row, "boss")
		switch {
		case w.item.Status == Out:
			w.item.Body, w.item.Mapped, w.row = nil, record.Hash{}, nil
		case w.item.Status == Unsure:
			w.item.Raw, w.item.Mapped = record.Hash{}, record.Hash{}
			w.row = decode(anyBody(t, "left by the call"))
			if rapid.Bool().Draw(t, "maybe") {
				w.item.Body = nil
			}
		}
	}
	switch rapid.IntRange(0, 4).Draw(t, "tampered") {
	case 0:
		w.row = nil
	case 1:
		w.row = decode(anyBody(t, "row"))
	}
	w.want = Want{Seen: Seen(rapid.IntRange(int(Unknown), int(Retired)).Draw(t, "seen")), Complete: rapid.Bool().Draw(t, "complete"), Raw: hash("r2")}
	switch {
	case w.want.Seen == Mapped:
		w.want.Body = anyBody(t, "want")
		w.want.Mapped = anyHash(t, r, w.want.Body)
	case w.want.Seen == Unchanged && (w.item == nil || w.item.Status == Disabled || w.item.Status == Unsure):
		w.want.Seen = Untouched
	case w.want.Seen == FailedRecord:
		w.want.Code = "type"
	}
	return w
}

func anyOpen(t *rapid.T, w *world) *Open {
	o := &Open{
		Reason: rapid.SampledFrom([]Reason{Refused, Held, InDoubt, Grace, Waiting, Protected, Failed, Rejected, Dismissed, Undone}).Draw(t, "reason"),
		Op:     rapid.SampledFrom([]record.Op{0, record.Create, record.Update, record.Delete, record.Disable}).Draw(t, "open op"),
		Since:  now.Add(-time.Duration(rapid.IntRange(0, 3).Draw(t, "since")) * time.Hour), Due: now.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "due")) * time.Hour),
		Approved: rapid.Bool().Draw(t, "approved"),
	}
	if o.Op != 0 && o.Op != record.Delete {
		o.After = w.want.Body
		if rapid.Bool().Draw(t, "other after") {
			o.After = anyBody(t, "open")
		}
	}
	if w.item != nil {
		o.Before = w.item.Mapped
	}
	return o
}

func decide(t *rapid.T, r Rules, run Run, w *world) Verdict {
	v, err := New(r, run).Decide(w.input())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// When nothing holds a change back, the target is as desired afterwards.
func TestTargetBecomesWhatIsDesired(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rules(target)
		run := anyRun(t)
		run.Refresh, run.TargetDeletes, run.NoDeletes = true, true, ""
		w := anyWorld(t, r)
		w.want.Complete = true
		stands := w.want.Seen == Absent || w.want.Seen == Tombstone || w.want.Seen == Filtered || w.want.Seen == KeyChanged
		if w.want.Seen != Mapped && !stands || stands && w.item != nil && w.item.Status != Delivered && w.item.Status != Unsure {
			return
		}
		before := maps.Clone(w.row)
		v := decide(t, r, run, w)
		w.apply(&v)
		if stands {
			if w.row != nil {
				t.Fatalf("%v stands after %s", w.row, show(&v))
			}
			return
		}
		want := decode(w.want.Body)
		for _, f := range r.Fields {
			kept := f.CreateOnly && before != nil && v.Op != record.Create || f.OnNull == KeepNull && want[f.Name] == nil
			if !f.Send || kept {
				continue
			}
			differ, err := record.Differ(encode(map[string]any{f.Name: w.row[f.Name]}), encode(map[string]any{f.Name: want[f.Name]}), New(r, run).compare)
			if err != nil || len(differ) > 0 {
				t.Fatalf("%s is %v after %s, want %v", f.Name, w.row[f.Name], show(&v), want[f.Name])
			}
		}
	})
}

// Whatever the state was: once a verdict was applied, the next one is idle.
func TestDecidingAgainGivesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, run := anyRules(t), anyRun(t)
		w := anyWorld(t, r)
		if rapid.Bool().Draw(t, "is open") {
			w.open = anyOpen(t, w)
		}
		first := decide(t, r, run, w)
		w.apply(&first)
		if w.want.Seen == Unchanged && w.item != nil && w.item.Raw != hash("r1") {
			w.want.Seen = Untouched
		}
		if second := decide(t, r, run, w); !second.Idle() {
			t.Fatalf("first %s, then %s", show(&first), show(&second))
		}
	})
}

// No removal without proof, within the grace, of a protected row, or under a
// flag that forbids it; and no approval of something else.
func TestRemovalNeedsProof(t *testing.T) {
	proofs := []Seen{Filtered, Absent, Tombstone, Withdrawn, KeyChanged, OutOfWindow, Retired}
	rapid.Check(t, func(t *rapid.T) {
		r, run := anyRules(t), anyRun(t)
		w := anyWorld(t, r)
		if rapid.Bool().Draw(t, "is open") {
			w.open = anyOpen(t, w)
		}
		v := decide(t, r, run, w)
		unsure := w.item != nil && w.item.Status == Unsure
		if v.Approved && (!w.open.Approved || w.open.Op != v.Op || w.open.Before != v.Expect && !unsure || string(w.open.After) != string(v.After)) {
			t.Fatalf("%s is not what was approved: %+v", show(&v), w.open)
		}
		if v.Op != 0 && v.Open != "" {
			t.Fatalf("%s both applies and waits", show(&v))
		}
		if v.Op != record.Delete && v.Op != record.Disable {
			return
		}
		graced := v.Cause == record.CauseGone || v.Cause == record.CauseFilter || v.Cause == CauseForeign
		switch {
		case v.Foreign != (w.item == nil || w.item.Status == Out):
			t.Fatalf("%s: foreign is wrong", show(&v))
		case !slices.Contains(proofs, w.want.Seen), w.want.Seen == Absent && !w.want.Complete:
			t.Fatalf("%s without proof", show(&v))
		case run.NoDeletes != "":
			t.Fatalf("%s although the run deletes nothing", show(&v))
		case w.item == nil && (!r.Target || !run.TargetDeletes || w.want.Seen == OutOfWindow || w.want.Seen == Retired):
			t.Fatalf("%s of a row that is no item", show(&v))
		case r.Protect != nil && w.row != nil && w.row["name"] == "A":
			t.Fatalf("%s of a protected row", show(&v))
		case graced && r.Grace > 0 && w.open == nil:
			t.Fatalf("%s without grace", show(&v))
		case graced && r.Grace > 0 && w.open.Reason == Grace && !v.Approved && now.Before(w.open.Since.Add(r.Grace)):
			t.Fatalf("%s within the grace", show(&v))
		}
	})
}

// Verdicts depend on nothing but their own key, and leave their input alone.
func TestOrderIsIrrelevant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r, run := anyRules(t), anyRun(t)
		var worlds []*world
		for range rapid.IntRange(1, 5).Draw(t, "keys") {
			worlds = append(worlds, anyWorld(t, r))
		}
		one := New(r, run)
		decideAll := func(order []int) []Verdict {
			all := make([]Verdict, len(worlds))
			for _, i := range order {
				in := worlds[i].input()
				before := *in
				v, err := one.Decide(in)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(before, *in); diff != "" {
					t.Fatalf("the input was changed (-before +after):\n%s", diff)
				}
				all[i] = v
			}
			return all
		}
		order := make([]int, len(worlds))
		for i := range order {
			order[i] = i
		}
		first := decideAll(order)
		if diff := cmp.Diff(first, decideAll(rapid.Permutation(order).Draw(t, "order"))); diff != "" {
			t.Fatalf("another order gives other verdicts:\n%s", diff)
		}
	})
}
