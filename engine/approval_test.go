package engine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"koppel/engine"
)

// heldDelete makes a bench at which the delete of record 2 is held.
func heldDelete(t *testing.T) *bench {
	b := newBench(t, map[string]string{"main.hcl": guarded, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.run(engine.Options{})
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`))
	b.wantRun(engine.Options{}, "people held: unchanged 1, held 1")
	return b
}

func forDay(reason string) engine.Decision {
	d := decision(reason)
	d.For = 24 * time.Hour
	return d
}

func TestAnApprovalEnds(t *testing.T) {
	b := heldDelete(t)
	out, err := b.engine().Approve(t.Context(), forDay("he left"))
	if err != nil {
		t.Fatal(err)
	}
	if got := out.Keys[0]; !got.Approved || !got.Until.Equal(b.now.Add(24*time.Hour)) || got.Note != "approved by noor for 24h0m0s: he left" {
		t.Errorf("decided: %+v", got)
	}
	b.now = b.now.Add(24 * time.Hour)
	held, err := b.engine().Held(t.Context(), nil, false)
	if err != nil || len(held) != 1 || held[0].Approved || !held[0].Until.IsZero() {
		t.Errorf("held after the end: %+v, %v", held, err)
	}
	b.wantRun(engine.Options{}, "people held: unchanged 1, held 1")
	b.wantRows(db, "SELECT name FROM people ORDER BY id", "Ann", "Bob")
	if _, err := b.engine().Approve(t.Context(), forDay("he left")); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(24*time.Hour - time.Millisecond)
	b.wantRun(engine.Options{}, "people succeeded: deleted 1, unchanged 1")
}

// A saved plan does not keep an approval that has ended or was taken back.
func TestSavedPlanKeepsNoApproval(t *testing.T) {
	for name, undo := range map[string]func(*testing.T, *bench){
		"ended": func(_ *testing.T, b *bench) { b.now = b.now.Add(25 * time.Hour) },
		"rejected": func(t *testing.T, b *bench) {
			if _, err := b.engine().Reject(t.Context(), decision("he stays")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := heldDelete(t)
			if _, err := b.engine().Approve(t.Context(), forDay("he left")); err != nil {
				t.Fatal(err)
			}
			b.save("a.plan")
			undo(t, b)
			res, err := b.apply("a.plan")
			if err != nil {
				t.Fatal(err)
			}
			if p := res.Pipelines[0]; p.Moved != 1 || p.Status != "partial" {
				t.Errorf("%s, problems %+v", p.Status, p.Problems)
			}
			b.wantRows(db, "SELECT name FROM people ORDER BY id", "Ann", "Bob")
		})
	}
}

func TestApprovedReadEnds(t *testing.T) {
	hcl := strings.Replace(people, `key  = ["id"]`, `key  = ["id"]`+"\n  complete_when { min_records = 2 }", 1)
	b := newBench(t, map[string]string{"main.hcl": hcl, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.run(engine.Options{})
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`))
	b.wantRun(engine.Options{}, "people held: unchanged 2")
	const address = "source.file.people"
	if _, err := b.engine().ApproveRead(t.Context(), address, forDay("Bob left")); err != nil {
		t.Fatal(err)
	}
	b.now = b.now.Add(24 * time.Hour)
	b.wantRun(engine.Options{}, "people held: unchanged 2")
	reads, err := b.engine().HeldReads(t.Context(), nil)
	if err != nil || len(reads) != 1 || reads[0].Approved {
		t.Errorf("held reads %+v, %v", reads, err)
	}
	if _, err := b.engine().WithdrawRead(t.Context(), address, decision("no")); !errors.As(err, new(*engine.UnknownError)) {
		t.Errorf("an approval that has ended was taken back: %v", err)
	}
	if _, err := b.engine().ApproveRead(t.Context(), address, forDay("Bob left")); err != nil {
		t.Fatal(err)
	}
	b.wantRun(engine.Options{}, "people succeeded: deleted 1, unchanged 1")
}
