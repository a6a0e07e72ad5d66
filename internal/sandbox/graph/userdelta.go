package graph

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// usersDelta gives out the present set, and later what has changed since.
func (s *System) usersDelta(x *traffic.Exchange) (any, error) {
	q := x.Request.URL.Query()
	var r *round
	var err error
	switch token, skip := q.Get("$deltatoken"), q.Get("$skiptoken"); {
	case skip != "":
		r, err = s.continued(skip)
	case token == "latest":
		if r, err = s.firstRound(q); err == nil {
			r.rest, r.told = nil, nil
		}
	case token != "":
		r, err = s.laterRound(x, token)
	default:
		r, err = s.firstRound(q)
	}
	if err != nil {
		return nil, err
	}
	return s.deltaPage(x, r), nil
}

func (s *System) firstRound(q url.Values) (*round, error) {
	selected, err := selection(q, append(slices.Clone(userProperties), "manager"), defaultProperties)
	if err != nil {
		return nil, err
	}
	r := &round{selected: selected, seen: s.Data.Rows("users")}
	if text := q.Get("$filter"); text != "" {
		if r.only, err = onlyIDs(text); err != nil {
			return nil, err
		}
	}
	for _, row := range slices.Backward(r.seen) {
		e := entry{row: row, whole: true}
		if !present(row) {
			e.removed = "changed"
		}
		r.add(e)
	}
	s.replay(r)
	return r, nil
}

// onlyIDs reads the one filter that delta knows.
func onlyIDs(text string) (map[string]bool, error) {
	only := map[string]bool{}
	for part := range strings.SplitSeq(text, " or ") {
		id, ok := strings.CutPrefix(strings.TrimSpace(part), "id eq '")
		id, closed := strings.CutSuffix(id, "'")
		if !ok || !closed || strings.Contains(id, "'") {
			return nil, badQuery("Unsupported query: only id eq '…' joined by or is supported as a filter of delta.")
		}
		only[strings.ToLower(id)] = true
	}
	if len(only) > 50 {
		return nil, badQuery("Unsupported query: at most 50 ids can be filtered on.")
	}
	return only, nil
}

func key(row dataset.Row) string { return dataset.Text(row["id"]) }

func (r *round) add(e entry) {
	row := e.row
	if row == nil {
		row = e.old
	}
	if r.only == nil || r.only[key(row)] {
		r.rest = append(r.rest, e)
		r.told = append(r.told, key(row))
	}
}

// laterRound is what has changed since a delta link was given out.
func (s *System) laterRound(x *traffic.Exchange, token string) (*round, error) {
	before := s.follow(token)
	switch {
	case before == nil && !wellFormed(token):
		return nil, refuse(http.StatusBadRequest, "BadRequest", "Badly formed token.")
	case before == nil || before.generation != s.is("generation") || s.o.Now().Sub(before.at) > deltaLife:
		return nil, s.expiredToken(x.Request.URL.Path, "/v1.0/users/delta?$deltatoken=")
	}
	now := s.Data.Rows("users")
	r := &round{selected: before.selected, only: before.only, seen: now, recent: before.told}
	known := make(map[string]dataset.Row, len(before.seen))
	for _, row := range before.seen {
		known[key(row)] = row
	}
	for _, row := range now {
		old := known[key(row)]
		delete(known, key(row))
		switch {
		case present(row) && !present(old):
			r.add(entry{row: row, whole: true})
		case present(row) && differs(row, old, r.selected):
			r.add(entry{row: row, old: old})
		case present(old) && !present(row):
			r.add(entry{row: row, removed: "changed"})
		}
	}
	for _, old := range before.seen {
		if known[key(old)] != nil {
			r.add(entry{old: old, removed: "deleted"})
		}
	}
	if s.is("tombstones") == "lost" {
		r.rest = slices.DeleteFunc(r.rest, func(e entry) bool { return e.removed != "" })
	}
	s.replay(r)
	return r, nil
}

// sameRow tells whether a row was not touched in between.
func sameRow(a, b dataset.Row) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// differs tells whether a selected property of two rows differs.
func differs(a, b dataset.Row, selected []string) bool {
	return !sameRow(a, b) && slices.ContainsFunc(selected, func(name string) bool { return !reflect.DeepEqual(a[name], b[name]) })
}

