package graph

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// window reads the times between which a calendar is looked at; a time without
// an offset is in UTC, whatever time zone is preferred.
func window(q url.Values) (from, to time.Time, err error) {
	read := func(name string) (time.Time, error) {
		text := q.Get(name)
		if text == "" {
			return time.Time{}, refuse(http.StatusBadRequest, "ErrorInvalidParameter", "This request requires a time window specified by the query string parameters StartDateTime and EndDateTime.")
		}
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.9999999", "2006-01-02T15:04", time.DateOnly} {
			if t, err := time.Parse(layout, text); err == nil {
				return t.UTC(), nil
			}
		}
		return time.Time{}, refuse(http.StatusBadRequest, "ErrorInvalidParameter", "The value '%s' of parameter '%s' is invalid.", text, name)
	}
	if from, err = read("startDateTime"); err == nil {
		to, err = read("endDateTime")
	}
	if err == nil && to.Before(from) {
		err = refuse(http.StatusBadRequest, "ErrorInvalidParameter", "The EndDateTime must be after the StartDateTime.")
	}
	return from, to, err
}

// outlookPage are $top and $skip of lists of Outlook, which number by place:
// what goes before a page moves up into the one before.
func outlookPage(q url.Values) (top, skip int, err error) {
	top = 10
	for name, into := range map[string]*int{"$top": &top, "$skip": &skip} {
		if text := q.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || name == "$top" && (n < 1 || n > 1000) {
				return 0, 0, refuse(http.StatusBadRequest, "ErrorInvalidUrlQuery", "The value '%s' of %s is invalid.", text, name)
			}
			*into = n
		}
	}
	return top, skip, nil
}

// calendarView lists what is in a window: single events, occurrences and
// exceptions, all in full, and no masters.
func (s *System) calendarView(x *traffic.Exchange, box dataset.Row) (any, error) {
	from, to, err := window(x.Request.URL.Query())
	if err != nil {
		return nil, err
	}
	return s.outlook(x, box, "calendarView", func(l look) []map[string]any { return s.view(l, box, from, to) })
}

// view shows what is in a window, in order of begin.
func (s *System) view(l look, box dataset.Row, from, to time.Time) []map[string]any {
	type shown struct {
		at    time.Time
		event map[string]any
	}
	var list []shown
	items := s.items(key(box))
	for _, row := range items {
		if row["type"] != "seriesMaster" {
			if meets(row, from, to) {
				list = append(list, shown{moment(row, "start"), l.event(row)})
			}
			continue
		}
		for _, o := range occurrences(row, from, to) {
			if !excepted(items, row, o) {
				list = append(list, shown{o.start, l.occurrence(row, o)})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b shown) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(fmt.Sprint(a.event["id"]), fmt.Sprint(b.event["id"])))
	})
	out := make([]map[string]any, len(list))
	for i, e := range list {
		out[i] = e.event
	}
	return out
}

// excepted tells whether an exception stands for an occurrence.
func excepted(items []dataset.Row, master dataset.Row, o occurrence) bool {
	return slices.ContainsFunc(items, func(row dataset.Row) bool {
		return row["seriesMasterId"] == master["id"] && moment(row, "originalStart").Equal(o.start)
	})
}

// listEvents lists single events and masters, and no occurrences.
func (s *System) listEvents(x *traffic.Exchange, box dataset.Row) (any, error) {
	return s.outlook(x, box, "events", func(l look) []map[string]any {
		out := []map[string]any{}
		for _, row := range s.items(key(box)) {
			if row["type"] != "exception" {
				out = append(out, l.event(row))
			}
		}
		return out
	})
}

// outlook gives out a page of a list of a mailbox.
func (s *System) outlook(x *traffic.Exchange, box dataset.Row, what string, list func(look) []map[string]any) (any, error) {
	q := x.Request.URL.Query()
	if q.Has("$filter") || q.Has("$search") {
		return nil, refuse(http.StatusBadRequest, "ErrorInvalidUrlQueryFilter", "The query filter is not supported here.")
	}
	l, err := s.lookOf(preferences(x.Request), key(box))
	if err != nil {
		return nil, err
	}
	top, skip, err := outlookPage(q)
	if err != nil {
		return nil, err
	}
	all := list(l)
	if box["paging"] == "endless" || box["paging"] == "repeat" {
		skip %= max(len(all), 1)
	}
	end := min(skip+top, len(all))
	p := page{Context: metadata(x.Request, fmt.Sprintf("users('%s')/%s", x.Request.PathValue("id"), what)), Value: []map[string]any{}}
	for _, e := range all[min(skip, len(all)):end] {
		p.Value = append(p.Value, selectOf(e, q.Get("$select")))
	}
	x.Call.Rows = len(p.Value)
	switch more := len(all) > end; {
	case box["paging"] == "endless":
		q.Set("$skip", strconv.Itoa(skip))
		q.Set("$skiptoken", s.link(&round{at: s.o.Now()}))
	case box["paging"] == "repeat":
		q.Set("$skip", strconv.Itoa(skip))
	case more:
		q.Set("$skip", strconv.Itoa(end))
	default:
		return p, nil
	}
	p.Next = base(x.Request) + x.Request.URL.Path + "?" + q.Encode()
	return p, nil
}

// selectOf keeps the selected properties of an event.
func selectOf(e map[string]any, selected string) map[string]any {
	if selected == "" {
		return e
	}
	out := map[string]any{"@odata.etag": e["@odata.etag"], "id": e["id"]}
	for name := range strings.SplitSeq(selected, ",") {
		if v, ok := e[strings.TrimSpace(name)]; ok {
			out[strings.TrimSpace(name)] = v
		}
	}
	return out
}

// oneEvent shows an item, or an occurrence, by either form of its id.
func (s *System) oneEvent(x *traffic.Exchange, box dataset.Row) (any, error) {
	id := x.Request.PathValue("event")
	l, err := s.lookOf(preferences(x.Request), key(box))
	if err != nil {
		return nil, err
	}
	fits := func(immutable string, row dataset.Row) bool {
		return id == immutable || id == look{}.spell(immutable, row)
	}
	found := func(e map[string]any) map[string]any {
		e = selectOf(e, x.Request.URL.Query().Get("$select"))
		e["@odata.context"] = metadata(x.Request, fmt.Sprintf("users('%s')/events/$entity", x.Request.PathValue("id")))
		return e
	}
	for _, row := range s.items(key(box)) {
		if fits(key(row), row) {
			return found(l.event(row)), nil
		}
		if row["type"] != "seriesMaster" {
			continue
		}
		for _, o := range occurrences(row, time.Time{}, s.o.Now().AddDate(2, 0, 0)) {
			if fits(occurrenceID(key(row), o.date), row) {
				return found(l.occurrence(row, o)), nil
			}
		}
	}
	return nil, refuse(http.StatusNotFound, "ErrorItemNotFound", "The specified object was not found in the store.")
}
