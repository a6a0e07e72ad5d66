package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/engine/record"
	"koppel/engine/state"
)

// guarded is the people coupling with a guard that a single delete trips.
const guarded = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
connection "sqlite" "db" { path = "target.db" }
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "people" {
  from  = source.file.people
  into  = sink.sql.people
  where = expr("!src.blocked")
  map {
    id   = src.id
    name = words(src.first, src.last)
    tel  = src.tel
  }
  field "tel" { sensitive = true }
  guard { deletes = 0 }
}
`

func (b *bench) history(address, key string) *engine.History {
	b.t.Helper()
	h, err := b.engine().History(context.Background(), address, key)
	if err != nil {
		b.t.Fatal(err)
	}
	return h
}

// events shows a history line by line: "run op cause: field before → after".
func events(list []engine.Event) []string {
	var lines []string
	for _, ev := range list {
		line := fmt.Sprintf("%d %s %s:%s", ev.Run, ev.Op, ev.Cause, fields(ev.Changes))
		if ev.Approval != "" {
			line += " (" + ev.Approval + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

func fields(changes []engine.FieldChange) string {
	text := ""
	for _, c := range changes {
		text += fmt.Sprintf(" %s %s→%s", c.Name, c.Before, c.After)
	}
	return text
}

func TestHistory(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob","blocked":true}`)})
	b.run(engine.Options{})
	b.write("people.jsonl", lines(`{"id":"1","first":"Eva"}`, `{"id":"2","first":"Bob"}`))
	b.run(engine.Options{})
	b.write("people.jsonl", lines(`{"id":"1","first":"Eva","blocked":true}`, `{"id":"2","first":"Bo"}`))
	b.run(engine.Options{})
	b.write("people.jsonl", lines(`{"id":"1","first":"Eva"}`))
	b.run(engine.Options{})
	for _, tt := range []struct {
		key, status string
		cut         bool
		want        []string
	}{
		{"1", "delivered", false, []string{
			`1 create new: id →"1" name →"Ann"`, `2 update changed at source: name "Ann"→"Eva"`,
			`3 delete left the filter: id "1"→ name "Eva"→`, `4 create reappeared: id →"1" name →"Eva"`}},
		{"2", "", false, []string{
			`1 remember dropped by where:`, `2 create reappeared: id →"2" name →"Bob"`, `3 update changed at source: name "Bob"→"Bo"`,
			`4 delete gone at source: id "2"→ name "Bo"→`}},
	} {
		h := b.history("pipeline.people", tt.key)
		if h.Status != tt.status || h.Cut != tt.cut {
			t.Errorf("key %s: status %q, cut %t", tt.key, h.Status, h.Cut)
		}
		if diff := cmp.Diff(tt.want, events(h.Events)); diff != "" {
			t.Errorf("key %s (-want +got)\n%s", tt.key, diff)
		}
	}
}

// TestHistoryOfDeleted: each life of a key begins with the run that created it.
func TestHistoryOfDeleted(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"0"}`, `{"id":"1","first":"Ann"}`)})
	for _, next := range [][]string{
		{`{"id":"1","first":"Ann"}`}, {`{"id":"1","first":"Eva"}`}, {}, {`{"id":"1","first":"Bea"}`}, {},
	} {
		b.run(engine.Options{})
		b.write("people.jsonl", lines(append(next, `{"id":"0"}`)...))
	}
	b.run(engine.Options{})
	want := []string{
		`1 create new: id →"1" name →"Ann"`, `3 update changed at source: name "Ann"→"Eva"`, `4 delete gone at source: id "1"→ name "Eva"→`,
		`5 create new: id →"1" name →"Bea"`, `6 delete gone at source: id "1"→ name "Bea"→`,
	}
	h := b.history("pipeline.people", "1")
	if diff := cmp.Diff(want, events(h.Events)); diff != "" || h.Cut {
		t.Errorf("cut %t (-want +got)\n%s", h.Cut, diff)
	}
}

func TestUnknownKeysNameNearOnes(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"Emp-1042","first":"Ann"}`, `{"id":"77","first":"Bob"}`)})
	b.run(engine.Options{})
	for _, tt := range []struct{ key, want string }{
		{"emp-1042", "there is no key emp-1042 in people; did you mean Emp-1042?"},
		{"1042", "there is no key 1042 in people; did you mean Emp-1042?"},
		{"Emp-1043", "there is no key Emp-1043 in people; did you mean Emp-1042?"},
		{"nothing like it", "there is no key nothing like it in people"},
	} {
		_, err := b.engine().History(context.Background(), "pipeline.people", tt.key)
		var unknown *engine.UnknownError
		if !errors.As(err, &unknown) || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}

