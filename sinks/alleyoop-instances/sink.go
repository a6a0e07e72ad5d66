package alleyoopinstances

import (
	"context"
	"fmt"
	"sync"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/alleyoop"
)

// batch is how many changes are under way at most: what a crash leaves to be
// looked up.
const batch = 16

type sink struct {
	client *alleyoop.Client
	reason string

	mu sync.Mutex
	// holders are the records that have been given an instance, by its id.
	holders map[string]record.Key
}

// Traits says that creates are journalled.
func (s *sink) Traits() connector.Traits {
	return connector.Traits{Batch: batch, Deletes: true, Undoable: true, Journalled: true, Identity: s.client.Identity("instances")}
}

// Write applies changes, several at a time. Those of one dossier follow each
// other, as a look before a create must see what the one before it did.
func (s *sink) Write(ctx context.Context, changes []record.Change) ([]connector.Outcome, error) {
	return alleyoop.Spread(ctx, changes, Lane, s.one)
}

// Lane names the dossier of a change.
func Lane(c record.Change) string {
	body := c.After
	if body == nil {
		body = c.Before
	}
	d, err := alleyoop.DossierOf(body)
	if err != nil {
		return "key " + string(c.Key)
	}
	return d.String()
}

func (s *sink) one(ctx context.Context, c record.Change) (connector.Outcome, error) {
	switch c.Op {
	case record.Create:
		return s.create(ctx, c)
	case record.Update:
		return s.update(ctx, c)
	case record.Delete:
		return s.remove(ctx, c)
	}
	return alleyoop.Refusal("an instance can't be disabled: write action = \"keep\" or \"delete\" in the block deletes"), nil
}

// create looks first whether the instance exists, and again when the answer to
// its creation was lost.
func (s *sink) create(ctx context.Context, c record.Change) (connector.Outcome, error) {
	d, err := alleyoop.DossierOf(c.After)
	if err != nil {
		return alleyoop.Refusal(err.Error()), nil
	}
	if out, done, err := s.existing(ctx, &c, d); done || err != nil {
		return out, err
	}
	id, failed := s.client.Create(ctx, d)
	if failed == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.holders[id] = c.Key
		return taken(id), nil
	}
	out, stop := alleyoop.Outcome(failed)
	if stop != nil || out.Status != connector.Unknown {
		return out, stop
	}
	if now, done, err := s.existing(ctx, &c, d); err == nil && done {
		return now, nil
	}
	return out, nil
}

// existing takes over the instance of a dossier; done says that there is no
// more to do. err says that nothing can be looked up.
func (s *sink) existing(ctx context.Context, c *record.Change, d alleyoop.Dossier) (out connector.Outcome, done bool, err error) {
	found, err := s.client.Instances(ctx, d)
	if err != nil {
		out, err = alleyoop.LookOutcome(err)
		return out, true, err
	}
	switch len(found) {
	case 0:
		return out, false, nil
	case 1:
		out, err = s.own(c, found[0].ID, d)
		return out, true, err
	}
	return alleyoop.Refusal(fmt.Sprintf("%d instances exist of %s: %s; nobody can tell which one is meant, so remove all but one in AlleyOop",
		len(found), d, alleyoop.IDs(found))), true, nil
}

// update holds when the instance that is wanted exists: AlleyOop can't change
// one.
func (s *sink) update(ctx context.Context, c record.Change) (connector.Outcome, error) {
	d, err := alleyoop.DossierOf(c.After)
	if err != nil {
		return alleyoop.Refusal(err.Error()), nil
	}
	if out, done, err := s.existing(ctx, &c, d); done || err != nil {
		return out, err
	}
	before, err := alleyoop.DossierOf(c.Before)
	if err != nil || before == d {
		return alleyoop.Refusal(fmt.Sprintf("the instance of %s is no longer there; it was removed in AlleyOop and is not made again", d)), nil
	}
	return alleyoop.Refusal(fmt.Sprintf("AlleyOop can't change an instance from %s to %s; make these four fields the key of the pipeline, so that another period is another instance", before, d)), nil
}

// remove takes an instance away by the id that AlleyOop answered for it, or
// else by its dossier.
func (s *sink) remove(ctx context.Context, c record.Change) (connector.Outcome, error) {
	id, _ := record.Text(record.Member(c.Answer, "instanceId"))
	if id == "" {
		d, err := alleyoop.DossierOf(c.Before)
		if err != nil {
			return alleyoop.Refusal(err.Error()), nil
		}
		found, err := s.client.Instances(ctx, d)
		if err != nil {
			return alleyoop.LookOutcome(err)
		}
		switch len(found) {
		case 0:
			return connector.Outcome{}, nil
		case 1:
			id = found[0].ID
		default:
			return alleyoop.Refusal(fmt.Sprintf("%d instances exist of %s: %s; remove the right one in AlleyOop", len(found), d, alleyoop.IDs(found))), nil
		}
	}
	out, err := alleyoop.Outcome(s.client.Delete(ctx, id, s.reason))
	if err == nil && out.Status == connector.Applied {
		s.mu.Lock()
		delete(s.holders, id)
		s.mu.Unlock()
	}
	return out, err
}

// own refuses an instance that another record of the pipeline has: with that one
// gone, it would be removed.
func (s *sink) own(c *record.Change, id string, d alleyoop.Dossier) (connector.Outcome, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := taken(id)
	holder, err := s.holders[id], error(nil)
	if holder == "" && c.Holder != nil {
		holder, err = c.Holder(out.Answer)
	}
	if err != nil {
		return out, err
	}
	if holder == "" || holder == c.Key {
		s.holders[id] = c.Key
		return out, nil
	}
	return alleyoop.Refusal(fmt.Sprintf("the instance of %s belongs to the record %s; make the four fields the key of the pipeline, so that there is one record of each", d, holder)), nil
}

// taken is the outcome of a record that has this instance.
func taken(id string) connector.Outcome {
	answer := record.AppendString([]byte(`{"instanceId":`), id)
	return connector.Outcome{Answer: append(answer, '}')}
}

// Find looks up the instances of changes.
func (s *sink) Find(ctx context.Context, changes []record.Change) ([]connector.Found, error) {
	out := make([]connector.Found, len(changes))
	for i, c := range changes {
		body := c.After
		if body == nil {
			body = c.Before
		}
		if body == nil {
			out[i].N = 1 // a delete is simply repeated
			continue
		}
		d, err := alleyoop.DossierOf(body)
		if err != nil {
			continue // it was refused before anything was sent
		}
		found, err := s.client.Instances(ctx, d)
		if err != nil {
			return nil, err
		}
		if out[i].N = len(found); len(found) == 1 {
			out[i].Answer = taken(found[0].ID).Answer
		}
	}
	return out, nil
}

// Check asks AlleyOop for its process definitions.
func (s *sink) Check(ctx context.Context) error { return s.client.Check(ctx) }
