package statetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/record"
	"koppel/engine/state"
)

// letter is a delivery that is due at once.
func letter(pipeline int64, id, receiver string, key record.Key) state.Delivery {
	return state.Delivery{ID: id, Pipeline: pipeline, Key: key, Run: 3, Sink: "sink.webhook.a", Receiver: receiver, Topic: "t." + id,
		Status: state.DeliveryPending, Created: at(1), Due: at(1), Body: []byte(`{"a":"canary"}`)}
}

func putDeliveries(t failer, s state.Store, list ...*state.Delivery) {
	t.Helper()
	update(t, s, func(tx state.Tx) error {
		for _, d := range list {
			if err := tx.PutDelivery(d); err != nil {
				return err
			}
		}
		return nil
	})
}

func testDeliveries(t *testing.T, open opener) {
	s := open(t)
	p, q := pipeline(t, s, "pipeline.p"), pipeline(t, s, "pipeline.q")
	first, second, other, elsewhere := letter(p, "1", "x", "k"), letter(p, "2", "x", "k"), letter(p, "3", "x", "\x00\xff"), letter(q, "4", "y", "k")
	first.Shown, other.Due = []byte(`{"a":"‹›"}`), at(9)
	putDeliveries(t, s, &first, &second, &other, &elsewhere)
	if first.Seq >= second.Seq || first.Seq == 0 {
		t.Errorf("sequences %d and %d", first.Seq, second.Seq)
	}
	if err := s.Update(t.Context(), func(tx state.Tx) error { again := first; return tx.PutDelivery(&again) }); err == nil {
		t.Error("one ID was taken twice")
	}
	tried := []state.Attempt{{N: 1, At: at(2), Took: 12 * time.Millisecond, Code: 500, Words: "canary"}, {N: 2, At: at(3)}}
	first.Attempts, first.Tries, first.Code, first.Due = 2, 1, 500, at(5)
	update(t, s, func(tx state.Tx) error {
		for _, a := range tried {
			if err := tx.PutAttempt(first.Seq, a); err != nil {
				return err
			}
		}
		return tx.SetDelivery(&first)
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open.start(t)
	view(t, s, func(v state.View) error {
		got, err := v.Delivery("1")
		if err != nil {
			return err
		}
		if diff := cmp.Diff(&first, got); diff != "" {
			t.Errorf("Delivery (-want +got):\n%s", diff)
		}
		attempts, err := v.Attempts(first.Seq)
		if diff := cmp.Diff(tried, attempts); diff != "" {
			t.Errorf("Attempts (-want +got):\n%s", diff)
		}
		none, _ := v.Delivery("nobody")
		if none != nil {
			t.Errorf("there is %v", none)
		}
		queues, qerr := v.Queues()
		want := []state.Queue{{Sink: "sink.webhook.a", Receiver: "x", Due: at(5)}, {Sink: "sink.webhook.a", Receiver: "y", Due: at(1)}}
		if diff := cmp.Diff(want, queues); diff != "" {
			t.Errorf("Queues (-want +got):\n%s", diff)
		}
		if qerr != nil {
			return qerr
		}
		return err
	})
	for _, c := range []struct {
		name string
		f    state.DeliveryFilter
		want []string
	}{
		{"all", state.DeliveryFilter{}, []string{"4", "3", "2", "1"}},
		{"pipeline", state.DeliveryFilter{Pipeline: q}, []string{"4"}},
		{"receiver", state.DeliveryFilter{Sink: "sink.webhook.a", Receiver: "x", Status: state.DeliveryPending}, []string{"3", "2", "1"}},
		{"since", state.DeliveryFilter{Since: at(2)}, nil},
		{"status", state.DeliveryFilter{Status: state.DeliveryFailed}, nil},
	} {
		if got := deliveryIDs(t, s, c.f); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func deliveryIDs(t failer, s state.Store, f state.DeliveryFilter) (ids []string) {
	t.Helper()
	view(t, s, func(v state.View) error {
		for d, err := range v.Deliveries(f) {
			if err != nil {
				return err
			}
			ids = append(ids, d.ID)
		}
		return nil
	})
	return ids
}

// testDeliveryEnds takes deliveries away in every way that there is.
func testDeliveryEnds(t *testing.T, open opener) {
	s := open.start(t)
	p, q := pipeline(t, s, "pipeline.p"), pipeline(t, s, "pipeline.q")
	var all []*state.Delivery
	for i, key := range []record.Key{"k", "k", "l", "m"} {
		for _, owner := range []int64{p, q} {
			d := letter(owner, fmt.Sprintf("%d-%d", owner, i), "x", key)
			all = append(all, &d)
		}
	}
	putDeliveries(t, s, all...)
	update(t, s, func(tx state.Tx) error {
		for _, d := range all {
			if err := tx.PutAttempt(d.Seq, state.Attempt{N: 1, Words: "canary"}); err != nil {
				return err
			}
		}
		if err := tx.Erase(p, "k"); err != nil {
			return err
		}
		return tx.DropPipeline(q)
	})
	id := func(i int) string { return fmt.Sprintf("%d-%d", p, i) }
	if got, want := deliveryIDs(t, s, state.DeliveryFilter{}), []string{id(3), id(2)}; !slices.Equal(got, want) {
		t.Errorf("left are %q, want %q", got, want)
	}
	l := *all[4]
	l.Status, l.Ended = state.DeliveryDelivered, at(5)
	update(t, s, func(tx state.Tx) error {
		if err := tx.SetDelivery(&l); err != nil {
			return err
		}
		if err := tx.RenameSink(l.Sink, "sink.webhook.b"); err != nil {
			return err
		}
		if err := tx.StopDeliveries("sink.webhook.b", "x", at(7)); err != nil {
			return err
		}
		return tx.Prune(at(6))
	})
	if got, want := deliveryIDs(t, s, state.DeliveryFilter{Sink: "sink.webhook.b", Status: state.DeliveryStopped}), []string{id(3)}; !slices.Equal(got, want) {
		t.Errorf("stopped are %q, want %q", got, want)
	}
	view(t, s, func(v state.View) error {
		counts, err := v.CountDeliveries()
		want := []state.DeliveryCount{{Sink: "sink.webhook.b", Receiver: "x", Status: state.DeliveryStopped, Count: 1, Oldest: at(1)}}
		if diff := cmp.Diff(want, counts); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		attempts, aerr := v.Attempts(l.Seq)
		if len(attempts) > 0 || err == nil && aerr != nil {
			t.Errorf("attempts of what was pruned: %v, %v", attempts, aerr)
		}
		return err
	})
}

// testDeliveryOrder compares lanes with a list.
func testDeliveryOrder(t *testing.T, open opener) {
	s := open.start(t)
	p := pipeline(t, s, "pipeline.p")
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		update(t, s, func(tx state.Tx) error { return orderedSteps(t, tx, p, n) })
	})
}

// orderedSteps puts and ends deliveries of a sink of its own.
func orderedSteps(t *rapid.T, tx state.Tx, p int64, n int) error {
	sink := fmt.Sprintf("sink.webhook.%d", n)
	var model []*state.Delivery
	for range rapid.IntRange(1, 25).Draw(t, "steps") {
		var err error
		if len(model) == 0 || rapid.Bool().Draw(t, "put") {
			d := letter(p, fmt.Sprintf("%d/%d", n, len(model)), "x", record.Key(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key")))
			d.Sink, d.Due = sink, at(rapid.IntRange(0, 3).Draw(t, "due"))
			err = tx.PutDelivery(&d)
			model = append(model, &d)
		} else {
			d := model[rapid.IntRange(0, len(model)-1).Draw(t, "which")]
			d.Status = rapid.SampledFrom([]state.DeliveryStatus{state.DeliveryPending, state.DeliveryDelivered, state.DeliveryFailed}).Draw(t, "status")
			d.Due = at(rapid.IntRange(0, 3).Draw(t, "later"))
			err = tx.SetDelivery(d)
		}
		if err != nil {
			return err
		}
		now, limit := at(rapid.IntRange(0, 3).Draw(t, "now")), rapid.IntRange(1, 4).Draw(t, "limit")
		list, err := tx.DueDeliveries(sink, "x", now, limit)
		if err != nil {
			return err
		}
		var got []string
		for _, d := range list {
			got = append(got, d.ID)
		}
		if want := dueOf(model, now, limit); !slices.Equal(got, want) {
			t.Fatalf("due are %q, want %q", got, want)
		}
	}
	return nil
}

// dueOf is what may be sent, by the definition of a lane.
func dueOf(all []*state.Delivery, now time.Time, limit int) (ids []string) {
	var ready []*state.Delivery
	seen := map[record.Key]bool{}
	for _, d := range all {
		if d.Status != state.DeliveryPending || seen[d.Key] {
			continue
		}
		seen[d.Key] = true
		if !d.Due.After(now) {
			ready = append(ready, d)
		}
	}
	slices.SortStableFunc(ready, func(a, b *state.Delivery) int { return a.Due.Compare(b.Due) })
	for _, d := range ready[:min(limit, len(ready))] {
		ids = append(ids, d.ID)
	}
	return ids
}