// replay sends rows twice: as they were and as they are, the same once more, and
// some of the round before.
func (s *System) replay(r *round) {
	if s.is("replays") != "on" {
		return
	}
	var out []entry
	for i, e := range r.rest {
		if e.removed == "" && e.old != nil && i%2 == 0 {
			out = append(out, entry{row: e.old, whole: true})
		}
		out = append(out, e)
	}
	for i, e := range r.rest {
		if i%13 == 4 || e.old != nil && i%2 == 1 {
			out = append(out, e)
		}
	}
	now := map[string]dataset.Row{}
	for _, row := range r.seen {
		now[key(row)] = row
	}
	again := 0
	for _, id := range r.recent {
		if slices.Contains(r.told, id) || again == 2 {
			continue
		}
		again++
		switch row := now[id]; {
		case present(row):
			out = append(out, entry{row: row, whole: true})
		case row != nil && s.is("tombstones") != "lost":
			out = append(out, entry{row: row, removed: "changed"})
		}
	}
	r.rest = out
}

// deltaPage gives out a page; the last one has the delta link.
func (s *System) deltaPage(x *traffic.Exchange, r *round) page {
	prefer := preferences(x.Request)
	size := 200
	if n, err := strconv.Atoi(prefer["odata.maxpagesize"]); err == nil && n > 0 {
		size = min(size, n)
	}
	partial := s.is("partial_rows") == "on" || prefer["return"] == "minimal"
	p := page{Context: metadata(x.Request, "users("+strings.Join(r.selected, ",")+")"), Value: []map[string]any{}}
	rest := r.rest
	empty := s.emptyPage(r)
	if !empty {
		size = min(size, len(rest))
		for _, e := range rest[:size] {
			p.Value = append(p.Value, e.show(r.selected, partial))
		}
		rest = rest[size:]
	}
	x.Call.Rows = len(p.Value)
	next := *r
	next.rest, next.pages, next.at = rest, r.pages+1, s.o.Now()
	link := base(x.Request) + "/v1.0/users/delta?"
	if len(rest) > 0 || !empty && len(p.Value) > 0 && s.emptyPage(&next) {
		p.Next = link + "$skiptoken=" + s.link(&next)
		return p
	}
	next.pages, next.generation = 0, s.is("generation")
	p.Delta = link + "$deltatoken=" + s.link(&next)
	return p
}

// show writes an entry: properties that were never set are absent, those that
// were cleared are null.
func (e entry) show(selected []string, partial bool) map[string]any {
	if e.removed != "" {
		row := e.row
		if row == nil {
			row = e.old
		}
		return map[string]any{"id": row["id"], "@removed": map[string]any{"reason": e.removed}}
	}
	out := map[string]any{"id": e.row["id"]}
	for _, name := range selected {
		now, before := e.row[name], e.old[name]
		same := reflect.DeepEqual(now, before)
		switch {
		case name == "manager":
			if change := managerChange(now, before); e.old == nil && now != nil || e.old != nil && !same {
				out["manager@delta"] = change
			}
		case partial && e.old != nil && same, now == nil && (before == nil || e.whole):
		default:
			out[name] = property(now)
		}
	}
	return out
}

func managerChange(now, before any) []map[string]any {
	var list []map[string]any
	if before != nil {
		list = append(list, map[string]any{"@odata.type": "#microsoft.graph.user", "id": before, "@removed": map[string]any{"reason": "deleted"}})
	}
	if now != nil {
		list = append(list, map[string]any{"@odata.type": "#microsoft.graph.user", "id": now})
	}
	return list
}

// expiredToken tells that all must be read again, in one of the forms that were
// seen; path is of the call, fresh where a Location may lead.
func (s *System) expiredToken(path, fresh string) error {
	forms := []string{"410_location", "410", "400", "resync_required", "sync_state_invalid"}
	form := s.is("expired")
	if form == "" {
		s.mu.Lock()
		form = forms[s.expired%len(forms)]
		s.expired++
		s.mu.Unlock()
	}
	const gone = "The sync state generation is not found; generation=149;[highest=157][157][155][156]."
	switch form {
	case "410_location":
		e := &refusal{status: http.StatusGone, code: "SyncStateNotFound", text: gone, header: http.Header{}}
		e.header.Set("Location", fresh)
		return e
	case "400":
		return refuse(http.StatusBadRequest, "syncStateNotFound", "The sync state generation is not found. The delta token is expired and data must be synchronized again.")
	case "resync_required":
		return refuse(http.StatusConflict, "ResyncRequired", "Resync required. Replace any local items with the server's version.")
	case "sync_state_invalid":
		return refuse(http.StatusBadRequest, "syncStateInvalid", "The sync state of %s is invalid.", path)
	}
	return refuse(http.StatusGone, "SYNCSTATENOTFOUND", gone)
}
