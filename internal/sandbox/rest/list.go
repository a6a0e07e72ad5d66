package rest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// The sizes of pages.
const (
	usualPage = 25
	maxPage   = 1000
)

// A listing is one call for records of a collection.
type listing struct {
	x     *traffic.Exchange
	def   dataset.Def
	style string
	query url.Values
	rows  []dataset.Row // all that fit, by key
}

// list answers a collection, by the paging of its style:
//
//	cursor    ?after&limit    {"data":[],"meta":{"next":"…"}}
//	page      ?page&size      {"items":[],"page":1,"pages":2,"total":30}, from 1
//	offset    ?offset&limit   {"rows":[],"total":30}
//	link      ?page&size      [], and the header Link with rel="next"
//	next_url  ?page&size      {"items":[],"next":"https://…"}
//	all                       []
//
// ?next=relative, foreign or same spoils the next link: a path without a host,
// another host, the same page for ever.
func (s *System) list(x *traffic.Exchange) {
	l, ok := s.listing(x, x.Request.URL.Query())
	if !ok {
		return
	}
	if l.style = x.Request.PathValue("style"); l.style == "" {
		l.style = collections()[l.def.Name].style
	}
	l.answer()
}

// search is a list whose parameters come as JSON, filters apart:
// {"filter":{"status":"open"},"updated_since":"…","after":"…","limit":10}.
func (s *System) search(x *traffic.Exchange) {
	var body struct {
		Filter       map[string]string `json:"filter"`
		UpdatedSince string            `json:"updated_since"`
		After        string            `json:"after"`
		Limit        int               `json:"limit"`
	}
	if err := json.Unmarshal(x.Body, &body); err != nil {
		fail(x, http.StatusBadRequest, "bad_request", "the body is no search")
		return
	}
	q := url.Values{}
	for name, value := range body.Filter {
		q.Set(name, value)
	}
	for name, value := range map[string]string{"updated_since": body.UpdatedSince, "after": body.After} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if body.Limit > 0 {
		q.Set("limit", strconv.Itoa(body.Limit))
	}
	if l, ok := s.listing(x, q); ok {
		l.style = "cursor"
		l.answer()
	}
}

// listing finds the records that fit; false: the call was refused.
func (s *System) listing(x *traffic.Exchange, q url.Values) (*listing, bool) {
	def, ok := s.Data.Def(x.Request.PathValue("collection"))
	if !ok {
		fail(x, http.StatusNotFound, "not_found", "there is no such collection")
		return nil, false
	}
	l := &listing{x: x, def: def, query: q}
	var since time.Time
	if text := q.Get("updated_since"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			fail(x, http.StatusBadRequest, "bad_request", "updated_since is no date and time with a zone")
			return nil, false
		}
	}
	for _, row := range s.Data.Rows(def.Name) {
		if changed, _ := row[def.Modified].(time.Time); !changed.Before(since) && fits(def, row, q) {
			l.rows = append(l.rows, row)
		}
	}
	slices.SortStableFunc(l.rows, func(a, b dataset.Row) int { return dataset.Compare(a["id"], b["id"]) })
	return l, true
}

// fits tells whether a row has the values that the query names by column.
func fits(def dataset.Def, row dataset.Row, q url.Values) bool {
	for _, c := range def.Columns {
		if q.Has(c.Name) && dataset.Text(row[c.Name]) != q.Get(c.Name) {
			return false
		}
	}
	return true
}

// number reads a parameter; what is no number is the usual one.
func (l *listing) number(name string, usual int) int {
	if n, err := strconv.Atoi(l.query.Get(name)); err == nil && n >= 0 {
		return n
	}
	return usual
}