const twoPart = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["a", "b"]
}
pipeline "people" {
  from = source.file.people
  map {
    a = src.a
    b = src.b
  }
}
`

func TestKeysAsPeopleWriteThem(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": twoPart, "people.jsonl": lines(
		`{"a":"x","b":"y/z"}`, `{"a":"x/y","b":"z"}`, `{"a":"p","b":"q"}`)})
	b.run(engine.Options{})
	if got := b.history("pipeline.people", "p/q").Key; got != "p/q" {
		t.Errorf("found %s", got)
	}
	_, err := b.engine().History(context.Background(), "pipeline.people", "x/y/z")
	var several *engine.AmbiguousError
	if !errors.As(err, &several) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff([]string{`'["x","y/z"]'`, `'["x/y","z"]'`}, several.Choices); diff != "" {
		t.Errorf("choices (-want +got)\n%s", diff)
	}
	h := b.history("pipeline.people", `["x","y/z"]`)
	if !strings.Contains(string(h.Record), `"y/z"`) {
		t.Errorf("another record was found: %s", h.Record)
	}
}

func decision(reason string, only ...string) engine.Decision {
	return engine.Decision{Addresses: []string{"pipeline.people"}, Only: only, Reason: reason, Who: "noor"}
}

func TestHeldChangesAreApprovedOrRejected(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, map[string]string{"main.hcl": guarded, "people.jsonl": lines(
		`{"id":"1","first":"Ann","tel":"5"}`, `{"id":"2","first":"Bob"}`, `{"id":"3","first":"Cor"}`)})
	b.run(engine.Options{})
	b.write("people.jsonl", lines(`{"id":"3","first":"Cor"}`))
	b.wantRun(engine.Options{}, "people held: unchanged 1, held 2")
	held, err := b.engine().Held(ctx, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range held {
		got = append(got, fmt.Sprintf("%s %s %s guard %s:%s", o.Key, o.Op, o.Cause, o.Limit, fields(o.Changes)))
	}
	want := []string{`1 delete gone at source guard 0: id "1"→ name "Ann"→ tel "‹sensitive›"→`,
		`2 delete gone at source guard 0: id "2"→ name "Bob"→ tel null→`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("held (-want +got)\n%s", diff)
	}
	if _, err := b.engine().Approve(ctx, decision("")); err == nil {
		t.Error("approved without a reason")
	}
	if _, err := b.engine().Approve(ctx, decision("asked HR", "9")); !errors.As(err, new(*engine.UnknownError)) {
		t.Errorf("an unknown key was approved: %v", err)
	}
	if _, err := b.engine().Approve(ctx, decision("asked HR", "1")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine().Reject(ctx, decision("back next week", "2")); err != nil {
		t.Fatal(err)
	}
	b.wantRun(engine.Options{}, "people succeeded: deleted 1, unchanged 1")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "2|Bob", "3|Cor")
	h := b.history("pipeline.people", "1")
	if got := h.Events[len(h.Events)-1]; got.Approval != "approved by noor: asked HR" {
		t.Errorf("approval %q", got.Approval)
	}
	if held, err = b.engine().Held(ctx, nil, true); err != nil || len(held) != 1 || held[0].Note != "rejected by noor: back next week" {
		t.Errorf("set aside: %+v, %v", held, err)
	}
	if _, err := b.engine().Approve(ctx, decision("left for good", "2")); err != nil {
		t.Fatal(err)
	}
	b.wantRun(engine.Options{}, "people succeeded: deleted 1, unchanged 1")
}

func TestAnApprovalIsForTheListedChangeOnly(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, map[string]string{"main.hcl": strings.Replace(guarded, "deletes = 0", "updates = 0", 1), "people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.run(engine.Options{})
	b.write("people.jsonl", lines(`{"id":"1","first":"Eva"}`))
	b.wantRun(engine.Options{}, "people held: held 1")
	if _, err := b.engine().Approve(ctx, decision("fine")); err != nil {
		t.Fatal(err)
	}
	b.write("people.jsonl", lines(`{"id":"1","first":"Mallory"}`))
	b.wantRun(engine.Options{}, "people held: held 1")
	b.wantRows(db, "SELECT name FROM people", "Ann")
}

func TestHeldReadIsApproved(t *testing.T) {
	ctx := context.Background()
	hcl := strings.Replace(people, `key  = ["id"]`, `key  = ["id"]`+"\n  complete_when { max_drop = \"40%\" }", 1)
	b := newBench(t, map[string]string{"main.hcl": hcl, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.run(engine.Options{})
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`))
	b.run(engine.Options{})
	b.wantRows(db, "SELECT id FROM people ORDER BY id", "1", "2")
	reads, err := b.engine().HeldReads(ctx, nil)
	if err != nil || len(reads) != 1 || reads[0].Count != 1 {
		t.Fatalf("held reads %+v, %v", reads, err)
	}
	address, err := b.engine().SourceAddress(ctx, "people")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine().ApproveRead(ctx, address, decision("Bob left")); err != nil {
		t.Fatal(err)
	}
	b.run(engine.Options{})
	b.wantRows(db, "SELECT id FROM people ORDER BY id", "1")
	if _, err := b.engine().ApproveRead(ctx, address, decision("Bob left")); !errors.As(err, new(*engine.UnknownError)) {
		t.Errorf("a read that is not held was approved: %v", err)
	}
}

