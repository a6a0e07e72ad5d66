package http_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	source "koppel/sources/http"
)

// read opens a source and reads it; cursor is what an earlier read left.
func read(t testing.TB, c *source.Config, env connector.Env, cursor string) (*connectortest.Recorder, error) {
	t.Helper()
	connection := c.Connection
	if connection.Get == nil {
		opened, err := httpclient.Kind().Open(t.Context(), connection.Config, connector.Env{Block: "connection.http.shop (main.hcl:1)"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { opened.(*httpclient.Client).Close() })
		connection.Get = func(context.Context) (any, error) { return opened, nil }
	}
	own := *c
	own.Connection = connection
	if env.Now == nil {
		env.Now = func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
	}
	s, err := source.Kind().Open(t.Context(), &own, env)
	if err != nil {
		return nil, err
	}
	rec := &connectortest.Recorder{}
	if cursor != "" {
		rec.Cursors = map[string]connector.Cursor{"": connector.Cursor(cursor)}
	}
	err = s.Read(t.Context(), rec)
	if len(rec.Breaches) > 0 {
		t.Errorf("the contract is broken: %v", rec.Breaches)
	}
	return rec, err
}

func people(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`{"id":"p%03d","at":"2026-02-01T10:%02d:00Z"}`, i, i%60)
	}
	return list
}

func ids(rec *connectortest.Recorder) []string {
	var list []string
	for _, r := range rec.All() {
		id, _ := record.Text(record.Member(r, "id"))
		list = append(list, id)
	}
	return list
}

// Rows that come and go while the pages are read hide no other one: the read
// shows the whole of one moment, or is not complete.
func TestRowsMoveWhilePagesAreRead(t *testing.T) {
	type change func(s *shop)
	remove := func(i int) change {
		return func(s *shop) { s.records = slices.Delete(slices.Clone(s.records), i, i+1) }
	}
	add := func(i int) change {
		return func(s *shop) { s.records = slices.Insert(slices.Clone(s.records), i, `{"id":"new"}`) }
	}
	for name, p := range paginations() {
		if p.Kind == "cursor" || p.Kind == "next_url" {
			continue // the cursors of this shop are numbers in disguise, which nobody can see
		}
		for _, change := range []change{remove(0), remove(9), remove(19), add(0), add(9)} {
			for at := 2; at <= 9; at++ {
				s := &shop{records: people(35), change: func(asked int, s *shop) {
					if asked == at {
						change(s)
					}
				}}
				c := serve(t, s)
				c.Pagination = p
				rec, err := read(t, c, connector.Env{}, "")
				if err != nil {
					t.Fatal(err)
				}
				got := ids(rec)
				slices.Sort(got)
				now := make([]string, len(s.records))
				for i, r := range s.records {
					now[i], _ = record.Text(record.Member([]byte(r), "id"))
				}
				slices.Sort(now)
				missing := slices.ContainsFunc(now, func(id string) bool { return id != "new" && !slices.Contains(got, id) })
				if twice := len(slices.Compact(slices.Clone(got))) != len(got); rec.Complete() && (missing || twice) {
					t.Errorf("%s: changed before answer %d: complete, with %v of %v", name, at, got, now)
				}
				if !rec.Complete() {
					t.Errorf("%s: changed before answer %d: one change makes the read incomplete: %v", name, at, rec.Errs())
				}
			}
		}
	}
}

// A system that does not sort its records is never read wholly.
func TestRandomOrderIsIncomplete(t *testing.T) {
	for name, p := range paginations() {
		if p.Kind == "cursor" || p.Kind == "next_url" {
			continue
		}
		c := serve(t, &shop{records: people(35), change: func(asked int, s *shop) {
			s.records = append(slices.Clone(s.records[6:]), s.records[:6]...)
		}})
		c.Pagination = p
		rec, err := read(t, c, connector.Env{}, "")
		if err != nil || rec.Complete() || !errors.Is(rec.Errs()[0], connector.ErrIncomplete) && !strings.Contains(rec.Errs()[0].Error(), "repeat themselves") {
			t.Errorf("%s: %v, %v", name, err, rec.Errs())
		}
	}
}

