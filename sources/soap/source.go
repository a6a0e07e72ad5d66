package soap

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/zeebo/xxh3"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
	"koppel/internal/soap"
	"koppel/internal/xmlrecord"
)

type source struct {
	config     Config
	client     *httpclient.Client
	env        connector.Env
	path, body *xmlrecord.Path
}

// stopped is an error of the reader, which ends the read.
type stopped struct{ error }

func (e *stopped) Unwrap() error { return e.error }

// An unproven is an error that says that a read was not proven complete.
type unproven struct{ error }

func (e *unproven) Unwrap() []error { return []error{e.error, connector.ErrIncomplete} }

// errMoved says that the pages of a walk do not fit together; another walk may
// do better.
var errMoved = errors.New("the pages do not fit together: something changed while they were read, or the service does not sort")

// rounds is how often pages that do not fit are read.
const rounds = 3

// Read reads the one partition "".
func (s *source) Read(ctx context.Context, out connector.Reader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	mode := connector.Full
	if s.config.Incremental != nil {
		mode = connector.WholeDelta
	}
	c, err := out.Begin("", mode)
	if err != nil {
		return err
	}
	var earlier []string
	if inc := s.config.Incremental; inc != nil && len(c) > 0 {
		if earlier = decodeCursor(c, len(inc.Cursor)); earlier == nil {
			mode = connector.Full
			if _, err := out.Begin("", mode); err != nil {
				return err
			}
		}
	}
	err = s.readFrom(ctx, out, mode, earlier)
	var stop *stopped
	var failed *httpclient.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &stop):
		return stop.error
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &failed):
		err = &unproven{err}
	}
	return out.Fail("", err)
}

// readFrom walks through the pages, where they are found by number twice: a
// number proves nothing, as a record that goes moves the others up.
func (s *source) readFrom(ctx context.Context, out connector.Reader, mode connector.Mode, earlier []string) error {
	cursor, fields := earliest, []string(nil)
	if inc := s.config.Incremental; inc != nil {
		fields = inc.Cursor
		if len(earlier) > 0 {
			var err error
			if cursor, err = bound(earlier, time.Duration(inc.Overlap)); err != nil {
				return err
			}
		}
	}
	var last error
	most := 0
	for round := range rounds {
		if round > 0 {
			if _, err := out.Begin("", mode); err != nil {
				return &stopped{err}
			}
		}
		w := &walk{s: s, out: out, cursor: cursor, tide: newTide(fields, earlier)}
		if last = w.run(ctx); last == nil && (w.counted || round > 0) {
			again := &walk{s: s, cursor: cursor, tide: newTide(nil, nil)}
			if last = again.run(ctx); last == nil && !slices.Equal(w.sums, again.sums) {
				last = errMoved
			}
			most = max(most, again.count)
		}
		if most = max(most, w.count); last == nil && w.count < most-max(5, most/10) {
			return fmt.Errorf("%d records were there, and soon after only %d", most, w.count)
		}
		if last == nil {
			if err := out.End("", w.tide.encode(), connector.Interval{}); err != nil {
				return &stopped{err}
			}
			return nil
		}
		if !errors.Is(last, errMoved) {
			return last
		}
	}
	return fmt.Errorf("after %d attempts: %w", rounds, last)
}

// A walk goes through all pages once.
type walk struct {
	s       *source
	out     connector.Reader // nil: nothing is handed over, the pages are compared only
	cursor  string
	tide    *tide
	token   string
	number  int
	asked   int
	count   int
	sums    []xxh3.Uint128
	been    map[string]bool
	counted bool // the pages were found by number
}

func (w *walk) run(ctx context.Context) error {
	w.been = map[string]bool{}
	p := w.s.config.Pagination
	if p.Kind == "page" {
		w.number = 1
	}
	if p.Start != nil {
		w.number = *p.Start
	}
	seen := map[xxh3.Uint128]bool{}
	for {
		page, err := w.ask(ctx)
		if err != nil {
			return err
		}
		w.asked++
		sum := xxh3.Hash128(page.lines)
		if page.count > 0 && seen[sum] {
			return fmt.Errorf("page %d is one that was there before: the service pays no heed to {page}", w.asked)
		}
		seen[sum] = true
		w.sums = append(w.sums, sum)
		w.count += page.count
		if err := w.hand(ctx, page.lines); err != nil {
			return err
		}
		done, err := w.next(page)
		if err != nil {
			return fmt.Errorf("page %d: %w", w.asked, err)
		}
		if done {
			if page.total >= 0 && page.total != w.count {
				return fmt.Errorf("%w: the service says that there are %d records, and %d were read", errMoved, page.total, w.count)
			}
			return nil
		}
	}
}

