package http_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/internal/httpclient"
	source "koppel/sources/http"
)

// size is how many records a page of the shop has.
const size = 10

// jq is a plain path, the only programs that these tests need.
type jq string

func (p jq) Source() string { return string(p) }

func (p jq) Plain() (path []string, each, ok bool) {
	text, each := strings.CutSuffix(string(p), "[]")
	for name := range strings.SplitSeq(strings.Trim(text, "."), ".") {
		if name != "" {
			path = append(path, name)
		}
	}
	return path, each, true
}

func (p jq) Run(_ context.Context, input any) ([]any, error) {
	path, each, _ := p.Plain()
	for _, name := range path {
		m, _ := input.(map[string]any)
		input = m[name]
	}
	if !each {
		return []any{input}, nil
	}
	list, _ := input.([]any)
	return list, nil
}

// slow is a program that must be run.
type slow struct{ jq jq }

func (p slow) Source() string                                    { return p.jq.Source() }
func (p slow) Run(ctx context.Context, input any) ([]any, error) { return p.jq.Run(ctx, input) }

// A shop answers with pages of records, in each way of paging.
type shop struct {
	records []string
	most    int                              // records in a page, whatever is asked for
	change  func(asked int, s *shop)         // before each answer
	answer  func(w http.ResponseWriter) bool // true: it has answered
	mu      sync.Mutex
	asked   int
	log     []string
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked++; s.asked > 2000 {
		w.WriteHeader(http.StatusTeapot) // a read without end ends here
		return
	}
	if s.change != nil {
		s.change(s.asked, s)
	}
	s.log = append(s.log, r.Method+" "+r.URL.RequestURI())
	w.Header().Set("Content-Type", "application/json")
	if s.answer != nil && s.answer(w) {
		return
	}
	number := func(name string, otherwise int) int {
		n, err := strconv.Atoi(r.FormValue(name))
		if err != nil {
			return otherwise
		}
		return n
	}
	most := min(number("size", size), s.most)
	from := number("offset", (number("page", 1)-1)*most)
	if c := r.FormValue("after"); c != "" {
		from = number("after", 0) - 1000
	}
	from = min(from, len(s.records))
	to := min(from+most, len(s.records))
	answer := map[string]any{"data": raw(s.records[from:to]), "count": len(s.records), "more": to < len(s.records)}
	if to < len(s.records) {
		answer["next"] = strconv.Itoa(1000 + to)
		answer["nextURL"] = "http://" + r.Host + "/people?after=" + strconv.Itoa(1000+to)
		w.Header().Add("Link", fmt.Sprintf(`</people?x=1>; rel="prev", <?page=%d&size=%d>; rel="last next"`, number("page", 1)+1, most))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(answer); err != nil {
		panic(err)
	}
}

func raw(records []string) []json.RawMessage {
	list := make([]json.RawMessage, len(records))
	for i, r := range records {
		list[i] = json.RawMessage(r)
	}
	return list
}

// serve starts a shop and gives a source of it.
func serve(t testing.TB, s *shop) *source.Config {
	t.Helper()
	if s.most == 0 {
		s.most = size
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	shared := httpclient.Defaults()
	shared.Retry = &httpclient.Retry{Attempts: 3, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	c := source.Kind().Config().(*source.Config)
	c.Connection = connector.Connection{
		Address: "connection.http.shop", Kind: "http",
		Config: &httpclient.HTTPConfig{URL: server.URL, Auth: &httpclient.Auth{Kind: "bearer", Token: "canary-token"}, Config: shared},
	}
	c.Path = connectortest.Text("/people")
	c.Records = jq(".data[]")
	return c
}

// paginations are the ways of paging that the shop knows.
func paginations() map[string]*source.Pagination {
	return map[string]*source.Pagination{
		"page":               {Kind: "page", Param: "page"},
		"page, size":         {Kind: "page", Param: "page", SizeParam: "size", Size: size},
		"page, size too big": {Kind: "page", Param: "page", SizeParam: "size", Size: 5 * size},
		"page, total":        {Kind: "page", Param: "page", Total: jq(".count")},
		"page, more":         {Kind: "page", Param: "page", More: slow{".more"}},
		"offset":             {Kind: "offset", Param: "offset"},
		"offset, size":       {Kind: "offset", Param: "offset", SizeParam: "size", Size: size},
		"offset, too big":    {Kind: "offset", Param: "offset", SizeParam: "size", Size: 5 * size},
		"offset, total":      {Kind: "offset", Param: "offset", Total: slow{".count"}},
		"offset, more":       {Kind: "offset", Param: "offset", More: jq(".more")},
		"cursor":             {Kind: "cursor", Param: "after", Value: jq(".next")},
		"cursor, program":    {Kind: "cursor", Param: "after", Value: slow{".next"}, Total: jq(".count"), More: jq(".more")},
		"link":               {Kind: "link"},
		"next URL":           {Kind: "next_url", Value: jq(".nextURL")},
	}
}

func TestConformance(t *testing.T) {
	for name, p := range paginations() {
		t.Run(name, func(t *testing.T) {
			connectortest.Source(t, connectortest.SourceSuite{
				Kind: source.Kind(),
				Page: size,
				Setup: func(t testing.TB, records []string) connectortest.Origin {
					c := serve(t, &shop{records: records})
					c.Pagination = p
					if name == "cursor, program" {
						c.Records = slow{".data[]"}
					}
					return connectortest.Origin{Config: c}
				},
				Wrong: []connectortest.Wrong{
					{Name: "body of GET", Change: func(c any) { c.(*source.Config).Body = jq(".") }, Want: "body belongs to method POST"},
					{Name: "text for a program", Change: func(c any) { c.(*source.Config).Records = textBody{".data[]"} }, Want: `records is a text, not a program`},
					{Name: "no connection", Change: func(c any) { c.(*source.Config).Connection = connector.Connection{} }, Want: "connection is missing"},
					{Name: "unknown name", Change: func(c any) { c.(*source.Config).Path = connectortest.Text("/people/{src.id}") }, Want: "path"},
					{Name: "cursor without incremental", Change: func(c any) {
						c.(*source.Config).Pagination = nil
						c.(*source.Config).Path = connectortest.Text("/people/{cursor}")
					}, Want: "{cursor}"},
				},
			})
		})
	}
}
