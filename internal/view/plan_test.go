package view

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"koppel/engine/plan"
	"koppel/engine/record"

	"github.com/google/go-cmp/cmp"
)

func key(t *testing.T, parts ...string) record.Key {
	t.Helper()
	k, err := record.MakeKey(parts...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// samplePlan is one of every kind of entry.
func samplePlan(t *testing.T) *PlanData {
	fields := []record.Field{{Name: "id", Send: true}, {Name: "name", Send: true}, {Name: "bsn", Sensitive: true, Send: true},
		{Name: "note", Send: true}, {Name: "internal"}}
	entries := []plan.Entry{
		{Key: key(t, "1", "a"), Op: record.Create, Cause: record.CauseNew, After: []byte(`{"bsn":"123","id":"1","internal":"i","name":"Noor","note":null}`)},
		{Key: key(t, "2"), Op: record.Update, Cause: record.CauseMapping, Fields: []string{"bsn", "note"},
			Before: []byte(`{"bsn":null,"id":"2","name":"Bram","note":"x"}`), After: []byte(`{"bsn":"456","id":"2","name":"Bram","note":null}`)},
		{Key: key(t, "3"), Op: record.Disable, Cause: record.CauseGone, Fields: []string{"note"},
			Before: []byte(`{"id":"3","name":"Saar"}`), After: []byte(`{"id":"3","name":"Saar","note":"left"}`)},
		{Key: key(t, "4"), Open: "held", OpenOp: record.Delete, Cause: record.CauseGone, Before: []byte(`{"bsn":"789","id":"4","name":"Milan"}`)},
		{Key: key(t, "5"), Open: "protected", OpenOp: record.Delete, Cause: record.CauseGone, Before: []byte(`{"id":"5","name":"Balie"}`)},
		{Key: key(t, "6"), Item: true, Cause: record.CauseSource, After: []byte(`{"id":"6"}`)},
	}
	h := &plan.Header{ID: "01J", Kind: "plan", Created: time.Unix(0, 0), Pipelines: []plan.Pipeline{
		{Address: "pipeline.people", Name: "people", Title: "file a → file b", Read: 1204, Complete: true, Fields: fields,
			Counts:   plan.Counts{Create: 1, Update: 1, Disable: 1, Held: 1, Protected: 1, Unchanged: 1187, Failed: 7},
			Guards:   []plan.Guard{{Op: record.Delete, Limit: "10%", Count: 5, Of: 20, Tripped: true}, {Op: record.Update, Limit: "3", Count: 1}},
			Problems: []plan.Problem{{Key: "9", Field: "n", Code: "convert", Message: "n: no \x1bnumber"}},
			Warnings: []plan.Problem{{Code: "protect", Message: "unknown column"}}},
		{Address: "pipeline.bad", Name: `bad["x"]`},
	}}
	return &PlanData{Header: h,
		Entries: func(address string, yield func(*plan.Entry) error) error {
			if address != "pipeline.people" {
				return nil
			}
			for i := range entries {
				if err := yield(&entries[i]); err != nil {
					return err
				}
			}
			return nil
		},
		Err: func(address string) error {
			if address == "pipeline.bad" {
				return errors.New("read source.x: no answer")
			}
			return nil
		}}
}

func TestAShareOfNothing(t *testing.T) {
	for of, want := range map[int64]string{20: "these are 5 of 20", 0: "these are 5, and there is nothing yet that a share could be of"} {
		g := plan.Guard{Op: record.Delete, Limit: "10%", Count: 5, Of: of}
		if got := guardText(g); got != `deletes = "10%" lets no more through; `+want {
			t.Error(got)
		}
	}
}

func write(t *testing.T, f func(*bufio.Writer) error) string {
	t.Helper()
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	if err := f(w); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const wantPlan = `pipeline people   file a → file b     1,204 read · complete

  + 1/a   Noor
      + id   "1"
      + bsn  ‹sensitive›
  ~ 2     Bram    mapping changed
      ~ bsn   (none) → ‹sensitive›
      ~ note  "x" → (cleared)
  - 4     Milan   gone at source, held
  x 3     Saar    gone at source
      ~ note  (none) → "left"
  ! 5     Balie   protected, stays

  1 to create · 1 to update · 0 to delete · 1 to disable · 1,187 unchanged · 1 protected · 1 held · 7 failed

  Held by guard: deletes = "10%" lets no more through; these are 5 of 20
  To let them pass: run, then koppel held approve people --reason TEXT

  Problems:
    9   n: no \u001bnumber
    … and 6 more

  Warning: unknown column

pipeline bad["x"]

  not planned: read source.x: no answer
`

func TestWritePlan(t *testing.T) {
	got := write(t, func(w *bufio.Writer) error { return WritePlan(w, samplePlan(t), Style{}) })
	if diff := cmp.Diff(wantPlan, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestWriteLongPlan(t *testing.T) {
	d := samplePlan(t)
	d.Entries = func(string, func(*plan.Entry) error) error { return nil }
	d.Header.Pipelines = d.Header.Pipelines[:1]
	d.Header.Pipelines[0].Problems, d.Header.Pipelines[0].Guards, d.Header.Pipelines[0].Warnings = nil, nil, nil
	d.Entries = func(_ string, yield func(*plan.Entry) error) error {
		for i := range 1000 {
			e := plan.Entry{Key: key(t, fmt.Sprint(i)), Op: record.Create, After: []byte(`{"name":"N"}`)}
			if err := yield(&e); err != nil {
				return err
			}
		}
		return nil
	}
	lines := strings.Split(write(t, func(w *bufio.Writer) error { return WritePlan(w, d, Style{}) }), "\n")
	if !strings.Contains(lines[2], "to create") || len(lines) != 9 {
		t.Errorf("the summary does not come first: %q", lines)
	}
	if want := "  … and 997 more to create (--all shows them)"; lines[7] != want {
		t.Errorf("%q, want %q", lines[7], want)
	}
	all := write(t, func(w *bufio.Writer) error { return WritePlan(w, d, Style{All: true}) })
	if n := strings.Count(all, "  + "); n != 1000 {
		t.Errorf("--all shows %d of 1000", n)
	}
}

// TestWriteWhole: --all shows values whole, and texts of several lines as such.
func TestWriteWhole(t *testing.T) {
	d := samplePlan(t)
	d.Header.Pipelines = d.Header.Pipelines[:1]
	long := strings.Repeat("long ", 30) + "end"
	d.Entries = func(_ string, yield func(*plan.Entry) error) error {
		return yield(&plan.Entry{Key: key(t, "1"), Op: record.Create, After: []byte(`{"body":"<p>one</p>\n<p>` + long + `</p>\n","name":"` + long + `"}`)})
	}
	all := write(t, func(w *bufio.Writer) error { return WritePlan(w, d, Style{All: true}) })
	if !strings.Contains(all, "\n            <p>one</p>\n            <p>"+long+"</p>\n") || !strings.Contains(all, "\""+long+"\"") {
		t.Errorf("%s", all)
	}
	if some := write(t, func(w *bufio.Writer) error { return WritePlan(w, d, Style{}) }); strings.Contains(some, "end") {
		t.Errorf("without --all: %s", some)
	}
}

const wantChanges = `{"op":"create","key":"1/a","before":null,"after":{"bsn":"‹sensitive›","id":"1","internal":"i","name":"Noor","note":null},"fields":["id","name","bsn","note"],"sensitive":["bsn"],"cause":"new","held":false}
{"op":"update","key":"2","before":{"bsn":null,"id":"2","name":"Bram","note":"x"},"after":{"bsn":"‹sensitive›","id":"2","name":"Bram","note":null},"fields":["bsn","note"],"sensitive":["bsn"],"cause":"mapping changed","held":false}
{"op":"disable","key":"3","before":{"id":"3","name":"Saar"},"after":{"id":"3","name":"Saar","note":"left"},"fields":["note"],"sensitive":[],"cause":"gone at source","held":false}
{"op":"delete","key":"4","before":{"bsn":"‹sensitive›","id":"4","name":"Milan"},"after":null,"fields":[],"sensitive":["bsn"],"cause":"gone at source","held":true}
`

func TestNewChange(t *testing.T) {
	d := samplePlan(t)
	p := &d.Header.Pipelines[0]
	got := ""
	err := d.Entries(p.Address, func(e *plan.Entry) error {
		c := newChange(p, e, d.sensitive(p))
		if c == nil {
			return nil
		}
		b, err := compact(c)
		got += string(b) + "\n"
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantChanges, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