// TestApprovedReadWaitsForItsCount: a smaller read is held and uses nothing up,
// nor does a run of one key.
func TestApprovedReadWaitsForItsCount(t *testing.T) {
	ctx := context.Background()
	hcl := strings.Replace(people, `key  = ["id"]`, `key  = ["id"]`+"\n  complete_when { min_records = 3 }", 1)
	one, two := lines(`{"id":"1"}`), lines(`{"id":"1"}`, `{"id":"2"}`)
	b := newBench(t, map[string]string{"main.hcl": hcl, "people.jsonl": two + lines(`{"id":"3"}`, `{"id":"4"}`)})
	held := func(count int64, approved bool) {
		t.Helper()
		reads, err := b.engine().HeldReads(ctx, nil)
		if err != nil || len(reads) != 1 || reads[0].Count != count || reads[0].Approved != approved {
			t.Fatalf("held reads %+v, %v; want one of %d, approved %t", reads, err, count, approved)
		}
	}
	address := "source.file.people"
	b.run(engine.Options{})
	b.write("people.jsonl", two)
	b.wantRun(engine.Options{}, "people held: unchanged 4")
	if _, err := b.engine().ApproveRead(ctx, address, decision("two left")); err != nil {
		t.Fatal(err)
	}
	b.write("people.jsonl", one)
	b.wantRun(engine.Options{}, "people held: unchanged 4")
	held(2, true)
	b.write("people.jsonl", two)
	b.run(engine.Options{Key: "1"})
	held(2, true)
	b.wantRun(engine.Options{}, "people succeeded: deleted 2, unchanged 2")
	b.write("people.jsonl", one)
	b.wantRun(engine.Options{}, "people held: unchanged 2")
	held(1, false)
	if _, err := b.engine().WithdrawRead(ctx, address, decision("no")); !errors.As(err, new(*engine.UnknownError)) {
		t.Errorf("an approval that is none was taken back: %v", err)
	}
	if _, err := b.engine().ApproveRead(ctx, address, decision("one more left")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine().WithdrawRead(ctx, address, decision("no")); err != nil {
		t.Fatal(err)
	}
	b.wantRun(engine.Options{}, "people held: unchanged 2")
}

// failing has a record that can't be mapped.
func failing(t *testing.T) *bench {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob","blocked":"x"}`)})
	b.wantRun(engine.Options{}, "people partial: created 1, failed 1")
	return b
}

func TestFailedRecordsAreDismissedUntilTheyFailOtherwise(t *testing.T) {
	ctx := context.Background()
	b := failing(t)
	list, err := b.engine().Failed(ctx, nil, false)
	if err != nil || len(list) != 1 || list[0].Key != "2" || list[0].Note == "" {
		t.Fatalf("failed: %+v, %v", list, err)
	}
	if _, err := b.engine().Dismiss(ctx, decision("a test record", "2")); err != nil {
		t.Fatal(err)
	}
	b.run(engine.Options{})
	if list, err = b.engine().Failed(ctx, nil, false); err != nil || len(list) != 0 {
		t.Errorf("dismissed and listed: %+v, %v", list, err)
	}
	list, err = b.engine().Failed(ctx, nil, true)
	if err != nil || len(list) != 1 || list[0].Dismissal != "dismissed by noor: a test record" {
		t.Errorf("dismissed: %+v, %v", list, err)
	}
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob","blocked":7}`))
	b.run(engine.Options{})
	if list, err = b.engine().Failed(ctx, nil, false); err != nil || len(list) != 1 {
		t.Errorf("fails otherwise and is not listed: %+v, %v", list, err)
	}
}

func TestRefusedRecordsAreRetriedAtOnce(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.rows(db, "CREATE TABLE people(id TEXT PRIMARY KEY, name TEXT CHECK (name <> 'Ann'))")
	b.wantRun(engine.Options{}, "people partial: failed 1")
	list, err := b.engine().Failed(ctx, nil, false)
	if err != nil || len(list) != 1 || list[0].Reason != state.Refused || list[0].Due.IsZero() {
		t.Fatalf("failed: %+v, %v", list, err)
	}
	b.now = b.now.Add(time.Minute)
	b.rows(db, "DROP TABLE people")
	b.rows(db, "CREATE TABLE people(id TEXT PRIMARY KEY, name TEXT)")
	scheduled := engine.Options{Scheduled: true}
	b.wantRun(scheduled, "people partial: failed 1")
	done, err := b.engine().Retry(ctx, engine.Decision{Addresses: []string{"pipeline.people"}, Who: "noor"})
	if err != nil || len(done.Keys) != 1 {
		t.Fatalf("retry: %+v, %v", done, err)
	}
	b.wantRun(scheduled, "people succeeded: created 1")
}

func TestRunsAndTheirChanges(t *testing.T) {
	ctx := context.Background()
	b := failing(t)
	b.write("people.jsonl", lines(`{"id":"1","first":"Eva"}`, `{"id":"3","first":"Cor"}`))
	b.run(engine.Options{})
	runs, err := b.engine().RunList(ctx, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range runs {
		got = append(got, fmt.Sprintf("%d %s %s %s", r.ID, r.Kind, r.Status, counts(r.Pipelines[0].Counts)))
	}
	want := []string{"2 run succeeded created 1, updated 1", "1 run partial created 1, failed 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runs (-want +got)\n%s", diff)
	}
	got = nil
	err = b.engine().RunChanges(ctx, &runs[0], func(c engine.RunChange) error {
		got = append(got, c.Key+" "+events([]engine.Event{c.Event})[0])
		return nil
	})
	want = []string{`1 2 update changed at source: name "Ann"→"Eva"`, `3 2 create new: id →"3" name →"Cor"`}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("changes: %v (-want +got)\n%s", err, diff)
	}
	if _, err := b.engine().RunByID(ctx, 9); !errors.As(err, new(*engine.UnknownError)) {
		t.Errorf("run 9: %v", err)
	}
	x, err := b.engine().ExplainRun(ctx, "pipeline.people", "2", 1)
	if err != nil || len(x.Reported) != 1 {
		t.Errorf("explain run: %+v, %v", x, err)
	}
}

