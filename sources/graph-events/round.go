package graphevents

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"koppel/engine/connector"
	"koppel/internal/graph"
	"koppel/internal/httpclient"
)

// mostWaiting is how many mailboxes are on their way at once. Most of them wait:
// for one of the connection's requests, which are fewer, or because their
// mailbox is throttled, which must not keep others from their turn.
const mostWaiting = 64

// A round reads all mailboxes once.
type round struct {
	s        *source
	out      connector.Reader
	boxes    []string
	known    map[string]bool // the mailboxes, in small letters
	whole    bool            // they are all that there are
	covers   connector.Interval
	from, to time.Time

	listed  bool // Parts was called
	read    int
	refused []*calendar // until one was read
	vacant  []*calendar
}

// A calendar is what was read of one mailbox.
type calendar struct {
	box   string
	from  connector.Cursor
	next  connector.Cursor
	same  bool // nothing changed since
	lines []byte
	err   error
}

func newRound(s *source, out connector.Reader, boxes []string, whole bool) *round {
	r := &round{s: s, out: out, boxes: boxes, whole: whole, known: map[string]bool{}}
	r.covers, r.from, r.to = s.window()
	for _, box := range boxes {
		r.known[strings.ToLower(box)] = true
	}
	return r
}

// run reads the mailboxes and hands over each as it comes. All calls of the
// reader are made here.
func (r *round) run(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	todo, done := make(chan *calendar), make(chan *calendar)
	var running sync.WaitGroup
	for range min(mostWaiting, len(r.boxes)) {
		running.Go(func() {
			for c := range todo {
				c.err = r.fetch(inner, c)
				done <- c
			}
		})
	}
	err := r.exchange(ctx, todo, done)
	cancel()
	close(todo)
	go func() {
		running.Wait()
		close(done)
	}()
	for range done {
		continue // until all have seen that it is over
	}
	if err != nil {
		return err
	}
	return r.finish()
}

// exchange gives out the mailboxes and takes back what was read of them.
func (r *round) exchange(ctx context.Context, todo chan<- *calendar, done <-chan *calendar) error {
	under, next := 0, 0
	var ready *calendar
	for under > 0 || ready != nil || next < len(r.boxes) {
		if ready == nil && next < len(r.boxes) {
			ready = &calendar{box: r.boxes[next]}
			next++
			if err := r.begin(ready); err != nil {
				return err
			}
		}
		give := todo
		if ready == nil {
			give = nil
		}
		select {
		case give <- ready:
			ready = nil
			under++
		case c := <-done:
			under--
			if err := r.take(ctx, c); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}

// begin asks for the cursor of a mailbox, where there are any.
func (r *round) begin(c *calendar) error {
	if !r.s.config.Delta {
		return nil
	}
	if err := r.list(); err != nil {
		return err
	}
	cursor, err := r.out.Begin(c.box, connector.WholeDelta)
	c.from = cursor
	return err
}

// fetch reads a calendar, unless nothing has changed in it.
func (r *round) fetch(ctx context.Context, c *calendar) (err error) {
	from, to := r.from, r.to
	var next mark
	if r.s.config.Delta {
		if next, c.same, err = r.changes(ctx, c.box, c.from); err != nil {
			return err
		}
		from, to = next.From, next.To
	}
	if !c.same {
		l, err := r.calendar(ctx, c.box, from, to)
		if err != nil {
			return err
		}
		c.lines, next.Next = l.lines, l.next
	}
	if r.s.config.Delta {
		c.next = next.cursor()
	}
	return nil
}

// take hands over what was read of a mailbox, or says why nothing was.
func (r *round) take(ctx context.Context, c *calendar) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var failed *httpclient.Error
	switch {
	case c.err == nil:
	case errors.As(c.err, &failed) && failed.Reason == httpclient.Denied:
		return c.err // it would be so for each
	case r.s.isVacant(c.err):
		r.vacant = append(r.vacant, c)
		return nil
	case r.read == 0:
		r.refused = append(r.refused, c)
		return nil
	default:
		return r.refuse(c)
	}
	if err := r.list(); err != nil {
		return err
	}
	r.read++
	if err := r.hand(c); err != nil {
		return err
	}
	return r.refuseAll()
}

// hand hands over a calendar.
func (r *round) hand(c *calendar) error {
	if c.same {
		return r.out.End(c.box, c.next, r.covers)
	}
	if _, err := r.out.Begin(c.box, connector.Full); err != nil {
		return err
	}
	if len(c.lines) > 0 {
		if err := r.out.Records(c.box, 0, c.lines); err != nil {
			return err
		}
	}
	return r.out.End(c.box, c.next, r.covers)
}

// list gives the list of partitions, once.
func (r *round) list() error {
	if r.listed || !r.whole {
		return nil
	}
	r.listed = true
	return r.out.Parts(r.boxes)
}

// refuse reports a mailbox that could not be read. That one is out of reach says
// nothing of the tenant.
func (r *round) refuse(c *calendar) error {
	return r.out.Fail(c.box, errors.New(c.err.Error()))
}

func (r *round) refuseAll() error {
	for _, c := range r.refused {
		if err := r.refuse(c); err != nil {
			return err
		}
	}
	r.refused = nil
	return nil
}

// finish ends the round. When no mailbox could be read, and at least one was
// refused, nothing is known.
func (r *round) finish() error {
	if r.read == 0 && len(r.refused) > 0 {
		return fmt.Errorf("read calendars: every mailbox is refused (%d), the first: %w", len(r.refused), unreachable(r.refused[0].err))
	}
	if err := r.list(); err != nil {
		return err
	}
	for _, c := range r.vacant {
		if r.s.env.Log != nil {
			r.s.env.Log.Info("a mailbox has no calendar that could be read", slog.String("mailbox", c.box), slog.String("because", c.err.Error()))
		}
		if err := r.out.Fail(c.box, fmt.Errorf("%w: %w", connector.ErrVacant, errors.New(c.err.Error()))); err != nil {
			return err
		}
	}
	return nil
}

// unreachable marks the error of a tenant that refuses everything.
func unreachable(err error) error {
	if errors.Is(err, connector.ErrUnreachable) {
		return err
	}
	return fmt.Errorf("%w: %w", connector.ErrUnreachable, err)
}

// isVacant tells whether an error says that there is no such mailbox, or none
// with Exchange Online, where nobody has named it by hand.
func (s *source) isVacant(err error) bool {
	if s.config.Mailboxes.List != nil {
		return false
	}
	p, status := graph.ProblemOf(err)
	return status == 404 && p.Is("MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "ErrorInvalidUser", "Request_ResourceNotFound")
}
