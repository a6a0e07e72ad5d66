package engine_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/state"
)

// A numbering is a sink that gives each record a number, and can be asked for
// it.
type numbering struct {
	connector.Sink
	got *[]string // operations with the number that came along
}

func (n numbering) Traits() connector.Traits {
	t := n.Sink.Traits()
	t.Journalled, t.Answers = true, true
	return t
}

func (n numbering) Find(_ context.Context, batch []record.Change) ([]connector.Found, error) {
	out := make([]connector.Found, len(batch))
	for i := range out {
		out[i] = connector.Found{N: 1, Answer: []byte(`{"n":"a` + batch[i].Key.String() + `"}`)}
	}
	return out, nil
}

func (n numbering) Write(_ context.Context, batch []record.Change) ([]connector.Outcome, error) {
	for _, c := range batch {
		*n.got = append(*n.got, c.Op.String()+" "+c.Key.String()+" "+string(c.Answer))
	}
	return make([]connector.Outcome, len(batch)), nil
}

// What the target answers to the look after a lost call is kept, also where it
// was unsure before what stands there: the update that follows needs it, and so
// does what rests on it.
func TestAnswerOfALookAfterALostCall(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.run(engine.Options{})
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":"8","first":"Eva"}`, `{"id":"9","first":"Bob"}`))
	e := b.engine()
	var id int64
	err := e.Store.Update(t.Context(), func(tx state.Tx) error {
		row, _, err := tx.Pipeline("pipeline.people")
		if err != nil {
			return err
		}
		id = row.ID
		if err := tx.PutItem(id, &state.Item{Key: "9", Status: state.Unsure, Born: 1, Run: 1}); err != nil {
			return err
		}
		for _, key := range []string{"8", "9"} {
			if err := tx.PutOpen(id, &state.Open{Key: record.Key(key), Reason: state.InDoubt, Op: record.Create, After: []byte(`{"id":"` + key + `","name":"Eva"}`), Since: b.now, Run: 1}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	sink := e.Project.Sinks["sink.sql.people"]
	open := sink.Open
	sink.Open = func(ctx context.Context, env connector.Env) (connector.Sink, error) {
		s, err := open(ctx, env)
		return numbering{s, &got}, err
	}
	if _, err := e.Run(t.Context(), engine.Options{}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0] != `update 9 {"n":"a9"}` {
		t.Errorf("written: %q", got)
	}
	err = e.Store.View(t.Context(), func(v state.View) error {
		for _, key := range []string{"8", "9"} {
			it, err := v.Item(id, record.Key(key))
			if err != nil {
				return err
			}
			if it == nil || it.Status != state.Delivered || string(it.Answer) != `{"n":"a`+key+`"}` {
				t.Errorf("the item of %s: %+v", key, it)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// finding is a sink whose look gives the same row for all.
type finding struct{ numbering }

func (finding) Find(_ context.Context, batch []record.Change) ([]connector.Found, error) {
	out := make([]connector.Found, len(batch))
	for i := range out {
		out[i] = connector.Found{N: 1, Answer: []byte(`{"n":"7"}`)}
	}
	return out, nil
}

// A row that another item holds is not the one whose answer was lost, so that
// it is sent again; one that is found for two is nobody's, and both stay open.
func TestARowOfAnotherItemIsNotTheLostOne(t *testing.T) {
	for answer, want := range map[string][]string{`{"n":"7"}`: {"create 8 ", "create 9 "}, `{"n":"5"}`: nil} {
		b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
		b.run(engine.Options{})
		b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":"8","first":"Eva"}`, `{"id":"9","first":"Bob"}`))
		e := b.engine()
		if err := e.Store.Update(t.Context(), func(tx state.Tx) error {
			row, _, err := tx.Pipeline("pipeline.people")
			if err != nil {
				return err
			}
			it, err := tx.Item(row.ID, "1")
			if err != nil {
				return err
			}
			c := *it
			c.Answer = []byte(answer)
			for _, key := range []string{"8", "9"} {
				o := state.Open{Key: record.Key(key), Reason: state.InDoubt, Op: record.Create, After: []byte(`{"id":"` + key + `","name":"Eva"}`), Since: b.now, Run: 1}
				if err := tx.PutOpen(row.ID, &o); err != nil {
					return err
				}
			}
			return tx.PutItem(row.ID, &c)
		}); err != nil {
			t.Fatal(err)
		}
		var got []string
		sink := e.Project.Sinks["sink.sql.people"]
		open := sink.Open
		sink.Open = func(ctx context.Context, env connector.Env) (connector.Sink, error) {
			s, err := open(ctx, env)
			return finding{numbering{s, &got}}, err
		}
		if _, err := e.Run(t.Context(), engine.Options{}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", answer, diff)
		}
	}
}
