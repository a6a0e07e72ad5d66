package graphevents

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/internal/graph"
)

const (
	// pageSize is the most that Outlook gives at once. Its pages go by number, so
	// that what is deleted meanwhile hides something else: few pages are best.
	pageSize = 1000
	// mostPages bounds one calendar: a million meetings in a window is none.
	mostPages = 1000
	// mostLooks is how often a calendar of several pages is looked at until two
	// looks in a row show the same.
	mostLooks = 4
)

// question asks for a calendar. Occurrences come in full, and no masters.
func (s *source) question(box string, from, to time.Time, top int) graph.Question {
	query := url.Values{
		"startDateTime": {from.UTC().Format(time.RFC3339)}, "endDateTime": {to.UTC().Format(time.RFC3339)},
		"$top": {fmt.Sprint(top)}, "$select": {strings.Join(s.config.properties(), ",")},
	}
	return graph.Question{
		Path:   "/users/" + url.PathEscape(box) + "/calendarView?" + query.Encode(),
		Prefer: []string{`outlook.timezone="UTC"`, `outlook.body-content-type="text"`, `IdType="ImmutableId"`}, Mailbox: true,
		Needs: graph.CalendarPermissions(),
	}
}

// calendar reads the meetings of a mailbox as records. One that has shown several
// pages is read until two looks in a row show the same several pages.
func (r *round) calendar(ctx context.Context, box string, from, to time.Time) (*look, error) {
	var before *look
	var astray error
	for range mostLooks {
		now, err := r.look(ctx, box, from, to)
		switch {
		case err != nil && errors.Is(err, graph.ErrAstray) && ctx.Err() == nil:
			astray = err
			continue
		case err != nil:
			return nil, err
		case before == nil && astray == nil && now.pages == 1, before != nil && before.mark == now.mark && now.pages > 1:
			return now, nil
		}
		before = now
	}
	if astray != nil {
		return nil, astray
	}
	return nil, fmt.Errorf("read the calendar of %s: %w: it was looked at %d times and was another each time", box, connector.ErrIncomplete, mostLooks)
}

// inside tells whether a meeting lies in the window as it is shown. One that
// does not is absent: the engine knows by its last times whether it slid out of
// the window or was moved away.
func (r *round) inside(row []byte, l *look) bool {
	start, end, ok := times(row)
	from, to := r.from.Add(margin), r.to.Add(-margin)
	lasts := end.After(start)
	switch {
	case !ok:
		return true // there is nothing to judge by
	case end.Before(from) || lasts && end.Equal(from):
		return false
	case start.After(to) || lasts && start.Equal(to):
		if l.next.IsZero() || start.Before(l.next) {
			l.next = start
		}
		return false
	}
	return true
}

// A look is one walk through the pages of a calendar.
type look struct {
	pages int
	mark  [32]byte // of all rows in their order
	lines []byte
	next  time.Time // when the first meeting begins that is ahead of the window
}

func (r *round) look(ctx context.Context, box string, from, to time.Time) (*look, error) {
	q := r.s.question(box, from, to, pageSize)
	q.Waiting = r.waiting
	walk := r.s.client.Walk(q)
	walk.Most = mostPages
	l := &look{}
	h := sha256.New()
	seen := map[string]bool{}
	for {
		page, err := walk.Next(ctx)
		if err != nil {
			return nil, err
		}
		if page == nil {
			break
		}
		if page.Delta != "" {
			return nil, fmt.Errorf("read the calendar of %s: %w: the answer is that of a delta query", box, connector.ErrIncomplete)
		}
		l.pages++
		if err := r.about(box, page); err != nil {
			return nil, err
		}
		for _, row := range page.Rows {
			h.Write(row)
			id := graph.ID(row)
			switch {
			case id == "":
				return nil, fmt.Errorf("read the calendar of %s: %w: a meeting has no id", box, connector.ErrIncomplete)
			case seen[id]:
				return nil, fmt.Errorf("read the calendar of %s: %w: %w: a meeting is on it twice", box, connector.ErrIncomplete, graph.ErrAstray)
			}
			seen[id] = true
			if r.s.config.judge(row) != taken || !r.inside(row, l) {
				continue
			}
			if l.lines, err = r.s.config.appendEvent(l.lines, box, row); err != nil {
				return nil, fmt.Errorf("read the calendar of %s: %w", box, err)
			}
			l.lines = append(l.lines, '\n')
		}
	}
	l.mark = [32]byte(h.Sum(nil))
	return l, nil
}

// about refuses an answer that is about another of the mailboxes.
func (r *round) about(box string, page *graph.Page) error {
	_, rest, ok := strings.Cut(page.Context, "users('")
	if !ok {
		return nil
	}
	name, _, ok := strings.Cut(rest, "')")
	if unescaped, err := url.PathUnescape(name); err == nil {
		name = unescaped
	}
	name = strings.ToLower(name)
	if !ok || name == strings.ToLower(box) || !r.known[name] {
		return nil
	}
	return fmt.Errorf("read the calendar of %s: %w: the answer is about the calendar of another", box, connector.ErrIncomplete)
}
