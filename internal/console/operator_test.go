package console_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"koppel/engine/state"
	"koppel/internal/console"
	"koppel/internal/view"

	"github.com/google/go-cmp/cmp"
)

// run runs the pipelines and waits for the end.
func (b *bench) run() view.RunEntry {
	b.t.Helper()
	begun := want[console.Begun](b, b.admin, "POST", "/runs", console.RunRequest{})
	return b.await(begun.RunID)
}

func (b *bench) await(id int64) view.RunEntry {
	b.t.Helper()
	run := want[view.RunDetails](b, b.viewer, "GET", fmt.Sprintf("/runs/%d?wait=60", id), nil).Run
	if run.Ended == nil {
		b.t.Fatalf("run %d did not end", id)
	}
	b.seen.await(id)
	return run
}

// A run of the API is logged as those of schedules are, with who began it.
func TestRunsAreLogged(t *testing.T) {
	b := newBench(t)
	run := b.run()
	for _, word := range []string{"level=INFO", `msg="a run ended"`, "token=deploy", "pipeline=people", fmt.Sprintf("run=%d ", run.RunID), "status=succeeded", "created=3"} {
		if !slices.ContainsFunc(strings.Split(b.log.String(), "\n"), func(line string) bool {
			return strings.Contains(line, "a run ended") && strings.Contains(line, word)
		}) {
			t.Errorf("%s is not logged: %s", word, b.log)
		}
	}
}

