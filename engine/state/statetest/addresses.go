package statetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/record"
	"koppel/engine/state"
)

// ctx is the context of a test; rapid's tests have none of their own.
func ctx(t failer) context.Context {
	if t, ok := t.(interface{ Context() context.Context }); ok {
		return t.Context()
	}
	return context.Background()
}

func testAddresses(t *testing.T, open opener) {
	s := open(t)
	p := state.Pipeline{
		Address: `pipeline.employees["acme"]`, Fingerprint: []byte{1, 0, 255}, SinkIdentity: "db/employees",
		SinkAddress: "sink.sql.employees", Shape: []byte(`{"fields":[]}`), Day: "2026-03-29", Paused: true,
	}
	src := state.Source{Address: "source.afas_get.employees", Fingerprint: []byte{0}, Epoch: 3, Seq: 1 << 40}
	update(t, s, func(tx state.Tx) (err error) {
		if p.ID, err = tx.PutPipeline(p); err != nil {
			return err
		}
		src.ID, err = tx.PutSource(src)
		return err
	})
	other := state.Pipeline{Address: "pipeline.a", ID: pipeline(t, s, "pipeline.a")}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	s = open.start(t)
	update(t, s, func(tx state.Tx) error {
		p.Paused, p.Day = false, ""
		id, err := tx.PutPipeline(p)
		if id != p.ID {
			t.Errorf("PutPipeline of a known one gave id %d, want %d", id, p.ID)
		}
		return err
	})
	view(t, s, func(v state.View) error {
		all, err := v.Pipelines()
		if diff := cmp.Diff([]state.Pipeline{other, p}, all); diff != "" {
			t.Errorf("Pipelines (-want +got):\n%s", diff)
		}
		sources := must2(v.Sources())
		if diff := cmp.Diff([]state.Source{src}, sources); diff != "" {
			t.Errorf("Sources (-want +got):\n%s", diff)
		}
		if _, found, err := v.Pipeline("pipeline.none"); found || err != nil {
			t.Errorf("Pipeline of an unknown address = %v, %v", found, err)
		}
		return err
	})
	testRename(t, s, p, src)
}

// must2 drops the error of a call whose result alone is compared.
func must2[T any](v T, _ error) T { return v }

func testRename(t *testing.T, s state.Store, p state.Pipeline, src state.Source) {
	for _, c := range []struct {
		name string
		fn   func(state.Tx) error
	}{
		{"to a taken address", func(tx state.Tx) error { return tx.RenamePipeline(p.Address, "pipeline.a") }},
		{"of an unknown pipeline", func(tx state.Tx) error { return tx.RenamePipeline("pipeline.none", "pipeline.b") }},
		{"of an unknown source", func(tx state.Tx) error { return tx.RenameSource("source.none", "source.b") }},
		{"second pipeline of one address", func(tx state.Tx) error {
			_, err := tx.PutPipeline(state.Pipeline{Address: p.Address})
			return err
		}},
	} {
		if err := s.Update(t.Context(), c.fn); err == nil {
			t.Errorf("%s: no error", c.name)
		}
	}
	update(t, s, func(tx state.Tx) error {
		if err := tx.RenameSource(src.Address, "source.b"); err != nil {
			return err
		}
		return tx.RenamePipeline(p.Address, "pipeline.b")
	})
	p.Address, src.Address = "pipeline.b", "source.b"
	view(t, s, func(v state.View) error {
		got, _, err := v.Pipeline("pipeline.b")
		if diff := cmp.Diff(p, got); diff != "" {
			t.Errorf("renamed pipeline (-want +got):\n%s", diff)
		}
		gotSource, _, err2 := v.Source("source.b")
		if diff := cmp.Diff(src, gotSource); diff != "" {
			t.Errorf("renamed source (-want +got):\n%s", diff)
		}
		if err == nil {
			err = err2
		}
		return err
	})
}