func TestEndlessPagesEnd(t *testing.T) {
	n := 0
	tests := map[string]struct {
		p      *source.Pagination
		answer func(w http.ResponseWriter) bool
	}{
		"same cursor": {&source.Pagination{Kind: "cursor", Param: "after", Value: jq(".next")}, func(w http.ResponseWriter) bool {
			n++
			fmt.Fprintf(w, `{"data":[{"id":%d}],"next":"a"}`, n)
			return true
		}},
		"same records": {&source.Pagination{Kind: "cursor", Param: "after", Value: jq(".next")}, func(w http.ResponseWriter) bool {
			n++
			fmt.Fprintf(w, `{"data":[{"id":1}],"next":"c%d"}`, n)
			return true
		}},
		"same page":     {&source.Pagination{Kind: "page", Param: "page"}, func(w http.ResponseWriter) bool { io.WriteString(w, `{"data":[{"id":1},{"id":2}]}`); return true }},
		"same offset":   {&source.Pagination{Kind: "offset", Param: "offset"}, func(w http.ResponseWriter) bool { io.WriteString(w, `{"data":[{"id":1},{"id":2}]}`); return true }},
		"one at a time": {&source.Pagination{Kind: "offset", Param: "offset"}, func(w http.ResponseWriter) bool { n++; fmt.Fprintf(w, `{"data":[{"id":%d}]}`, n); return true }},
		"same link": {&source.Pagination{Kind: "link"}, func(w http.ResponseWriter) bool {
			n++
			w.Header().Set("Link", `</people?c=1>;rel=next`)
			fmt.Fprintf(w, `{"data":[{"id":%d}]}`, n)
			return true
		}},
		"other host": {&source.Pagination{Kind: "next_url", Value: jq(".next")}, func(w http.ResponseWriter) bool {
			io.WriteString(w, `{"data":[{"id":1}],"next":"https://elsewhere.example/people"}`)
			return true
		}},
		"other scheme": {&source.Pagination{Kind: "next_url", Value: jq(".next")}, func(w http.ResponseWriter) bool {
			n++
			fmt.Fprintf(w, `{"data":[{"id":%d}],"next":%s}`, n, []string{`"file:///etc/people"`, "null"}[(n-1)%2])
			return true
		}},
		"other port": {&source.Pagination{Kind: "link"}, func(w http.ResponseWriter) bool {
			w.Header().Set("Link", `<http://127.0.0.1:1/people>; rel=next`)
			io.WriteString(w, `{"data":[{"id":1}]}`)
			return true
		}},
		"no total":      {&source.Pagination{Kind: "page", Param: "page", Total: jq(".none")}, func(w http.ResponseWriter) bool { io.WriteString(w, `{"data":[]}`); return true }},
		"null for more": {&source.Pagination{Kind: "page", Param: "page", More: jq(".none")}, func(w http.ResponseWriter) bool { io.WriteString(w, `{"data":[]}`); return true }},
		"more, where":   {&source.Pagination{Kind: "cursor", Param: "after", Value: jq(".next"), More: jq(".more")}, func(w http.ResponseWriter) bool { io.WriteString(w, `{"data":[],"more":true}`); return true }},
		"wrong total":   {&source.Pagination{Kind: "none", Total: jq(".n")}, func(w http.ResponseWriter) bool { io.WriteString(w, `{"data":[{"id":1}],"n":2}`); return true }},
	}
	for name, test := range tests {
		s := &shop{answer: test.answer}
		c := serve(t, s)
		c.Pagination = test.p
		rec, err := read(t, c, connector.Env{}, "")
		if err != nil || rec.Complete() || len(rec.Errs()) != 1 || s.asked > 10 {
			t.Errorf("%s: after %d requests: %v %v", name, s.asked, err, rec.Errs())
		}
	}
}

