package http

import (
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"slices"
	"time"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// A source is an http source that is open.
type source struct {
	config Config
	client *httpclient.Client
	env    connector.Env
	layout *layout
	paged  bool // the file says how one page leads to the next
}

// Place is the URL of the connection, and its tenant.
func (s *source) Place() string { return s.client.Place() }

// rounds is how often pages that do not fit are read.
const rounds = 3

// Read reads the one partition "".
func (s *source) Read(ctx context.Context, out connector.Reader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	earlier, err := s.begin(out)
	if err != nil {
		return err
	}
	err = s.readFrom(ctx, out, earlier)
	var failed *httpclient.Error
	if earlier != nil && errors.As(err, &failed) && failed.Status == nethttp.StatusGone {
		// The system has forgotten what the cursor stands for.
		if _, err := out.Begin("", connector.Full); err != nil {
			return err
		}
		err = s.readFrom(ctx, out, nil)
	}
	var stop *stopped
	switch {
	case err == nil:
		return nil
	case errors.As(err, &stop):
		return stop.error
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return out.Fail("", err)
}

// begin starts the partition and gives the cursor values to go on from; nil:
// everything is read. A cursor that can't be read makes it a full read.
func (s *source) begin(out connector.Reader) ([]any, error) {
	if s.config.Incremental == nil {
		_, err := out.Begin("", connector.Full)
		return nil, err
	}
	c, err := out.Begin("", connector.WholeDelta)
	if err != nil || len(c) == 0 {
		return nil, err
	}
	earlier, ok := decodeCursor(c, len(s.config.Incremental.Cursor))
	if !ok {
		_, err = out.Begin("", connector.Full)
		return nil, err
	}
	return earlier, err
}

// readFrom reads until the pages fit, and ends the partition.
func (s *source) readFrom(ctx context.Context, out connector.Reader, earlier []any) error {
	var fields []string
	mode, lowest := connector.Full, ""
	if inc := s.config.Incremental; inc != nil {
		fields = inc.Cursor
		if earlier != nil {
			mode = connector.WholeDelta
		}
		var err error
		if lowest, err = bound(earlier, time.Duration(inc.Overlap)); err != nil {
			return err
		}
	}
	p := &proof{s: s, lowest: lowest}
	for round := range rounds {
		if round > 0 {
			if _, err := out.Begin("", mode); err != nil {
				return &stopped{err}
			}
		}
		w := s.newWalk(s.newScope(lowest), out, newTide(fields, earlier))
		switch err := p.try(ctx, w); {
		case err == nil && p.proven && earlier == nil && w.count > 0 && w.tide.missing() != "":
			return fmt.Errorf("%s: no record has the field %q, which incremental names as a cursor", s.client.Base(), w.tide.missing())
		case err == nil && p.proven:
			return s.end(out, w)
		case err != nil && !errors.Is(err, errMoved):
			return err
		}
	}
	return fmt.Errorf("%w: after %d attempts %w; the system may not sort its records: ask for a sort order that is unique in query, or use a pagination by cursor", connector.ErrIncomplete, rounds, p.last)
}

// A proof is what was seen in the walks of one read.
type proof struct {
	s      *source
	lowest string
	// seen is the latest walk in which nothing was handed over, most the most
	// records of a walk.
	seen   *walk
	most   int
	last   error
	proven bool
}

// try makes a walk, and another beside it where it does not prove that it saw
// all records: where pages are found by number, two must have seen the same.
func (p *proof) try(ctx context.Context, w *walk) error {
	if err := p.run(ctx, w); err != nil {
		return err
	}
	if !p.fits(w) {
		p.seen = p.s.newWalk(p.s.newScope(p.lowest), nil, nil)
		if err := p.run(ctx, p.seen); err != nil {
			p.seen = nil
			return err
		}
	}
	p.proven = p.fits(w)
	if p.proven && w.count < p.most-max(5, p.most/10) {
		return fmt.Errorf("%w: %d records were there, and soon after only %d", connector.ErrIncomplete, p.most, w.count)
	}
	return nil
}

func (p *proof) run(ctx context.Context, w *walk) error {
	err := w.run(ctx)
	p.most = max(p.most, w.count)
	if p.last = err; err == nil {
		p.last = moved("they are others each time they are read")
	}
	return err
}

func (p *proof) fits(w *walk) bool {
	return !w.counted || p.seen != nil && slices.Equal(w.sums, p.seen.sums)
}

func (s *source) end(out connector.Reader, w *walk) error {
	if err := out.End("", w.tide.encode(), w.sc.covers()); err != nil {
		return &stopped{err}
	}
	return nil
}

// denied makes a refusal of a read one of the credentials: the system does not
// let us see the collection at all.
func (s *source) denied(err error) error {
	var failed *httpclient.Error
	if errors.As(err, &failed) && failed.Status == nethttp.StatusForbidden {
		failed.Reason = httpclient.Denied
	}
	return err
}

// Check asks for the first page.
func (s *source) Check(ctx context.Context) error {
	w := s.newWalk(s.newScope(""), nil, nil)
	return w.read(ctx, <-w.ask(ctx))
}
