package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/engine/state"
)

const outboxProject = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
sink "webhook" "partners" {
  topic = "people.{op}"
  receiver "all" { url = "https://all.example/hook" }
  receiver "gone" {
    url    = "https://gone.example/hook"
    topics = ["people.delete"]
  }
}
pipeline "people" {
  from      = source.file.people
  into      = sink.webhook.partners
  first_run = "send"
  map {
    id   = src.id
    name = src.name
  }
  guard {
    updates = 1000
    deletes = 1000
  }
}
`

// told lists the messages in the order in which they were made: receiver, topic,
// key and the name before and now.
func (b *bench) told(e *engine.Engine) []string {
	b.t.Helper()
	list, err := e.Deliveries(context.Background(), engine.DeliveryQuery{})
	if err != nil {
		b.t.Fatal(err)
	}
	all := []string{}
	for _, d := range slices.Backward(list) {
		whole, err := e.Delivery(context.Background(), d.ID)
		if err != nil {
			b.t.Fatal(err)
		}
		var body struct{ Record, Before struct{ Name string } }
		if err := json.Unmarshal([]byte(whole.Body), &body); err != nil {
			b.t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%s %s %s %s>%s", d.Receiver, d.Topic, d.Key, body.Before.Name, body.Record.Name))
	}
	return all
}

// haltingStore takes some updates and then none.
type haltingStore struct {
	state.Store
	left int
}

var errHalted = errors.New("the machine was switched off")

func (s *haltingStore) Update(ctx context.Context, fn func(state.Tx) error) error {
	if s.left--; s.left < 0 {
		return errHalted
	}
	return s.Store.Update(ctx, fn)
}

// TestOutboxIsPartOfTheState switches a run off before each commit: the next one
// tells each change once, as the one that it is.
func TestOutboxIsPartOfTheState(t *testing.T) {
	first := `{"id":"1","name":"Noor"}` + "\n" + `{"id":"2","name":"Saar"}` + "\n"
	second := `{"id":"1","name":"Noortje"}` + "\n" + `{"id":"3","name":"Bram"}` + "\n"
	created := []string{"all people.create 1 >Noor", "all people.create 2 >Saar"}
	later := []string{"all people.update 1 Noor>Noortje", "all people.delete 2 Saar>", "gone people.delete 2 Saar>", "all people.create 3 >Bram"}
	slices.Sort(later)
	for n, done := 0, false; !done; n++ {
		b := newBench(t, map[string]string{"main.hcl": outboxProject, "people.jsonl": first})
		b.run(engine.Options{})
		b.write("people.jsonl", second)
		b.now = b.now.Add(time.Hour)
		e := b.engine()
		good := e.Store
		e.Store = &haltingStore{Store: good, left: n}
		res, err := e.Run(t.Context(), engine.Options{})
		done = err == nil && res.Pipelines[0].Status == "succeeded"
		if n > 50 {
			t.Fatal("a run has no end of commits")
		}
		b.run(engine.Options{})
		b.run(engine.Options{})
		got := b.told(b.engine())
		slices.Sort(got[min(len(got), 2):])
		if diff := cmp.Diff(slices.Concat(created, later), got); diff != "" {
			t.Errorf("switched off before commit %d (-want +got):\n%s", n, diff)
		}
	}
}

// TestBaselineTellsNothing: those who are there already are remembered only, and
// a receiver that is added gets changes from then on.
func TestBaselineTellsNothing(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": outboxProject, "people.jsonl": `{"id":"1","name":"Noor"}` + "\n"})
	b.run(engine.Options{Baseline: true})
	if got := b.told(b.engine()); len(got) > 0 {
		t.Errorf("told %q", got)
	}
	b.write("people.jsonl", `{"id":"1","name":"Noortje"}`+"\n")
	b.run(engine.Options{})
	if diff := cmp.Diff([]string{"all people.update 1 Noor>Noortje"}, b.told(b.engine())); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestErasedIsNotTold: what is erased is told to nobody any more.
func TestErasedIsNotTold(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": outboxProject, "people.jsonl": `{"id":"1","name":"Noor"}` + "\n" + `{"id":"2","name":"Saar"}` + "\n"})
	b.run(engine.Options{})
	e := b.engine()
	erasure := engine.Erasure{Address: "pipeline.people", Key: "1", Who: "a tester", Reason: "test", FromTarget: true}
	if _, err := e.Erase(t.Context(), erasure); err == nil {
		t.Error("a message was deleted at its target")
	}
	erasure.FromTarget = false
	if _, err := e.Erase(t.Context(), erasure); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"all people.create 2 >Saar"}, b.told(e)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestResend(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": outboxProject, "people.jsonl": `{"id":"1","name":"Noor"}` + "\n"})
	b.run(engine.Options{})
	e := b.engine()
	list, err := e.Deliveries(t.Context(), engine.DeliveryQuery{Receiver: "sink.webhook.partners.all", Topic: "people.*", Key: "1", Status: "pending", Limit: 5})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	if err := e.Store.Update(t.Context(), func(tx state.Tx) error {
		d, err := tx.Delivery(list[0].ID)
		if err != nil {
			return err
		}
		d.Status, d.Ended, d.Attempts, d.Tries = state.DeliveryFailed, b.now, 5, 5
		return tx.SetDelivery(d)
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Resend(t.Context(), []string{list[0].ID, "nobody"}); !errors.Is(err, engine.ErrNoDelivery) {
		t.Errorf("an unknown one: %v", err)
	}
	if d, err := e.Delivery(t.Context(), list[0].ID); err != nil || d.Status != "failed" {
		t.Errorf("after a refused resend: %+v, %v", d, err)
	}
	b.write("main.hcl", strings.Replace(outboxProject, `receiver "all"`, `receiver "other"`, 1))
	if _, err := b.engine().Resend(t.Context(), []string{list[0].ID}); !errors.Is(err, engine.ErrNoReceiver) {
		t.Errorf("to a receiver that was taken away: %v", err)
	}
	if d, err := e.Delivery(t.Context(), list[0].ID); err != nil || d.Status != "failed" {
		t.Errorf("what was for a receiver that was taken away: %+v, %v", d, err)
	}
	got, err := e.Resend(t.Context(), []string{list[0].ID})
	if err != nil || len(got) != 1 || got[0].Status != "pending" || got[0].Attempts != 5 || !got[0].Due.Equal(b.now) {
		t.Errorf("%+v, %v", got, err)
	}
}