// hand gives the records of a page to the reader.
func (w *walk) hand(ctx context.Context, lines []byte) error {
	if err := ctx.Err(); err != nil || w.out == nil || len(lines) == 0 {
		return err
	}
	if err := w.tide.note(lines); err != nil {
		return err
	}
	if err := w.out.Records("", 0, lines); err != nil {
		return &stopped{err}
	}
	return nil
}

// next tells where the next page is; done: there is none.
func (w *walk) next(p *page) (done bool, err error) {
	switch kind := w.s.config.Pagination.Kind; kind {
	case "none":
		return true, nil
	case "cursor":
		return w.nextCursor(p)
	case "offset":
		w.number += p.count
	default:
		w.number++
	}
	switch {
	case p.more != nil:
		done = !*p.more
	case p.total >= 0:
		done = w.count >= p.total
	default:
		done = p.count == 0
	}
	if !done && p.count == 0 {
		return false, fmt.Errorf("%w: it is empty, and there should be more", errMoved)
	}
	w.counted = w.counted || !done || w.asked > 1
	return done, nil
}

func (w *walk) nextCursor(p *page) (done bool, err error) {
	switch v := p.value.(type) {
	case nil:
		w.token = ""
	case string:
		w.token = v
	case int:
		w.token = strconv.Itoa(v)
	default:
		return false, fmt.Errorf("pagination: value gives %s, neither a text nor null", shown(v))
	}
	done = w.token == ""
	if p.more != nil && *p.more == done {
		return false, fmt.Errorf("%w: more and value tell different things of the next page", errMoved)
	}
	if done {
		return true, nil
	}
	if w.been[w.token] {
		return false, errors.New("the next cursor was there before")
	}
	w.been[w.token] = true
	if _, err := strconv.Atoi(w.token); err == nil {
		w.counted = true // it may be the number of a page
	}
	return false, nil
}

// ask gets a page.
func (w *walk) ask(ctx context.Context) (*page, error) {
	s := w.s
	message, err := w.message()
	if err != nil {
		return nil, err
	}
	version := message.Version
	if version == "" {
		version = s.config.Version
	}
	token, now := s.client.UsernameToken(), s.env.Now
	if now == nil {
		now = time.Now
	}
	r := &httpclient.Request{
		Method: http.MethodPost, Title: s.title(), Header: http.Header{}, Repeat: httpclient.Always, Expect: httpclient.XML, Judge: s.judge,
		Renew: func() ([]byte, error) {
			header, err := soap.Security(token, now())
			return []byte(message.Dressed(version, header)), err
		},
	}
	if version == "1.2" {
		r.Header.Set("Content-Type", "application/soap+xml; charset=utf-8")
		if s.config.Action != "" {
			r.Header.Set("Content-Type", `application/soap+xml; charset=utf-8; action="`+s.config.Action+`"`)
		}
	} else {
		r.Header.Set("Content-Type", "text/xml; charset=utf-8")
		r.Header.Set("SOAPAction", `"`+s.config.Action+`"`)
	}
	resp, err := s.client.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	var p *page
	if resp.Status == http.StatusAccepted || resp.Status == http.StatusPartialContent {
		err = fmt.Errorf("the server says %d %s: it is not all that there is", resp.Status, http.StatusText(resp.Status))
	} else {
		p, err = s.page(ctx, resp)
	}
	if err != nil {
		about := http.MethodPost + " " + s.title()
		if a := s.client.Address(); a != "" {
			about = a + ": " + about
		}
		return nil, fmt.Errorf("%s: %w", about, err)
	}
	return p, nil
}

// title is what messages show of a request.
func (s *source) title() string {
	if s.config.Action == "" {
		return s.client.Base()
	}
	return s.client.Base() + " with action " + s.config.Action
}

// message fills the envelope in.
func (w *walk) message() (soap.Message, error) {
	var bad error
	text, err := w.s.config.Envelope.Fill(func(name string) (any, bool) {
		value := ""
		switch name {
		case "page":
			if value = w.token; w.s.config.Pagination.Kind != "cursor" {
				value = strconv.Itoa(w.number)
			}
		case "cursor":
			value = w.cursor
		case "today":
			value = w.s.env.Today()
		case "now":
			value = w.s.env.At().UTC().Format(time.RFC3339)
		default:
			return nil, false
		}
		escaped, err := soap.Escape(value)
		if err != nil && bad == nil {
			bad = fmt.Errorf("fill in {%s}: %w", name, err)
		}
		return escaped, true
	})
	if err = errors.Join(err, bad); err != nil {
		return soap.Message{}, err
	}
	return soap.Parse(text)
}

// Check asks for the first page.
func (s *source) Check(ctx context.Context) error {
	w := &walk{s: s, cursor: earliest, tide: newTide(nil, nil), number: 1}
	_, err := w.ask(ctx)
	return err
}
