package http

import (
	"context"
	"errors"
	"fmt"
	nethttp "net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/zeebo/xxh3"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// A walk goes through all pages once.
type walk struct {
	s     *source
	sc    *scope
	out   connector.Reader // nil: nothing is handed over, the pages are compared only
	tide  *tide
	page  page
	into  []byte
	asked int // pages
	count int // records
	total int // as the system said last; -1: it did not

	number int      // of the page, or of the first record that the next page is to show
	token  string   // cursor
	next   *url.URL // link, next_url
	last   []byte   // offset: the record that ended the page before
	single bool     // offset: the first page held one record, and the next must hold none

	// Sums are those of the pages, in order.
	sums []xxh3.Uint128
	full map[xxh3.Uint128]bool // of pages with records
	been map[string]bool       // cursors and URLs
	// counted: the pages were found by number, which proves nothing alone.
	counted bool
}

// errMoved says that the pages of a walk do not fit: something changed while
// it went on. Another walk may do better.
var errMoved = errors.New("the pages do not fit together")

func moved(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMoved, fmt.Sprintf(format, args...))
}

// errEndless says that the pages lead nowhere.
var errEndless = errors.New("the pages repeat themselves")

func (s *source) newWalk(sc *scope, out connector.Reader, t *tide) *walk {
	w := &walk{s: s, sc: sc, out: out, tide: t, total: -1, full: map[xxh3.Uint128]bool{}, been: map[string]bool{}}
	p := s.config.Pagination
	switch {
	case p.Start != nil:
		w.number = *p.Start
	case p.Kind == "page":
		w.number = 1
	}
	return w
}

// run goes from page to page. The next one is asked for before the records of
// this one are handed over.
func (w *walk) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	next := w.ask(ctx)
	defer func() {
		cancel()
		if next != nil {
			<-next
		}
	}()
	for {
		got := <-next
		next = nil
		if err := w.read(ctx, got); err != nil {
			return err
		}
		skip, done, err := w.take(got.resp)
		if err != nil {
			return w.about(got.r, fmt.Errorf("page %d: %w", w.asked+1, err))
		}
		if w.asked++; !done {
			next = w.ask(ctx)
		}
		if err := w.hand(ctx, skip); err != nil {
			return err
		}
		if !done {
			continue
		}
		if w.total >= 0 && w.total != w.count {
			return moved("the system says that there are %d records, and %d were read", w.total, w.count)
		}
		return nil
	}
}

// An answer is what came for a request.
type answer struct {
	r    *httpclient.Request
	resp *httpclient.Response
	err  error
}

// ask asks for the next page.
func (w *walk) ask(ctx context.Context) chan answer {
	to := make(chan answer, 1)
	r, err := w.request(ctx)
	if err != nil {
		to <- answer{err: err}
		return to
	}
	if w.mayBeBehind() {
		r.Accept = []int{nethttp.StatusNotFound}
	}
	r.Into = w.into
	go func() {
		resp, err := w.s.client.Do(ctx, r)
		to <- answer{r, resp, err}
	}()
	return to
}

// mayBeBehind tells whether the page may lie behind the last one: some systems
// say that it is not there.
func (w *walk) mayBeBehind() bool { return w.s.config.Pagination.Kind == "page" && w.asked > 0 }