func TestAnswersThatAreNoRecords(t *testing.T) {
	tests := map[string]string{
		`{"data":null}`:                       "records: there is no list at .data[], but null",
		`{}`:                                  "but absent",
		`{"data":[{"id":1},2]}`:               "record 2 is not an object but of kind number",
		`{"data":[{"id":1}],"data":[]}`:       "no valid JSON",
		`{"data":[{"id":1}]`:                  "JSON does not end",
		`{"data":[{"id":1}}`:                  "no valid JSON",
		`{"data":[],"error":"quota"}`:         "the answer says that something failed: quota",
		`{"errors":[{"message":"no such"}]}`:  "something failed: no such",
		`{"data":[],"success":false}`:         "something failed",
		`{"ok":false,"error":"invalid_auth"}`: "invalid_auth",
		`<html><title>Sign in</title></html>`: "web page (Sign in)",
		`[]`:                                  "but absent",
	}
	for body, want := range tests {
		c := serve(t, &shop{answer: func(w http.ResponseWriter) bool { io.WriteString(w, body); return true }})
		rec, err := read(t, c, connector.Env{}, "")
		if err != nil || rec.Complete() || !strings.Contains(fmt.Sprint(rec.Errs()), want) {
			t.Errorf("%s: %v, without %q", body, rec.Errs(), want)
		}
	}
	fine := map[string]int{`{"data":[],"error":null,"errors":[],"success":true}`: 0, `{"data":[{"id":1,"error":"x"}]}`: 1, ` {"data" : [ {"id":1} , {} ] } `: 2}
	for body, n := range fine {
		c := serve(t, &shop{answer: func(w http.ResponseWriter) bool { io.WriteString(w, body); return true }})
		if rec, err := read(t, c, connector.Env{}, ""); err != nil || !rec.Complete() || len(rec.All()) != n {
			t.Errorf("%s: %v %v", body, err, rec.Errs())
		}
	}
}

// An answer that says that it is not all there is proves nothing.
func TestAnswersThatAreNotAll(t *testing.T) {
	none := &source.Pagination{Kind: "none"}
	numbered := &source.Pagination{Kind: "page", Param: "page", Total: jq(".count")}
	tests := []struct {
		name       string
		status     int
		link, body string
		pagination *source.Pagination
		want       string // empty: complete
	}{
		{"accepted", 202, "", `{"data":[]}`, nil, "202 Accepted"},
		{"partial", 206, "", `{"data":[{"id":1}]}`, nil, "206 Partial Content"},
		{"partial, one page", 206, "", `{"data":[{"id":1}]}`, none, "206 Partial Content"},
		{"partial, by pages", 206, "", `{"data":[{"id":1}],"count":1}`, numbered, ""},
		{"a link", 200, `</people?page=2>; rel="next"`, `{"data":[{"id":1}]}`, nil, "next page in its header Link"},
		{"a link, one page", 200, `</people?page=2>; rel="next"`, `{"data":[{"id":1}]}`, none, ""},
		{"a link elsewhere", 200, `</people?page=1>; rel="first"`, `{"data":[{"id":1}]}`, nil, ""},
		{"OData", 200, "", `{"data":[{"id":1}],"@odata.nextLink":"https://x.example/next"}`, nil, "next page in @odata.nextLink"},
		{"OData, the last", 200, "", `{"data":[{"id":1}],"@odata.nextLink":null}`, nil, ""},
	}
	for _, test := range tests {
		c := serve(t, &shop{answer: func(w http.ResponseWriter) bool {
			if test.link != "" {
				w.Header().Set("Link", test.link)
			}
			w.WriteHeader(test.status)
			io.WriteString(w, test.body)
			return true
		}})
		c.Pagination = test.pagination
		rec, err := read(t, c, connector.Env{}, "")
		if err != nil || rec.Complete() != (test.want == "") || !strings.Contains(fmt.Sprint(rec.Errs()), test.want) {
			t.Errorf("%s: %v %v, without %q", test.name, err, rec.Errs(), test.want)
		}
	}
}