func TestRecordsInDoubtAreSentAgainOnlyByName(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.run(engine.Options{})
	e := b.engine()
	err := e.Store.Update(ctx, func(tx state.Tx) error {
		row, _, err := tx.Pipeline("pipeline.people")
		if err != nil {
			return err
		}
		return tx.PutOpen(row.ID, &state.Open{Key: "9", Reason: state.InDoubt, Op: record.Create, After: []byte(`{"id":"9","name":"Lost"}`), Since: b.now})
	})
	if err != nil {
		t.Fatal(err)
	}
	retry := engine.Decision{Addresses: []string{"pipeline.people"}, Who: "noor"}
	done, err := e.Retry(ctx, retry)
	if err != nil || len(done.Keys) != 0 || len(done.Skipped) != 1 {
		t.Fatalf("retried without its name: %+v, %v", done, err)
	}
	retry.Only = []string{"9"}
	done, err = e.Retry(ctx, retry)
	if err != nil || len(done.Keys) != 1 || done.Keys[0].Reason != state.Refused {
		t.Errorf("retried by name: %+v, %v", done, err)
	}
}

func TestDecisionsWaitForRuns(t *testing.T) {
	ctx := context.Background()
	b := failing(t)
	e := b.engine()
	unlock, err := e.Store.Lock(ctx, []string{"pipeline.people"}, 0, "a run")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	var locked *state.LockedError
	if _, err := e.Dismiss(ctx, decision("a test record", "2")); !errors.As(err, &locked) || locked.Holder != "a run" {
		t.Errorf("decided while a run was under way: %v", err)
	}
	if _, err := e.ResetState(ctx, "pipeline.people", "noor"); !errors.As(err, &locked) {
		t.Errorf("reset while a run was under way: %v", err)
	}
	if _, err := e.Erase(ctx, engine.Erasure{Address: "pipeline.people", Key: "1", Who: "noor", Reason: "asked to"}); !errors.As(err, &locked) {
		t.Errorf("erased while a run was under way: %v", err)
	}
}
