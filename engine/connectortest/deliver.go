package connectortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// A step is one delivery: changes, and the set that the target then holds.
type step struct {
	name    string
	changes []record.Change
	after   []string
}

// person is a mapped record, with what is not sent.
func person(id, name, amount string) string {
	return fmt.Sprintf(`{"active":true,"amount":%s,"hidden":"not to be sent","id":%q,"name":%s}`, amount, id, name)
}

// steps are the deliveries of the suite. Each rests on the one before.
func steps() []step {
	const big = "9007199254740993"
	first := []string{
		person("p1", `"Saar, \"S\"; é 😀"`, big), person("p2", `""`, "0"), person("p3", "null", "null"),
		person("p4", `"two\nlines"`, "-7"), person("p5", `" x "`, "1"),
	}
	second := slices.Clone(first)
	second[0] = person("p1", `"Noor"`, big)
	second[1] = person("p2", `""`, "null")
	second[2] = person("p3", `"set"`, "3")
	third := slices.Concat(second[:3], second[4:])
	return []step{
		{"create", creates(first), first},
		{"update", []record.Change{
			update(first[0], second[0], "name"), update(first[1], second[1], "amount"), update(first[2], second[2], "amount", "name"),
		}, second},
		{"delete", []record.Change{remove(second[3])}, third},
		{"create again", creates(second[3:4]), second},
		{"delete all", []record.Change{remove(second[0]), remove(second[1]), remove(second[2]), remove(second[3]), remove(second[4])}, nil},
	}
}

func keyOf(body string) record.Key {
	text, _ := record.Text(record.Member([]byte(body), "id"))
	return record.Key(text)
}

func creates(set []string) []record.Change {
	changes := make([]record.Change, len(set))
	for i, body := range set {
		changes[i] = record.Change{
			Op: record.Create, Cause: record.CauseNew, Key: keyOf(body), After: []byte(body),
			Fields: []string{"id", "name", "amount", "active"}, Order: uint64(i),
		}
	}
	return changes
}

func update(before, after string, fields ...string) record.Change {
	return record.Change{
		Op: record.Update, Cause: record.CauseSource, Key: keyOf(after),
		Before: []byte(before), After: []byte(after), Fields: fields,
	}
}

func remove(before string) record.Change {
	return record.Change{Op: record.Delete, Cause: record.CauseGone, Key: keyOf(before), Before: []byte(before)}
}

// steps are the deliveries of the suite in the fields of the kind. What is added
// to an additive sink stays: there is nothing to update and delete.
func (s SinkSuite) steps() []step {
	list := steps()
	if s.Kind.Static.Additive {
		list = list[:1]
	}
	for i := range list {
		s.mapAll(list[i].changes)
	}
	return list
}

// creates makes changes in the fields of the kind.
func (s SinkSuite) creates(set []string) []record.Change {
	changes := creates(set)
	s.mapAll(changes)
	return changes
}

// mapAll puts changes into the fields of the kind.
func (s SinkSuite) mapAll(changes []record.Change) {
	if s.Mapped == nil {
		return
	}
	for i := range changes {
		c := &changes[i]
		for _, body := range []*[]byte{&c.Before, &c.After} {
			if *body != nil {
				*body = []byte(s.Mapped(string(*body)))
			}
		}
		c.Fields = nil
		record.Members(c.After, func(name string, raw []byte) bool {
			if !bytes.Equal(record.Member(c.Before, name), raw) {
				c.Fields = append(c.Fields, name)
			}
			return true
		})
	}
}

// sent is a set as the target then holds it.
func (s SinkSuite) sent(set []string) []string {
	if s.Mapped == nil {
		return sent(set)
	}
	out := make([]string, len(set))
	for i, body := range set {
		out[i] = s.Mapped(body)
	}
	return out
}

// sent is a set without what is not sent.
func sent(set []string) []string {
	out := make([]string, len(set))
	for i, body := range set {
		b := []byte(`{"active":` + string(record.Member([]byte(body), "active")))
		for _, name := range []string{"amount", "id", "name"} {
			b = append(append(append(b, `,"`...), name...), `":`...)
			b = append(b, record.Member([]byte(body), name)...)
		}
		out[i] = string(append(b, '}'))
	}
	return out
}

// A deliverer is a small engine: it delivers, and keeps what a state would.
type deliverer struct {
	sink    connector.Sink
	j       *journal
	mark    []byte            // as committed
	answers map[string][]byte // as committed, by key
	latest  map[string][]byte
	made    []connector.Message // and not committed
	post    func([]connector.Message)
}

// deliver hands over a step as a whole set or in batches.
func (d *deliverer) deliver(ctx context.Context, s step) ([]connector.Outcome, error) {
	d.latest, d.made = map[string][]byte{}, nil
	if r, ok := d.sink.(connector.Replacer); ok && d.sink.Traits().Whole {
		err := replace(ctx, r, s.after)
		d.j.note(err)
		return make([]connector.Outcome, len(s.changes)), err
	}
	size := d.sink.Traits().Batch
	if size == 0 {
		size = len(s.changes)
	}
	var all []connector.Outcome
	for batch := range slices.Chunk(s.changes, max(size, 1)) {
		for i := range batch {
			batch[i].Answer = d.answers[string(batch[i].Key)]
		}
		out, err := d.sink.Write(ctx, batch)
		d.j.note(err)
		if err == nil && len(out) != len(batch) {
			err = fmt.Errorf("%d outcomes for %d changes", len(out), len(batch))
		}
		all = append(all, out...)
		for i, o := range out {
			d.latest[string(batch[i].Key)] = o.Answer
			d.made = append(d.made, o.Messages...)
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// replace delivers a whole set.
func replace(ctx context.Context, r connector.Replacer, set []string) error {
	stage, err := r.Stage(ctx)
	if err != nil {
		return err
	}
	for _, body := range set {
		if err := stage.Add(keyOf(body), []byte(body)); err != nil {
			return errors.Join(err, stage.Abandon())
		}
	}
	return stage.Commit(ctx)
}

// commit remembers the outcome, as the state does after a batch.
func (d *deliverer) commit() {
	if a, ok := d.sink.(connector.Appender); ok {
		d.mark = slices.Clone(a.Mark())
	}
	if d.post != nil {
		d.post(d.made)
	}
	d.made = nil
	if d.answers == nil {
		d.answers = map[string][]byte{}
	}
	for key, answer := range d.latest {
		if answer != nil {
			d.answers[key] = answer
		}
	}
}

// unresolved asks a journalled sink which creates have arrived, and leaves out
// those.
func (d *deliverer) unresolved(t testing.TB, s step) step {
	t.Helper()
	f, ok := d.sink.(connector.Finder)
	switch {
	case !ok && d.sink.Traits().Additive:
		// Nobody can tell, so nothing is sent again.
		s.changes = nil
		return s
	case !ok:
		t.Fatalf("a sink that is journalled must be a connector.Finder")
	}
	found, err := f.Find(t.Context(), s.changes)
	if err != nil || len(found) != len(s.changes) {
		t.Fatalf("find gives %d answers to %d questions: %v", len(found), len(s.changes), err)
	}
	var open []record.Change
	for i, c := range s.changes {
		if c.Op != record.Create || found[i].N == 0 {
			open = append(open, c)
			continue
		}
		if d.answers == nil {
			d.answers = map[string][]byte{}
		}
		d.answers[string(c.Key)] = found[i].Answer
	}
	s.changes = open
	return s
}