// What the request holds, and what the read says that it covers.
func TestRequests(t *testing.T) {
	window := func() (string, string) { return "2026-01-01T00:00:00Z", "" }
	start := 0
	inc := &source.Incremental{Incremental: connector.Incremental{Cursor: []string{"at"}, Overlap: connector.Duration(time.Hour)}}
	incParam := *inc
	incParam.Param = "since"
	text := func(s string) connectortest.Text { return connectortest.Text(s) }
	tests := []struct {
		name   string
		change func(c *source.Config)
		cursor string
		window func() (string, string)
		want   []string
		next   string
		mode   connector.Mode
		covers connector.Interval
	}{
		{name: "plain", change: func(*source.Config) {}, want: []string{"GET /people"}},
		{name: "templates", change: func(c *source.Config) {
			c.Path = text("/on/{today}/{from}")
			c.Query = map[string]connector.Template{"from": text("{from}"), "to": text("{to}"), "filter": text("at < {to} & x")}
		}, window: window, want: []string{"GET /on/2026-03-01/2026-01-01T00:00:00Z?filter=at+%3C+9999-12-31T23%3A59%3A59Z+%26+x&from=2026-01-01T00%3A00%3A00Z"}},
		{name: "first incremental", change: func(c *source.Config) { c.Incremental = &incParam }, want: []string{"GET /people"}, next: `["2026-02-01T10:02:00Z"]`, mode: connector.WholeDelta},
		{name: "next incremental", change: func(c *source.Config) { c.Incremental = &incParam }, cursor: `["2026-02-01T10:30:00.5Z"]`,
			want: []string{"GET /people?since=2026-02-01T09%3A30%3A00.5Z"}, next: `["2026-02-01T10:30:00.5Z"]`, mode: connector.WholeDelta},
		{name: "cursor of a number", change: func(c *source.Config) { c.Incremental = &incParam }, cursor: `[1770000000]`,
			want: []string{"GET /people?since=1769996400"}, next: `["2026-02-01T10:02:00Z"]`, mode: connector.WholeDelta},
		{name: "cursor that can't be read", change: func(c *source.Config) { c.Incremental = &incParam }, cursor: `[1,2]`,
			want: []string{"GET /people"}, next: `["2026-02-01T10:02:00Z"]`},
		{name: "cursor in a template", change: func(c *source.Config) {
			c.Incremental = inc
			c.Query = map[string]connector.Template{"q": text("at > {cursor}"), "s": text("{cursor}")}
		}, want: []string{"GET /people?q=at+%3E+1970-01-01T00%3A00%3A00Z"}, next: `["2026-02-01T10:02:00Z"]`, mode: connector.WholeDelta},
		{name: "page in the path", change: func(c *source.Config) {
			c.Path, c.Pagination = text("/people/{page}"), &source.Pagination{Kind: "page", Start: &start, Total: jq(".count")}
		}, want: []string{"GET /people/0"}},
		{name: "empty cursor", change: func(c *source.Config) {
			c.Query = map[string]connector.Template{"after": text("{cursor}")}
			c.Pagination = &source.Pagination{Kind: "cursor", Value: jq(".next"), SizeParam: "size", Size: 2}
		}, want: []string{"GET /people?size=2", "GET /people?after=1002&size=2"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := &shop{records: people(3)}
			c := serve(t, s)
			test.change(c)
			rec, err := read(t, c, connector.Env{Window: test.window}, test.cursor)
			if err != nil || !rec.Complete() {
				t.Fatalf("%v %v", err, rec.Errs())
			}
			if diff := cmp.Diff(test.want, s.log); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if p := rec.ByName[""]; string(p.Next) != test.next || p.Mode != test.mode {
				t.Errorf("the next cursor is %s, the mode %v", p.Next, p.Mode)
			}
		})
	}
}

// A cursor that the system has forgotten makes it a full read.
func TestExpiredCursor(t *testing.T) {
	s := &shop{records: people(3)}
	c := serve(t, s)
	c.Incremental = &source.Incremental{Incremental: connector.Incremental{Cursor: []string{"at"}}, Param: "since"}
	s.answer = func(w http.ResponseWriter) bool {
		if s.asked == 1 {
			w.WriteHeader(http.StatusGone)
		}
		return s.asked == 1
	}
	rec, err := read(t, c, connector.Env{}, `["2026-01-01"]`)
	if err != nil || !rec.Complete() || rec.ByName[""].Mode != connector.Full || !slices.Equal(s.log, []string{"GET /people?since=2026-01-01", "GET /people"}) {
		t.Errorf("%v %v: %+v", err, s.log, rec.ByName[""])
	}
}

func TestCursorOfNoRecord(t *testing.T) {
	c := serve(t, &shop{records: people(3)})
	c.Incremental = &source.Incremental{Incremental: connector.Incremental{Cursor: []string{"at", "changed"}}, Param: "since"}
	rec, err := read(t, c, connector.Env{}, "")
	if err != nil || rec.Complete() || !strings.Contains(fmt.Sprint(rec.Errs()), `no record has the field "changed"`) {
		t.Errorf("%v %v", err, rec.Errs())
	}
}

