package graphevents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"koppel/engine/connector"
	"koppel/internal/graph"
)

const (
	// ahead is how much further than the window a link to changes looks: its
	// window stands still while that of the source moves on.
	ahead = 7 * 24 * time.Hour
	// mostDeltaPages and mostStale end rounds that never do: calendars with many
	// series are known to give the same pages for ever, each with another link
	// (github.com/microsoftgraph/msgraph-sdk-dotnet, issue 3070).
	mostDeltaPages, mostStale = 200, 10
)

// A mark is the cursor of one mailbox: a link that tells whether anything has
// changed in a window since it was read.
type mark struct {
	Link  string    `json:"link,omitempty"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Place string    `json:"place"`
	// Next is when the first meeting begins that was ahead of the window; once the
	// window reaches it, the calendar is read.
	Next time.Time `json:"next,omitzero"`
	// Plain: rounds of this mailbox do not end, so that it is read whole each time
	// until the next full read is due.
	Plain bool `json:"plain,omitempty"`
}

// markOf reads a cursor; false: it is of another tenant, or its window does not
// hold that of this read.
func (r *round) markOf(c connector.Cursor) (mark, bool) {
	var m mark
	if len(c) == 0 || json.Unmarshal(c, &m) != nil || m.Place != r.s.client.Place() {
		return mark{}, false
	}
	return m, !m.From.After(r.from) && !m.To.Before(r.to)
}

func (m mark) cursor() connector.Cursor {
	b, err := json.Marshal(m)
	if err != nil {
		return nil // texts and times always can be written
	}
	return b
}

// freshMark is one whose window is that of this read, and a while ahead.
func (r *round) freshMark() mark {
	const day = 24 * time.Hour
	return mark{From: r.from.UTC().Truncate(day), To: r.to.UTC().Add(ahead).Truncate(day).Add(day), Place: r.s.client.Place()}
}

// changes asks a mailbox whether anything has changed. What has is not taken
// from the answer, whose occurrences are stubs and which tells of a deleted
// occurrence only by leaving it out: the calendar is read whole then. The link is
// asked before, so that what changes meanwhile shows the next time.
func (r *round) changes(ctx context.Context, box string, c connector.Cursor) (next mark, same bool, err error) {
	m, ok := r.markOf(c)
	switch {
	case ok && m.Plain:
		return m, false, nil
	case ok:
		link, rows, err := r.walkDelta(ctx, graph.Question{Path: m.Link})
		if err == nil {
			m.Link = link
			reached := !m.Next.IsZero() && m.Next.Before(r.to.Add(-margin))
			return m, rows == 0 && !reached, nil
		}
		if !graph.IsResync(err) {
			return r.plainly(ctx, m, err)
		}
	}
	m = r.freshMark()
	query := url.Values{"startDateTime": {m.From.Format(time.RFC3339)}, "endDateTime": {m.To.Format(time.RFC3339)}}
	link, _, err := r.walkDelta(ctx, graph.Question{Path: "/users/" + url.PathEscape(box) + "/calendarView/delta?" + query.Encode()})
	if err != nil {
		return r.plainly(ctx, m, err)
	}
	m.Link = link
	return m, false, nil
}

// plainly gives delta queries of a mailbox up for a while when their rounds do
// not end or the server breaks down over them.
func (r *round) plainly(ctx context.Context, m mark, err error) (mark, bool, error) {
	_, status := graph.ProblemOf(err)
	if ctx.Err() != nil || !errors.Is(err, graph.ErrAstray) && status < 500 {
		return mark{}, false, err
	}
	m.Link, m.Plain = "", true
	return m, false, nil
}

// walkDelta follows a round to its end, and counts its rows.
func (r *round) walkDelta(ctx context.Context, q graph.Question) (link string, rows int, err error) {
	q.Mailbox, q.Waiting, q.Needs = true, r.waiting, graph.CalendarPermissions()
	q.Prefer = []string{`outlook.timezone="UTC"`, `IdType="ImmutableId"`, "odata.maxpagesize=200"}
	walk := r.s.client.Walk(q)
	walk.Most = mostDeltaPages
	seen := map[string]bool{}
	stale := 0
	for {
		page, err := walk.Next(ctx)
		switch {
		case err != nil:
			return "", 0, err
		case page == nil:
			return "", 0, fmt.Errorf("%w: %w: the round ended without a link to what changes after it", connector.ErrIncomplete, graph.ErrAstray)
		}
		stale++
		for _, row := range page.Rows {
			if id := graph.ID(row); !seen[id] {
				seen[id] = true
				stale = 0
			}
		}
		rows += len(page.Rows)
		switch {
		case page.Delta != "":
			return page.Delta, rows, nil
		case stale > mostStale:
			return "", 0, fmt.Errorf("%w: %w: %d pages brought nothing new", connector.ErrIncomplete, graph.ErrAstray, stale)
		}
	}
}
