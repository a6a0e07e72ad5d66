package graph

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// A block is what must stand on one page: an item, a tombstone, or a series with
// all that is left of it in the window.
type block []map[string]any

// viewDelta tells what is in a window, and later what has changed in it. The
// window of the first call stays that of all later ones.
func (s *System) viewDelta(x *traffic.Exchange, box dataset.Row) (any, error) {
	q := x.Request.URL.Query()
	for _, name := range []string{"$select", "$filter", "$expand", "$orderby", "$search"} {
		if q.Has(name) {
			return nil, refuse(http.StatusBadRequest, "ErrorInvalidUrlQuery", "The following parameters are not supported with change tracking over the 'CalendarView' resource: '$orderby, $filter, $select, $expand, $search'.")
		}
	}
	l, err := s.lookOf(preferences(x.Request), key(box))
	if err != nil {
		return nil, err
	}
	token := q.Get("$skiptoken")
	if token == "" {
		token = q.Get("$deltatoken")
	}
	v := &viewRound{}
	if token == "" {
		if v.from, v.to, err = window(q); err != nil {
			return nil, err
		}
		v.now, v.first = s.items(key(box)), true
	} else if v, err = s.laterView(x, box, token); err != nil {
		return nil, err
	}
	return s.viewPage(x, box, l, v), nil
}

// A viewRound is a round of changes of one mailbox.
type viewRound struct {
	from, to  time.Time
	first     bool
	old, now  []dataset.Row
	done      int // blocks given out so far
	delivered bool
}

// views are kept in the rounds that their links lead to.
func (v *viewRound) keep(s *System, box dataset.Row) *round {
	copied := *v
	return &round{at: s.o.Now(), generation: s.is("generation"), place: key(box), seen: v.now, view: &copied}
}

func (s *System) laterView(x *traffic.Exchange, box dataset.Row, token string) (*viewRound, error) {
	r := s.follow(token)
	switch {
	case r == nil && !wellFormed(token):
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidUrlQuery", "Badly formed token.")
	case r == nil || r.view == nil || r.place != key(box) || r.generation != s.is("generation"):
		return nil, s.expiredToken(x.Request.URL.Path, base(x.Request)+x.Request.URL.Path+"?$deltatoken=")
	}
	v := *r.view
	if v.delivered {
		v = viewRound{from: v.from, to: v.to, old: v.now, now: s.items(key(box))}
	}
	return &v, nil
}

// viewPage gives out the next blocks. A series of more rows than a page takes is
// never got past: the same page comes again and again, each time with another
// link.
func (s *System) viewPage(x *traffic.Exchange, box dataset.Row, l look, v *viewRound) page {
	size := 10
	if n, err := strconv.Atoi(preferences(x.Request)["odata.maxpagesize"]); err == nil && n > 0 {
		size = n
	}
	p := page{Context: metadata(x.Request, "Collection(event)"), Value: []map[string]any{}}
	blocks := v.blocks(l, box["tombstones"] == "lost")
	i, stuck := v.done, box["paging"] == "endless"
	for ; i < len(blocks) && !stuck; i++ {
		if len(blocks[i]) > size {
			stuck = true
		}
		if len(p.Value) > 0 && len(p.Value)+len(blocks[i]) > size {
			stuck = false
			break
		}
		p.Value = append(p.Value, blocks[i]...)
	}
	if stuck && len(p.Value) == 0 {
		for _, b := range blocks {
			p.Value = append(p.Value, b...)
		}
	}
	if stuck {
		p.Value = p.Value[:min(size, len(p.Value))]
		i = v.done
	}
	x.Call.Rows = len(p.Value)
	next := *v
	next.done = i
	next.delivered = !stuck && i == len(blocks)
	link := base(x.Request) + x.Request.URL.Path + "?"
	if next.delivered {
		p.Delta = link + "$deltatoken=" + s.link(next.keep(s, box))
	} else {
		p.Next = link + "$skiptoken=" + s.link(next.keep(s, box))
	}
	return p
}

// blocks are all that a round tells.
func (v *viewRound) blocks(l look, lost bool) []block {
	var list []block
	old := map[string]dataset.Row{}
	for _, row := range v.old {
		old[key(row)] = row
	}
	series := func(id string) bool { // a row of the series was changed, made or deleted
		if v.first {
			return true
		}
		of := func(row dataset.Row) bool { return row["id"] == id || row["seriesMasterId"] == id }
		left := 0
		for _, row := range v.now {
			if of(row) {
				if was := old[key(row)]; was == nil || !sameRow(was, row) {
					return true
				}
				left++
			}
		}
		for _, row := range v.old {
			if of(row) {
				left--
			}
		}
		return left != 0
	}
	now := map[string]bool{}
	for _, row := range v.now {
		now[key(row)] = true
		was := old[key(row)]
		changed := v.first || was == nil || !sameRow(was, row)
		switch {
		case row["type"] == "seriesMaster":
			if series(key(row)) {
				list = append(list, v.series(l, row))
			}
		case row["type"] == "exception" || !changed:
		case meets(row, v.from, v.to):
			list = append(list, block{asItem(l.event(row))})
			if was != nil && l.id(was) != l.id(row) { // it was moved
				list = append(list, tombstone(l, was))
			}
		case !v.first:
			list = append(list, tombstone(l, row))
		}
	}
	for _, row := range v.old {
		if !now[key(row)] && row["type"] != "exception" {
			list = append(list, tombstone(l, row))
		}
	}
	return slices.DeleteFunc(list, func(b block) bool { return len(b) == 0 || lost && b[0]["@removed"] != nil })
}

// series is a master, as of its first occurrence, with stubs for its occurrences
// in the window and its exceptions in full; nothing of a series that has none.
func (v *viewRound) series(l look, master dataset.Row) block {
	b := block{asItem(l.event(master))}
	for _, o := range occurrences(master, v.from, v.to) {
		if !excepted(v.now, master, o) {
			b = append(b, l.stub(master, o))
		}
	}
	for _, row := range v.now {
		if row["seriesMasterId"] == master["id"] && meets(row, v.from, v.to) {
			b = append(b, asItem(l.event(row)))
		}
	}
	if len(b) == 1 && v.first {
		return nil
	}
	return b
}

// asItem says what an item is, which lists that are no delta leave out.
func asItem(e map[string]any) map[string]any {
	e["@odata.type"] = "#microsoft.graph.event"
	return e
}

func tombstone(l look, row dataset.Row) block {
	return block{{"@odata.type": "#microsoft.graph.event", "id": l.id(row), "@removed": map[string]any{"reason": "deleted"}}}
}
