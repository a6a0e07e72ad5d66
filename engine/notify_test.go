package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/engine/plan"
)

const noticeProject = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
sink "file" "people" {
  path = "out.jsonl"
  changes = true
}
sink "webhook" "ops" {
  topic = "{pipeline}.{op}"
  receiver "desk" { url = "https://desk.example/hook" }
}
pipeline "people" {
  from = source.file.people
  into = sink.file.people
  map {
    id    = src.id
    share = number(src.share)
  }
  field "share" { sensitive = true }
  deletes { action = "keep" }
  guard { creates = 2 }
  notify {
    on   = ["failed", "held", "recovered"]
    into = sink.webhook.ops
  }
}
`

// notices lists the events of the notices, the oldest first.
func (b *bench) notices() []string {
	b.t.Helper()
	list, err := b.engine().Deliveries(context.Background(), engine.DeliveryQuery{})
	if err != nil {
		b.t.Fatal(err)
	}
	events := []string{}
	for _, d := range slices.Backward(list) {
		events = append(events, d.Topic)
	}
	return events
}

const (
	well    = `{"id":"1","share":"7"}` + "\n"
	partial = well + `{"id":"2","share":"canary"}` + "\n"
	many    = well + `{"id":"3","share":"7"}` + "\n" + `{"id":"4","share":"7"}` + "\n" + `{"id":"5","share":"7"}` + "\n"
)

// TestNoticesOfChangesOnly: a condition that stays is told once, also after a
// restart, and that all is well only to those who heard of trouble.
func TestNoticesOfChangesOnly(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": noticeProject})
	var want []string
	for i, step := range []struct {
		people string // empty: the file is not there
		opts   engine.Options
		event  string
	}{
		{well, engine.Options{}, ""},
		{well, engine.Options{Scheduled: true}, ""},
		{"{", engine.Options{Scheduled: true}, "failed"},
		{"{", engine.Options{}, ""},
		{partial, engine.Options{}, ""}, // it got better, and not well
		{well, engine.Options{Key: "1"}, ""},
		{well, engine.Options{Scheduled: true}, "recovered"},
		{well, engine.Options{}, ""},
		{partial, engine.Options{}, "failed"},
		{partial, engine.Options{}, ""},
		{many, engine.Options{}, "held"},
		{many, engine.Options{}, ""},
	} {
		b.write("people.jsonl", step.people)
		b.now = b.now.Add(12 * time.Hour)
		res := b.run(step.opts)
		if step.event != "" {
			want = append(want, "people."+step.event)
		}
		if diff := cmp.Diff(want, b.notices(), cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
			t.Fatalf("step %d, %s: notices (-want +got):\n%s", i, res.Pipelines[0].Status, diff)
		}
	}
	list, err := b.engine().Deliveries(t.Context(), engine.DeliveryQuery{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		whole, err := b.engine().Delivery(t.Context(), d.ID)
		if err != nil || strings.Contains(whole.Body, "canary") || !strings.Contains(whole.Body, `"pipeline":"people"`) {
			t.Errorf("%v: %s", err, whole.Body)
		}
	}
}

// TestNoticesAreBounded: who goes to and fro is told of now and then, and how it
// ends is told at last.
func TestNoticesAreBounded(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": noticeProject})
	for i := range 60 {
		b.write("people.jsonl", map[bool]string{true: well, false: "{"}[i%2 == 0])
		b.now = b.now.Add(5 * time.Minute)
		b.run(engine.Options{Scheduled: true})
	}
	if n := len(b.notices()); n < 6 || n > 8 {
		t.Errorf("%d notices in 5 hours", n)
	}
	b.now = b.now.Add(24 * time.Hour)
	b.write("people.jsonl", well)
	b.run(engine.Options{Scheduled: true})
	b.now = b.now.Add(24 * time.Hour)
	b.write("people.jsonl", "{")
	b.run(engine.Options{Scheduled: true})
	if all := b.notices(); all[len(all)-1] != "people.failed" {
		t.Errorf("the last notice is %s", all[len(all)-1])
	}
}

// TestNoticesDisturbNothing: a sink that can't be opened fails no run.
func TestNoticesDisturbNothing(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": strings.Replace(noticeProject, `url = "https://desk.example/hook"`, `url = secret("file:not-there")`, 1), "people.jsonl": "{"})
	if res := b.run(engine.Options{}); res.Pipelines[0].Status != "partial" || res.Pipelines[0].Err != nil || len(res.Pipelines[0].Problems) != 1 {
		t.Errorf("%+v", res.Pipelines[0])
	}
	b.write("not-there", "https://desk.example/hook")
	b.run(engine.Options{})
	if diff := cmp.Diff([]string{"people.failed"}, b.notices()); diff != "" {
		t.Errorf("notices (-want +got):\n%s", diff)
	}
}

// TestProblemInNotice: a message that names its field is not told it twice.
func TestProblemInNotice(t *testing.T) {
	for want, p := range map[string]plan.Problem{
		"7: share: text does not convert to a number": {Key: "7", Field: "share", Message: "share: text does not convert to a number"},
		"7: share: is missing":                        {Key: "7", Field: "share", Message: "is missing"},
		"the source is away":                          {Message: "the source is away"},
	} {
		if got := engine.ProblemText(p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