func TestHeldChangesAreDecidedOn(t *testing.T) {
	b := newBench(t)
	if r := b.run(); r.Status != "succeeded" || r.Pipelines[0].Counts.Created != 3 {
		t.Fatalf("%+v", r)
	}
	b.write("people.jsonl", `{"id":"3","name":"Cor","tel":null}`)
	if r := b.run(); r.Status != "held" {
		t.Fatalf("%+v", r)
	}
	held := want[view.Held](b, b.viewer, "GET", "/held?pipeline=people&limit=1", nil)
	if len(held.Changes) != 1 || held.Changes[0].Key != "1" || held.Changes[0].Guard != "0" {
		t.Errorf("held: %+v", held)
	}
	d := want[view.Decision](b, b.admin, "POST", "/held/approve",
		console.HeldDecision{Pipelines: []string{"people"}, Only: []string{"1"}, Reason: "left in May", For: "24h"})
	if len(d.Done) != 1 || !d.Done[0].Approved || d.Done[0].ApprovedUntil == nil || !d.Done[0].ApprovedUntil.Equal(b.clock().Add(24*time.Hour)) {
		t.Errorf("approved: %+v", d)
	}
	want[view.Decision](b, b.admin, "POST", "/held/reject", console.HeldDecision{Pipelines: []string{"people"}, Only: []string{"2"}, Reason: "comes back"})
	if r := b.run(); r.Status != "succeeded" || r.Pipelines[0].Counts.Deleted != 1 {
		t.Errorf("%+v", r)
	}
	h := want[view.History](b, b.viewer, "GET", "/history?pipeline=people&key=1", nil)
	if last := h.Events[len(h.Events)-1]; last.Approval != "approved by token deploy for 24h0m0s: left in May" {
		t.Errorf("approval %q", last.Approval)
	}
	aside := want[view.Held](b, b.viewer, "GET", "/held?set_aside=true", nil)
	if len(aside.Changes) != 1 || aside.Changes[0].Message != "rejected by token deploy: comes back" {
		t.Errorf("set aside: %+v", aside)
	}
	if diff := cmp.Diff([]string{"people api began", "people api succeeded", "people api began", "people api held", "people api began", "people api succeeded"},
		b.seen.told()); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

func TestPlansAreSavedAppliedAndUndone(t *testing.T) {
	b := newBench(t)
	p := want[view.Plan](b, b.viewer, "POST", "/plans", console.PlanRequest{Key: "1"})
	if p.Pipelines[0].Counts.Create != 1 || string(p.Pipelines[0].Changes[0].After) == "" {
		t.Errorf("planned: %+v", p)
	}
	b.do(b.admin, "POST", "/plans/"+p.PlanID+"/apply", nil).refused(t, 404, "unknown")
	p = want[view.Plan](b, b.admin, "POST", "/plans", console.PlanRequest{Save: true})
	again := want[view.Plan](b, b.viewer, "GET", "/plans/"+p.PlanID, nil)
	if diff := cmp.Diff(p, again); diff != "" {
		t.Errorf("shown (-made +shown):\n%s", diff)
	}
	begun := want[console.Begun](b, b.admin, "POST", "/plans/"+p.PlanID+"/apply", nil)
	if r := b.await(begun.RunID); r.Kind != "apply" || r.PlanID != p.PlanID || r.Pipelines[0].Counts.Created != 3 {
		t.Errorf("applied: %+v", r)
	}
	b.do(b.admin, "POST", "/plans/"+p.PlanID+"/apply", nil).refused(t, 409, "stale")
	undo := want[view.Plan](b, b.admin, "POST", fmt.Sprintf("/runs/%d/undo", begun.RunID), nil)
	if undo.Pipelines[0].Counts.Delete+undo.Pipelines[0].Counts.Held != 3 {
		t.Errorf("undo: %+v", undo)
	}
	b.do(b.admin, "POST", "/plans", console.PlanRequest{Save: true, AsOf: "2027-01-01T00:00:00Z"}).refused(t, 400, "invalid")
}

// No answer shows a sensitive value, to whatever role.
func TestSensitiveValuesAreMasked(t *testing.T) {
	b := newBench(t)
	planned := b.do(b.admin, "POST", "/plans", console.PlanRequest{})
	first := b.run()
	b.write("people.jsonl", `{"id":"1","name":"Ann","tel":"0687654321"}`)
	second := b.run()
	runs := []string{fmt.Sprintf("/runs/%d", first.RunID), fmt.Sprintf("/runs/%d", second.RunID)}
	answers := []answer{planned}
	for _, path := range []string{"/held", "/failed", "/runs", runs[0], runs[1], "/state", "/status", "/history?pipeline=people&key=1",
		"/explain?pipeline=people&key=1", runs[1] + "/explain?pipeline=people&key=1"} {
		answers = append(answers, b.do(b.admin, "GET", path, nil))
	}
	for _, a := range answers {
		if a.StatusCode != 200 || strings.Contains(string(a.body), "0612345678") || strings.Contains(string(a.body), "0687654321") {
			t.Errorf("%s %s: %d %s", a.Request.Method, a.Request.URL, a.StatusCode, a.body)
		}
	}
	if !strings.Contains(string(planned.body), view.Masked) {
		t.Error("nothing is masked")
	}
}

// Pages link to each other until the end, whatever is decided in between.
func TestListsArePaged(t *testing.T) {
	b := newBench(t)
	var lines []string
	for i := range 25 {
		lines = append(lines, fmt.Sprintf(`{"id":"p%02d","name":"N"}`, i))
	}
	b.write("people.jsonl", lines...)
	first := b.run()
	b.write("people.jsonl", lines[0])
	b.run()
	seen := map[string]int{}
	path := "/held?limit=10"
	for pages := 0; path != ""; pages++ {
		a := b.do(b.viewer, "GET", path, nil)
		for _, o := range decode[view.Held](t, a).Changes {
			seen[o.Key]++
		}
		if pages == 0 {
			want[view.Decision](b, b.admin, "POST", "/held/reject", console.HeldDecision{Pipelines: []string{"people"}, Only: []string{"p01", "p24"}, Reason: "no"})
		}
		if path = next(a); pages > 5 {
			t.Fatal("the pages do not end")
		}
	}
	if len(seen) != 23 || seen["p24"] != 0 || seen["p01"] != 1 {
		t.Errorf("seen: %v", seen)
	}
	changes := 0
	for path = fmt.Sprintf("/runs/%d?limit=7", first.RunID); path != ""; {
		a := b.do(b.viewer, "GET", path, nil)
		changes += len(decode[view.RunDetails](t, a).Changes)
		path = next(a)
	}
	if changes != 25 {
		t.Errorf("%d changes", changes)
	}
	var ids []int64
	for path = "/runs?limit=2"; path != ""; {
		a := b.do(b.viewer, "GET", path, nil)
		for _, r := range decode[view.Runs](t, a).Runs {
			ids = append(ids, r.RunID)
		}
		path = next(a)
	}
	if diff := cmp.Diff([]int64{5, 4, 3, 2, 1}, ids); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

// next gives the path of the page after an answer.
func next(a answer) string {
	link, _, ok := strings.Cut(strings.TrimPrefix(a.Header.Get("Link"), "<"), ">;")
	if !ok {
		return ""
	}
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(u.String(), "/api/v1")
}

func TestLockedPipelinesAreNotRun(t *testing.T) {
	b := newBench(t)
	b.run()
	unlock, err := b.store.Lock(context.Background(), []string{"pipeline.people"}, 0, "koppel run (pid 7)")
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if words := b.do(b.admin, "POST", "/runs", "{}").refused(t, 409, "locked"); !strings.Contains(words, "pid 7") {
		t.Errorf("it says %q", words)
	}
}

// Many requests at once are answered or told to come again; none fails.
func TestManyAtOnce(t *testing.T) {
	b := newBench(t)
	b.run()
	var all sync.WaitGroup
	var mu sync.Mutex
	got := map[int]int{}
	for i := range 60 {
		all.Go(func() {
			var a answer
			switch i % 3 {
			case 0:
				a = b.do(b.viewer, "GET", "/runs", nil)
			case 1:
				a = b.do(b.viewer, "POST", "/plans", "{}")
			default:
				a = b.do(b.admin, "POST", "/runs", "{}")
			}
			mu.Lock()
			defer mu.Unlock()
			got[a.StatusCode]++
		})
	}
	all.Wait()
	if got[200] < 20 || got[200]+got[202]+got[409]+got[429] != 60 {
		t.Errorf("answered: %v", got)
	}
}

func TestFailedRecordsAreDecidedOn(t *testing.T) {
	b := newBench(t)
	b.write("people.jsonl", `{"id":"1","name":"Ann"}`, `{"id":"2","name":null}`)
	b.run()
	list := want[view.Failed](b, b.viewer, "GET", "/failed", nil)
	if len(list.Records) != 1 {
		t.Fatalf("failed: %+v", list)
	}
	want[view.Decision](b, b.admin, "POST", "/failed/retry", console.FailedDecision{})
	d := want[view.Decision](b, b.admin, "POST", "/failed/dismiss", console.FailedDecision{Pipelines: []string{"people"}, Reason: "a test person"})
	if len(d.Done) != 1 {
		t.Errorf("dismissed: %+v", d)
	}
	list = want[view.Failed](b, b.viewer, "GET", "/failed?dismissed=true", nil)
	if len(list.Records) != 1 || list.Records[0].Dismissal != "dismissed by token deploy: a test person" {
		t.Errorf("failed: %+v", list)
	}
}

func TestPipelinesArePaused(t *testing.T) {
	b := newBench(t)
	p := want[view.Paused](b, b.admin, "POST", "/pipelines/pause", console.Pausing{Pipelines: []string{"people"}, Reason: "a move"})
	if len(p.Changed) != 1 || !p.Paused {
		t.Errorf("paused: %+v", p)
	}
	b.do(b.viewer, "POST", "/pipelines/resume", console.Pausing{Pipelines: []string{"people"}}).refused(t, 403, "role")
	p = want[view.Paused](b, b.admin, "POST", "/pipelines/resume", console.Pausing{Pipelines: []string{"people"}})
	if len(p.Changed) != 1 || p.Paused {
		t.Errorf("resumed: %+v", p)
	}
}

// deliver puts messages to a receiver into the state.
func (b *bench) deliver(ids ...string) {
	b.t.Helper()
	err := b.store.Update(context.Background(), func(tx state.Tx) error {
		row, _, err := tx.Pipeline("pipeline.people")
		for _, id := range ids {
			if err == nil {
				err = tx.PutDelivery(&state.Delivery{ID: id, Pipeline: row.ID, Key: "1", Sink: "sink.webhook.partners", Receiver: "portal", Topic: "people.create",
					Status: state.DeliveryPending, Created: b.clock(), Due: b.clock(), Body: []byte(`{"tel":"0612345678"}`), Shown: []byte(`{"tel":"‹sensitive›"}`)})
			}
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestDeliveriesAreListedAndResent(t *testing.T) {
	b := newBench(t)
	b.run()
	b.deliver("d1", "d2", "d3")
	var ids []string
	for path := "/deliveries?limit=2"; path != ""; {
		a := b.do(b.viewer, "GET", path, nil)
		for _, d := range decode[view.Deliveries](t, a).Deliveries {
			ids = append(ids, d.ID)
		}
		path = next(a)
	}
	if diff := cmp.Diff([]string{"d3", "d2", "d1"}, ids); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
	if a := b.do(b.admin, "GET", "/deliveries/d1", nil); a.StatusCode != 200 || strings.Contains(string(a.body), "0612345678") {
		t.Errorf("shown: %s", a.body)
	}
	b.do(b.viewer, "POST", "/deliveries/resend", console.Resending{Deliveries: ids}).refused(t, 403, "role")
	b.do(b.admin, "POST", "/deliveries/resend", console.Resending{Deliveries: []string{"d1", "none"}}).refused(t, 404, "unknown")
	b.do(b.viewer, "GET", "/deliveries?status=lost", nil).refused(t, 400, "invalid")
	b.do(b.viewer, "GET", "/deliveries?since=yesterday", nil).refused(t, 400, "invalid")
	if got := want[view.Deliveries](b, b.admin, "POST", "/deliveries/resend", console.Resending{Deliveries: ids}); len(got.Deliveries) != 3 {
		t.Errorf("resent: %+v", got)
	}
}
