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

// mostAtOnce is how many mailboxes are on their way at once: more than the
// connection has requests, so that it never waits for us. Those that are
// throttled and wait for their time do not count.
const mostAtOnce = 16

// A round reads all mailboxes once.
type round struct {
	s        *source
	out      connector.Reader
	boxes    []string
	known    map[string]bool // the mailboxes, in small letters
	whole    bool            // they are all that there are
	covers   connector.Interval
	from, to time.Time

	turns   chan struct{} // has one for each mailbox that is on its way
	listed  bool          // Parts was called
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
	r := &round{s: s, out: out, boxes: boxes, whole: whole, known: map[string]bool{}, turns: make(chan struct{}, mostAtOnce)}
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
	done := make(chan *calendar)
	var running sync.WaitGroup
	err := r.exchange(ctx, done, func(c *calendar) {
		running.Go(func() {
			c.err = r.fetch(inner, c)
			done <- c
			<-r.turns
		})
	})
	cancel()
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

// exchange begins with each mailbox when there is a turn for it, and takes back
// what was read.
func (r *round) exchange(ctx context.Context, done <-chan *calendar, start func(*calendar)) error {
	under, next := 0, 0
	for under > 0 || next < len(r.boxes) {
		turns := r.turns
		if next == len(r.boxes) {
			turns = nil
		}
		select {
		case turns <- struct{}{}:
			c := &calendar{box: r.boxes[next]}
			if err := r.begin(c); err != nil {
				return err
			}
			next++
			under++
			start(c)
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

// waiting gives the turn of a mailbox to another while it is throttled.
func (r *round) waiting(pause func() error) error {
	<-r.turns
	err := pause()
	r.turns <- struct{}{} // those that have one end, also when all is over
	return err
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
