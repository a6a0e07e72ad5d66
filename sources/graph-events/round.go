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

// run reads the mailboxes and hands over each as it comes.
func (r *round) run(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	todo, done := make(chan string), make(chan *calendar)
	var running sync.WaitGroup
	for range min(mostWaiting, len(r.boxes)) {
		running.Go(func() {
			for box := range todo {
				c := &calendar{box: box}
				c.lines, c.err = r.calendar(inner, box)
				done <- c
			}
		})
	}
	running.Go(func() {
		defer close(todo)
		for _, box := range r.boxes {
			select {
			case todo <- box:
			case <-inner.Done():
				return
			}
		}
	})
	go func() {
		running.Wait()
		close(done)
	}()
	var failed error
	for c := range done {
		if failed != nil {
			continue // until all have seen that it is over
		}
		if failed = r.take(ctx, c); failed != nil {
			cancel()
		}
	}
	if failed != nil {
		return failed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.finish()
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
	if _, err := r.out.Begin(c.box, connector.Full); err != nil {
		return err
	}
	if len(c.lines) > 0 {
		if err := r.out.Records(c.box, 0, c.lines); err != nil {
			return err
		}
	}
	return r.out.End(c.box, nil, r.covers)
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