func (l *listing) answer() {
	switch l.style {
	case "cursor":
		l.byCursor()
	case "page", "link", "next_url":
		l.byPage()
	case "offset":
		limit := min(cmp.Or(l.number("limit", usualPage), usualPage), maxPage)
		l.send(map[string]any{"rows": l.records(l.number("offset", 0), limit), "total": len(l.rows)})
	case "all":
		l.send(l.records(0, len(l.rows)))
	default:
		fail(l.x, http.StatusNotFound, "not_found", "there is no paging "+l.style)
	}
}

func (l *listing) byCursor() {
	limit, from := min(cmp.Or(l.number("limit", usualPage), usualPage), maxPage), 0
	if text := l.query.Get("after"); text != "" {
		key, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			fail(l.x, http.StatusBadRequest, "bad_cursor", "the cursor is not one of this collection")
			return
		}
		for from < len(l.rows) && !past(l.rows[from]["id"], string(key)) {
			from++
		}
	}
	var next any
	if end := from + limit; end < len(l.rows) {
		next = base64.RawURLEncoding.EncodeToString([]byte(dataset.Text(l.rows[end-1]["id"])))
		if l.query.Get("next") == "same" && l.query.Get("after") != "" {
			next = l.query.Get("after")
		}
	}
	l.send(map[string]any{"data": l.records(from, limit), "meta": map[string]any{"next": next}})
}

// past tells whether an id comes after that of a cursor.
func past(id any, key string) bool {
	if n, ok := id.(int64); ok {
		last, err := strconv.ParseInt(key, 10, 64)
		return err == nil && n > last
	}
	return dataset.Text(id) > key
}

func (l *listing) byPage() {
	size, page := min(cmp.Or(l.number("size", usualPage), usualPage), maxPage), max(l.number("page", 1), 1)
	records := l.records((page-1)*size, size)
	next := ""
	if page*size < len(l.rows) {
		next = l.link(page + 1)
	}
	switch l.style {
	case "link":
		if next != "" {
			l.x.Header().Add("Link", fmt.Sprintf(`<%s>; rel="next", <%s>; rel="first"`, next, l.link(1)))
		}
		l.send(records)
	case "next_url":
		body := map[string]any{"items": records, "next": nil}
		if next != "" {
			body["next"] = next
		}
		l.send(body)
	default:
		l.send(map[string]any{"items": records, "page": page, "pages": (len(l.rows) + size - 1) / size, "total": len(l.rows)})
	}
}

// link is the address of another page, spoilt as the query asks.
func (l *listing) link(page int) string {
	u := url.URL{Scheme: "http", Host: l.x.Request.Host, Path: l.x.Request.URL.Path}
	q := l.x.Request.URL.Query()
	switch q.Get("next") {
	case "relative":
		u.Scheme, u.Host = "", ""
	case "foreign":
		u.Host = elsewhere(l.x.Request)
	case "same":
		page = max(page-1, 1)
	}
	q.Set("page", strconv.Itoa(page))
	q.Del("api_key")
	u.RawQuery = q.Encode()
	return u.String()
}

func (l *listing) records(from, count int) []json.RawMessage {
	list := []json.RawMessage{}
	for _, row := range l.rows[min(from, len(l.rows)):min(from+count, len(l.rows))] {
		list = append(list, encode(l.def, row))
	}
	l.x.Call.Rows = len(list)
	return list
}

// send answers with a body and its entity tag; nothing new is 304.
func (l *listing) send(body any) {
	tagged(l.x, http.StatusOK, plain(body))
}

func tagged(x *traffic.Exchange, status int, body json.RawMessage) {
	tag := tagOf(body)
	x.Header().Set("ETag", tag)
	if status == http.StatusOK && x.Request.Method == http.MethodGet && x.Request.Header.Get("If-None-Match") == tag {
		x.Call.Rows = 0
		x.WriteHeader(http.StatusNotModified)
		return
	}
	x.JSON(status, body)
}

func tagOf(body []byte) string {
	h := fnv.New64a()
	_, _ = h.Write(body) // never fails
	return fmt.Sprintf(`"%016x"`, h.Sum64())
}