// read takes an answer apart.
func (w *walk) read(ctx context.Context, got answer) error {
	if got.err != nil {
		return w.s.denied(got.err)
	}
	w.into = got.resp.Body
	if got.resp.Status == nethttp.StatusNotFound {
		return w.readNothing()
	}
	err := w.s.layout.read(ctx, got.resp.Body, &w.page)
	if words, says := w.s.client.ErrorInside(w.s.layout.member); says {
		return w.about(got.r, fmt.Errorf("the answer says that something failed: %s; if it did not, say what does by error in the connection", words))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil {
		err = w.unfinished(got.resp)
	}
	if err != nil {
		return w.about(got.r, err)
	}
	return nil
}

// about says which request an error is about, as the client does.
func (w *walk) about(r *httpclient.Request, err error) error {
	if a := w.s.client.Address(); a != "" {
		return fmt.Errorf("%s: %s %s: %w", a, r.Method, r.Title, err)
	}
	return fmt.Errorf("%s %s: %w", r.Method, r.Title, err)
}

// readNothing is read for a page that is not there.
func (w *walk) readNothing() error {
	if w.page.more != nil {
		return moved("the page is not there, and the one before says that there is another")
	}
	w.page = page{lines: w.page.lines[:0], starts: append(w.page.starts[:0], 0), sum: xxh3.Hash128(nil), total: -1}
	return nil
}

func (w *walk) request(ctx context.Context) (*httpclient.Request, error) {
	switch w.s.config.Pagination.Kind {
	case "page", "offset":
		return w.s.request(ctx, w.sc, strconv.Itoa(w.number))
	case "cursor":
		return w.s.request(ctx, w.sc, w.token)
	}
	if w.next != nil {
		return w.s.follow(ctx, w.sc, w.next)
	}
	return w.s.request(ctx, w.sc, "")
}

// hand gives the records of the page to the reader, but for the first ones.
func (w *walk) hand(ctx context.Context, skip int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	lines := w.page.lines[w.page.starts[skip]:]
	if w.out == nil || len(lines) == 0 {
		return nil
	}
	if err := w.tide.note(lines); err != nil {
		return err
	}
	if err := w.out.Records("", 0, lines); err != nil {
		return &stopped{err}
	}
	return nil
}

// stopped is an error of the reader, which ends the read.
type stopped struct{ error }

func (e *stopped) Unwrap() error { return e.error }

// take counts the page, tells where the next one is and how many of its
// records were in the one before.
func (w *walk) take(resp *httpclient.Response) (skip int, done bool, err error) {
	p := &w.page
	w.sums = append(w.sums, p.sum)
	if p.total >= 0 {
		w.total = p.total
	}
	kind := w.s.config.Pagination.Kind
	if kind != "offset" && p.count() > 0 {
		if w.full[p.sum] {
			return 0, false, fmt.Errorf("%w: its records are those of an earlier page", errEndless)
		}
		w.full[p.sum] = true
	}
	switch kind {
	case "page":
		return w.takeNumbered()
	case "offset":
		return w.takeOffset()
	case "cursor":
		done, err = w.takeCursor()
	case "link":
		done, err = w.takeURL(nextLink(resp.Header.Values("Link")), resp.URL)
	case "next_url":
		done, err = w.takeNextURL(resp.URL)
	default:
		done = true
	}
	if err == nil && p.more != nil {
		if done && *p.more {
			err = moved("it says that there is another page, and not where")
		}
		done = done || !*p.more
	}
	w.count += p.count()
	return 0, done, err
}

// told is what total and more say of the end; known: they say it.
func (w *walk) told() (done, known bool) {
	switch p := &w.page; {
	case p.more != nil:
		return !*p.more, true
	case p.total >= 0:
		return w.count >= p.total, true
	}
	return false, false
}

// takeNumbered ends by what the system tells, else by an empty page: a short
// one may be the most that the system gives.
func (w *walk) takeNumbered() (skip int, done bool, err error) {
	w.count += w.page.count()
	done, known := w.told()
	switch empty := w.page.count() == 0; {
	case !known:
		done = empty
	case empty && !done:
		return 0, false, moved("it is empty, and there should be more records")
	}
	w.number++
	w.counted = w.asked > 0 || !done
	return 0, done, nil
}

// takeOffset lets each page begin with the record that ended the one before:
// where it does not, something has moved. The page that shows no more than
// this record is the end.
func (w *walk) takeOffset() (skip int, done bool, err error) {
	p, before := &w.page, w.last
	if w.single && p.count() > 0 {
		return 0, false, fmt.Errorf("the system gives one record at a time, and pages must overlap by one: use another pagination, or a larger size")
	}
	if before != nil {
		if p.count() == 0 || !slices.Equal(p.record(0), before) {
			return 0, false, moved("it does not begin with the record that ended the one before")
		}
		skip = 1
	}
	fresh := p.count() - skip
	w.count += fresh
	if done, known := w.told(); known && done || fresh == 0 {
		return skip, true, nil
	}
	w.last = append(w.last[:0], p.record(p.count()-1)...)
	w.number += fresh
	if w.asked == 0 {
		w.number--
		if w.single = p.count() == 1; w.single {
			w.number, w.last = w.number+1, nil
		}
	}
	return skip, false, nil
}

// takeCursor follows the cursor that the page holds.
func (w *walk) takeCursor() (done bool, err error) {
	token, err := tokenOf(w.page.value)
	if err != nil || token == "" {
		return true, err
	}
	if w.been[token] {
		return false, fmt.Errorf("%w: the next cursor was there before", errEndless)
	}
	w.been[token] = true
	w.token, w.sc.token = token, w.page.value
	if n, err := strconv.Atoi(token); err == nil && (n == w.asked+1 || n == w.asked+2 || n == w.count+w.page.count()) {
		w.counted = true
	}
	return false, nil
}

// tokenOf is a cursor as text; empty: the pages end.
func tokenOf(v any) (string, error) {
	switch x := v.(type) {
	case nil:
		return "", nil
	case string:
		return x, nil
	case int:
		return strconv.Itoa(x), nil
	case bool:
	case fmt.Stringer: // a number with more digits
		return x.String(), nil
	}
	return "", fmt.Errorf("pagination: value gives %s, neither a text nor null", shown(v))
}

func (w *walk) takeNextURL(from *url.URL) (done bool, err error) {
	if w.page.value != nil {
		if _, ok := w.page.value.(string); !ok {
			return true, fmt.Errorf("pagination: value gives %s, neither a URL nor null", shown(w.page.value))
		}
	}
	text, _ := w.page.value.(string)
	return w.takeURL(text, from)
}

// takeURL follows a URL, which may be relative to the one that it came from.
func (w *walk) takeURL(text string, from *url.URL) (done bool, err error) {
	if text == "" {
		return true, nil
	}
	next, err := from.Parse(text)
	if err != nil {
		return false, errors.New("the next page has a URL that can't be read")
	}
	if next.Scheme != "http" && next.Scheme != "https" {
		return false, fmt.Errorf("the next page has a URL of %s, not of https", next.Scheme)
	}
	if key := next.String(); w.been[key] || key == from.String() {
		return false, fmt.Errorf("%w: the URL of the next page was there before", errEndless)
	}
	w.been[next.String()] = true
	w.next, w.counted = next, w.counted || isNumbered(next)
	return false, nil
}
