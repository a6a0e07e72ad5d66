package graph

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// How long links live: those amid a list of the directory, and delta links of
// directory objects.
const (
	skipLife  = 30 * time.Minute
	deltaLife = 7 * 24 * time.Hour
)

// An entry is one row of an answer; old is what the caller knows of it.
type entry struct {
	row, old dataset.Row
	removed  string // the reason of a tombstone
	whole    bool   // never only what has changed
}

// A round is a list that is given out page by page. It is never changed once a
// link leads to it: a link may be followed twice.
type round struct {
	at         time.Time
	generation string // the switch of that name, where this is a delta link
	place      string // path and query of the first call
	selected   []string
	advanced   bool // ConsistencyLevel must be sent again
	rest       []entry
	pages      int           // given out so far
	seen       []dataset.Row // all rows as they were when the round began
	recent     []string      // keys that the round before told of
	told       []string      // keys that this round tells of
	only       map[string]bool
	view       *viewRound // of the changes of a calendar; nil: of the directory
}

// link makes a token that leads to a round.
func (s *System) link(r *round) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	if s.made%512 == 0 {
		for token, old := range s.links {
			if s.o.Now().Sub(old.at) > deltaLife+24*time.Hour {
				delete(s.links, token)
			}
		}
	}
	random := dataset.Rand(s.o.Seed+uint64(s.made), "graph link")
	token := "R0us" + base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%06d%016x", s.made, random.Uint64()))
	s.links[token] = r
	return token
}

// follow finds what a token leads to; nil: nothing any more.
func (s *System) follow(token string) *round {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.links[token]
}

// wellFormed tells whether a token could be one of this system.
func wellFormed(token string) bool {
	return regexp.MustCompile(`^R0us[A-Za-z0-9_-]{20,60}$`).MatchString(token)
}

// continued is the round that a next link of the directory leads on with.
func (s *System) continued(token string) (*round, error) {
	r := s.follow(token)
	if r == nil || s.o.Now().Sub(r.at) > skipLife {
		return nil, refuse(http.StatusBadRequest, "Directory_ExpiredPageToken", "Specified page token value has expired and can no longer be included in your request.")
	}
	return r, nil
}

// top reads $top.
func top(q url.Values, fallback, most int) (int, error) {
	text := q.Get("$top")
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, badQuery("Invalid page size specified: '%s'. Must be between 1 and %d inclusive.", text, most)
	}
	return n, nil
}

// listed gives out a page of a list of the directory.
func (s *System) listed(x *traffic.Exchange, r *round, what string, show func(entry) map[string]any) (any, error) {
	q := x.Request.URL.Query()
	size, err := top(q, 100, 999)
	if err != nil {
		return nil, err
	}
	p := page{Context: metadata(x.Request, what), Value: []map[string]any{}}
	if r.pages == 0 && q.Get("$count") == "true" {
		n := len(r.rest)
		p.Count = &n
	}
	rest := r.rest
	if !s.emptyPage(r) {
		size = min(size, len(rest))
		for _, e := range rest[:size] {
			p.Value = append(p.Value, show(e))
		}
		rest = rest[size:]
	}
	x.Call.Rows = len(p.Value)
	if len(rest) > 0 {
		next := *r
		next.rest, next.pages, next.at = rest, r.pages+1, s.o.Now()
		p.Next = base(x.Request) + r.place + "&$skiptoken=" + s.link(&next)
	}
	return p, nil
}

// emptyPage tells whether the page that is due has nothing on it.
func (s *System) emptyPage(r *round) bool { return r.pages == 1 && s.is("empty_pages") == "on" }

// place is path and query of a call as a next link repeats them.
func place(r *http.Request) string {
	q := r.URL.Query()
	q.Del("$skiptoken")
	if len(q) == 0 {
		return r.URL.Path + "?$format=json"
	}
	return r.URL.Path + "?" + q.Encode()
}
