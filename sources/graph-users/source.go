package graphusers

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/graph"
)

const (
	// pageSize is the most that Graph gives of a list at once, and less where
	// signInActivity is among the properties.
	pageSize, slowPageSize = 999, 500
	// mostReads is how often a read is begun before it is given up.
	mostReads = 3
	// chunk is how many bytes are handed over at once, about.
	chunk = 1 << 20
)

// source is an opened graph_users source.
type source struct {
	config Config
	client *graph.Client
	env    connector.Env
}

// Place names tenant and cloud.
func (s *source) Place() string { return s.client.Place() }

// Read reads the one partition "". Pages that do not join, and a link to changes
// that is good no more, make it begin anew; at last it is partial.
func (s *source) Read(ctx context.Context, out connector.Reader) error {
	mode := connector.Full
	if s.config.changes() {
		mode = connector.Delta
	}
	for n := 1; ; n++ {
		r := &reading{s: s, out: out}
		err := r.begin(mode)
		if err != nil {
			return err
		}
		err = r.read(ctx)
		switch {
		case err == nil:
			return out.End("", r.next, connector.Interval{})
		case ctx.Err() != nil:
			return ctx.Err()
		case r.refused, n == mostReads:
			return r.end(err)
		case graph.IsResync(err) && mode != connector.Full:
			// All is read anew, and who is absent from it is gone.
			mode = connector.FromStart
		case !errors.Is(err, graph.ErrAstray):
			return r.end(err)
		}
		if s.env.Log != nil {
			s.env.Log.Info("the read is begun anew", "because", err.Error())
		}
	}
}

// A reading is one try.
type reading struct {
	s       *source
	out     connector.Reader
	link    string // where changes since the read before are; empty: all is read
	next    connector.Cursor
	lines   []byte
	refused bool // the error is one of the reader
	// seen are the users of a list, where one may be listed twice.
	seen map[string]bool
	// managers are those of the users whose manager came in this round.
	managers map[string]string
}

// begin starts the partition.
func (r *reading) begin(mode connector.Mode) error {
	c, err := r.out.Begin("", mode)
	if err != nil || len(c) == 0 {
		return err
	}
	link, ok := decodeCursor(c, r.s)
	if !ok {
		_, err = r.out.Begin("", connector.FromStart)
		return err
	}
	r.link = link
	return nil
}

// end reports why the partition is not complete: what was read counts as far as
// it goes.
func (r *reading) end(err error) error {
	if r.refused {
		return err
	}
	if errors.Is(err, graph.ErrAstray) {
		return r.out.Fail("", err)
	}
	return err
}

// read follows the pages.
func (r *reading) read(ctx context.Context) error {
	q, delta := r.question()
	walk := r.s.client.Walk(q)
	for {
		page, err := walk.Next(ctx)
		if err != nil {
			return err
		}
		if page == nil {
			break
		}
		if err := r.take(page); err != nil {
			return err
		}
		if page.Delta != "" {
			r.next = encodeCursor(page.Delta, r.s)
		}
	}
	if delta && r.next == nil {
		return fmt.Errorf("read users: %w: %w: the round ended without a link to what changes after it", connector.ErrIncomplete, graph.ErrAstray)
	}
	return r.flush()
}

// question is where this try begins.
func (r *reading) question() (q graph.Question, delta bool) {
	c := &r.s.config
	switch {
	case r.link != "":
		q = c.delta()
		q.Path = r.link
		r.managers = map[string]string{}
		return q, true
	case c.changes():
		r.managers = map[string]string{}
		return c.delta(), true
	}
	if c.MembersOf != "" {
		r.seen = map[string]bool{}
	}
	if slices.Contains(c.Select, "signInActivity") {
		return c.whole(slowPageSize), false
	}
	return c.whole(pageSize), false
}

// take hands over the rows of a page.
func (r *reading) take(page *graph.Page) error {
	for _, row := range page.Rows {
		id := graph.ID(row)
		if id == "" {
			return errNoID
		}
		if reason, gone := graph.Removed(row); gone {
			if err := r.remove(id, reason); err != nil {
				return err
			}
			continue
		}
		if r.seen != nil {
			if r.seen[id] {
				continue
			}
			r.seen[id] = true
		}
		r.lines = append(r.appendUser(r.lines, id, row), '\n')
	}
	if len(r.lines) >= chunk {
		return r.flush()
	}
	return nil
}

var errNoID = errors.New("read users: a user has no id: this is not an answer of Graph; check url of the connection")

// remove hands over a tombstone: changed (deleted, and can be restored) and
// deleted alike.
func (r *reading) remove(id, reason string) error {
	if err := r.flush(); err != nil {
		return err
	}
	delete(r.managers, id)
	key, err := record.MakeKey(id)
	if err != nil {
		return err
	}
	err = r.out.Remove("", key, reason)
	r.refused = err != nil
	return err
}

// flush hands over the rows that were gathered.
func (r *reading) flush() error {
	if len(r.lines) == 0 {
		return nil
	}
	err := r.out.Records("", 0, r.lines)
	r.lines, r.refused = r.lines[:0], err != nil
	return err
}