// object makes an object of what the request knows.
type object struct{}

func (object) Source() string { return "{page, size, cursor}" }
func (object) Run(_ context.Context, input any) ([]any, error) {
	m := input.(map[string]any)
	return []any{map[string]any{"page": m["page"], "size": m["size"], "cursor": m["cursor"], "to": m["to"]}}, nil
}

// textBody is a text in the place of a program.
type textBody struct{ connectortest.Text }

func (t textBody) Run(context.Context, any) ([]any, error) { return []any{string(t.Text)}, nil }

func TestSearchByPost(t *testing.T) {
	tests := []struct {
		name    string
		body    connector.Program
		headers map[string]connector.Template
		want    string
	}{
		{"program", object{}, nil, `application/json {"cursor":null,"page":1,"size":5,"to":null}`},
		{"text", textBody{`{"page":{page},"day":"{today}"}`}, nil, `application/json {"page":1,"day":"2026-03-01"}`},
		{"form", textBody{`page={page}&day={now}`}, map[string]connector.Template{"content-type": connectortest.Text("application/x-www-form-urlencoded")},
			`application/x-www-form-urlencoded page=1&day=2026-03-01T12%3A00%3A00Z`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				got = r.Header.Get("Content-Type") + " " + string(b)
				io.WriteString(w, `{"data":[{"id":1}],"n":1}`)
			}))
			defer server.Close()
			c := serve(t, &shop{})
			c.Connection.Config.(*httpclient.HTTPConfig).URL = server.URL
			c.Method, c.Body, c.Headers = "POST", test.body, test.headers
			c.Pagination = &source.Pagination{Kind: "page", Size: 5, Total: jq(".n")}
			rec, err := read(t, c, connector.Env{}, "")
			if err != nil || !rec.Complete() || got != test.want {
				t.Errorf("%v %v: sent %s", err, rec.Errs(), got)
			}
		})
	}
}

// A cursor that is a number in the answer is one in the next body.
func TestCursorOfABodyKeepsItsKind(t *testing.T) {
	for _, next := range []string{`7`, `"7"`, `12345678901234567890`} {
		var got []string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			if got = append(got, string(b)); len(got) == 1 {
				io.WriteString(w, `{"data":[{"id":1}],"next":`+next+`}`)
				return
			}
			io.WriteString(w, `{"data":[{"id":2}],"next":null}`)
		}))
		defer server.Close()
		c := serve(t, &shop{})
		c.Connection.Config.(*httpclient.HTTPConfig).URL = server.URL
		c.Method, c.Body = "POST", object{}
		c.Pagination = &source.Pagination{Kind: "cursor", Value: jq(".next")}
		rec, err := read(t, c, connector.Env{}, "")
		want := []string{`{"cursor":null,"page":null,"size":null,"to":null}`, `{"cursor":` + next + `,"page":` + next + `,"size":null,"to":null}`}
		if diff := cmp.Diff(want, got); err != nil || !rec.Complete() || diff != "" {
			t.Errorf("%v %v (-want +got):\n%s", err, rec.Errs(), diff)
		}
	}
}

func TestRefusedReads(t *testing.T) {
	for status, unreachable := range map[int]bool{401: true, 403: true, 404: false, 422: false, 500: false, 503: true} {
		c := serve(t, &shop{answer: func(w http.ResponseWriter) bool { w.WriteHeader(status); return true }})
		c.Query = map[string]connector.Template{"key": connectortest.Text("canary-in-query"), "page": connectortest.Text("1")}
		rec, err := read(t, c, connector.Env{}, "")
		if err != nil || rec.Complete() || errors.Is(rec.Errs()[0], connector.ErrUnreachable) != unreachable {
			t.Errorf("%d: %v %v", status, err, rec.Errs())
		}
		if text := fmt.Sprint(rec.Errs()); strings.Contains(text, "canary") || !strings.Contains(text, "connection.http.shop (main.hcl:1): GET http://127.0.0.1:") || !strings.Contains(text, "/people?key=…&page=…") {
			t.Errorf("%d: %s", status, text)
		}
	}
}