func testDrop(t *testing.T, open opener) {
	s := open.start(t)
	p, q := pipeline(t, s, "pipeline.p"), pipeline(t, s, "pipeline.q")
	src, other := source(t, s, "source.s"), source(t, s, "source.t")
	for _, id := range []int64{p, q} {
		fillPipeline(t, s, id, src)
	}
	for _, id := range []int64{src, other} {
		fillSource(t, s, id)
	}
	before := dump(t, s, q, other)
	update(t, s, func(tx state.Tx) error {
		if err := tx.DropPipeline(p); err != nil {
			return err
		}
		return tx.DropSource(src)
	})
	if diff := cmp.Diff(emptyDump(), dump(t, s, p, src)); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
	before.Positions = nil // of the dropped source
	if diff := cmp.Diff(before, dump(t, s, q, other)); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if again := pipeline(t, s, "pipeline.p"); again == p {
		t.Errorf("the id %d was given twice", p)
	}
}

// fillPipeline puts a row of every kind that belongs to a pipeline.
func fillPipeline(t failer, s state.Store, id, src int64) {
	t.Helper()
	update(t, s, func(tx state.Tx) error {
		run, err := tx.BeginRun(state.Run{Pipeline: id, Started: at(1), Ended: at(2), Problems: []byte(`[{"key":"k","message":"no"}]`)})
		if err != nil {
			return err
		}
		for _, key := range []record.Key{"k", "l"} {
			for _, err := range []error{
				tx.PutItem(id, &state.Item{Key: key, Raw: hash(1), Mapped: hash(2), Born: run, Run: run, Answer: []byte(`{"id":1}`), Body: []byte(`{"a":"canary"}`)}),
				tx.PutOpen(id, &state.Open{Key: key, Reason: state.Held, After: []byte(`{"a":"canary"}`), Note: "canary", Since: at(3)}),
				tx.PutChange(&state.Change{Pipeline: id, Key: key, Run: run, Op: record.Delete, At: at(1), Before: []byte(`{"a":"canary"}`)}),
			} {
				if err != nil {
					return err
				}
			}
		}
		flown := []state.Flown{{Key: "k", Op: record.Create}, {Key: "l", Op: record.Delete, HasSrc: true, Src: state.SourceRef{Part: "canary", Key: "l"}}}
		for i := range flown {
			if err := tx.PutFlight(id, &state.Flight{Batch: int64(i + 1), Run: run, Flown: flown[:i+1]}); err != nil {
				return err
			}
		}
		if err := tx.SetBased(id, "part"); err != nil {
			return err
		}
		for _, key := range []record.Key{"k", "l"} {
			d := letter(id, fmt.Sprintf("%d-%s", id, key), "x", key)
			d.Shown, d.Attempts = []byte("{}"), 1
			if err := tx.PutDelivery(&d); err != nil {
				return err
			}
			if err := tx.PutAttempt(d.Seq, state.Attempt{N: 1, At: at(2), Words: "canary"}); err != nil {
				return err
			}
		}
		if err := tx.PutTold(id, state.Told{Condition: "held", Spent: at(4)}); err != nil {
			return err
		}
		return tx.PutPosition(state.Position{Pipeline: id, Source: src, Seq: 7, Digest: []byte{1}})
	})
}

// fillSource puts a row of every kind that belongs to a source.
func fillSource(t failer, s state.Store, id int64) {
	t.Helper()
	update(t, s, func(tx state.Tx) error {
		for i, key := range []record.Key{"k", "l"} {
			if err := tx.PutMirror(id, &state.MirrorRow{Part: "part", Key: key, Seq: uint64(i + 1), Hash: hash(4), Body: []byte(`{"a":"canary"}`)}); err != nil {
				return err
			}
		}
		if err := tx.PutHeldRead(state.HeldRead{Source: id, Address: "source", Count: 1, Since: at(1), Note: "canary"}); err != nil {
			return err
		}
		return tx.PutPart(state.Part{Source: id, Name: "part", Cursor: []byte("canary"), FullAt: at(5), Count: 2})
	})
}
