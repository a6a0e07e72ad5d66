package rest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/rest"
)

func noon() time.Time { return time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC) }

// A shop is a running system and a caller of it.
type shop struct {
	*rest.System
	t      *testing.T
	url    string
	header http.Header
}

func start(t *testing.T) *shop {
	t.Helper()
	s, err := rest.New(rest.Options{Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	return &shop{System: s, t: t, url: server.URL, header: http.Header{"X-Api-Key": {s.APIKey}}}
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (s *shop) call(method, path, body string) answer {
	s.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = s.url + path
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = s.header.Clone()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

func decode[T any](t *testing.T, a answer) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &v); err != nil || a.status >= 300 {
		t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	return v
}

type record struct {
	ID json.Number `json:"id"`
}

func ids(list []record) (out []string) {
	for _, r := range list {
		out = append(out, r.ID.String())
	}
	return out
}

// TestPagings reads all orders in every style: each once.
func TestPagings(t *testing.T) {
	s := start(t)
	next := regexp.MustCompile(`<([^>]*)>; rel="next"`)
	styles := map[string]func() []string{
		"cursor": func() (all []string) {
			for after := ""; ; {
				got := decode[struct {
					Data []record
					Meta struct{ Next *string }
				}](t, s.call("GET", "/api/by/cursor/orders?limit=7&after="+after, ""))
				all = append(all, ids(got.Data)...)
				if got.Meta.Next == nil {
					return all
				}
				after = *got.Meta.Next
			}
		},
		"page": func() (all []string) {
			for page, pages := 1, 1; page <= pages; page++ {
				got := decode[struct {
					Items        []record
					Pages, Total int
				}](t, s.call("GET", fmt.Sprintf("/api/by/page/orders?size=7&page=%d", page), ""))
				all, pages = append(all, ids(got.Items)...), got.Pages
			}
			return all
		},
		"offset": func() (all []string) {
			for {
				got := decode[struct {
					Rows  []record
					Total int
				}](t, s.call("GET", fmt.Sprintf("/api/by/offset/orders?limit=7&offset=%d", len(all)), ""))
				if all = append(all, ids(got.Rows)...); len(all) >= got.Total {
					return all
				}
			}
		},
		"link": func() (all []string) {
			for path := "/api/by/link/orders?size=7"; ; {
				a := s.call("GET", path, "")
				all = append(all, ids(decode[[]record](t, a))...)
				m := next.FindStringSubmatch(a.header.Get("Link"))
				if m == nil {
					return all
				}
				path = m[1]
			}
		},
		"next_url": func() (all []string) {
			for path := "/api/by/next_url/orders?size=7&next=relative"; ; {
				got := decode[struct {
					Items []record
					Next  string
				}](t, s.call("GET", path, ""))
				if all = append(all, ids(got.Items)...); got.Next == "" {
					return all
				}
				path = got.Next
			}
		},
		"all": func() []string { return ids(decode[[]record](t, s.call("GET", "/api/by/all/orders", ""))) },
	}
	want := styles["all"]()
	if len(want) != 60 || want[0] != "9007199254740993" {
		t.Fatalf("%d orders, the first %s", len(want), want[0])
	}
	for name, read := range styles {
		if got := read(); !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := s.call("GET", "/api/by/nothing/orders", ""); got.status != 404 {
		t.Errorf("another style: %d", got.status)
	}
}

func TestSpoiltLinks(t *testing.T) {
	s := start(t)
	link := func(how string) string {
		return decode[struct{ Next string }](t, s.call("GET", "/api/by/next_url/orders?page=2&size=7&next="+how, "")).Next
	}
	if got := link("foreign"); !strings.HasPrefix(got, "http://localhost:") {
		t.Errorf("foreign: %s", got)
	}
	if got := link("same"); !strings.Contains(got, "page=2") {
		t.Errorf("same: %s", got)
	}
	if got := s.call("GET", "/api/moved/orders?status=open", ""); got.status != 302 || got.header.Get("Location") != "/api/orders?status=open" {
		t.Errorf("moved: %d %s", got.status, got.header.Get("Location"))
	}
	if got := s.call("GET", "/api/moved-away/orders", "").header.Get("Location"); !strings.HasPrefix(got, "http://localhost:") {
		t.Errorf("moved away: %s", got)
	}
}

func TestSearchAndFilters(t *testing.T) {
	s := start(t)
	if err := s.Data.Update("orders", "9007199254740993", dataset.Row{"status": "lost"}); err != nil {
		t.Fatal(err)
	}
	type page struct{ Data []record }
	for path, want := range map[string]int{
		"/api/orders?status=lost": 1, "/api/orders?updated_since=2026-11-20T11:00:00Z": 1, "/api/orders?updated_since=2026-11-20T12:00:00%2B01:00": 1,
		"/api/orders?updated_since=2026-11-20T11:00:01Z": 0, "/api/orders?id=9007199254740994": 1,
	} {
		if got := decode[page](t, s.call("GET", path, "")); len(got.Data) != want {
			t.Errorf("%s: %d records, want %d", path, len(got.Data), want)
		}
	}
	if got := decode[page](t, s.call("POST", "/api/search/orders", `{"filter":{"status":"lost"},"limit":5}`)); len(got.Data) != 1 {
		t.Errorf("search: %d records", len(got.Data))
	}
	if got := s.call("GET", "/api/orders?updated_since=2026-11-20", ""); got.status != 400 {
		t.Errorf("a date without a time: %d", got.status)
	}
	a := s.call("GET", "/api/orders", "")
	s.header.Set("If-None-Match", a.header.Get("ETag"))
	if a := s.call("GET", "/api/orders", ""); a.status != 304 || a.body != "" {
		t.Errorf("unchanged: %d %s", a.status, a.body)
	}
}

func TestLogins(t *testing.T) {
	s := start(t)
	status := func(header, value, query string) int {
		s.header = http.Header{}
		if header != "" {
			s.header.Set(header, value)
		}
		return s.call("GET", "/api/products"+query, "").status
	}
	basic := &http.Request{Header: http.Header{}}
	basic.SetBasicAuth(s.Username, s.Password)
	for name, got := range map[string]int{
		"basic": status("Authorization", basic.Header.Get("Authorization"), ""), "bearer": status("Authorization", "Bearer "+s.Bearer, ""),
		"key": status("X-Api-Key", s.APIKey, ""), "key in the query": status("", "", "?api_key="+s.APIKey),
	} {
		if got != 200 {
			t.Errorf("%s: %d", name, got)
		}
	}
	for name, got := range map[string]int{"nothing": status("", "", ""), "wrong": status("Authorization", "Bearer x", ""), "empty": status("X-Api-Key", "", "")} {
		if got != 401 {
			t.Errorf("%s: %d", name, got)
		}
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.ClientID}, "client_secret": {s.ClientSecret}, "scope": {"records.read"}}
	token := decode[struct {
		Text string `json:"access_token"`
	}](t, s.call("POST", "/oauth/token", form.Encode()))
	s.header = http.Header{"Authorization": {"Bearer " + token.Text}}
	if a := s.call("GET", "/api/products", ""); a.status != 200 {
		t.Errorf("with a token: %d", a.status)
	}
	if a := s.call("POST", "/api/visits", `{"name":"x"}`); a.status != 403 || !strings.Contains(a.body, "records.write") {
		t.Errorf("without the scope: %d %s", a.status, a.body)
	}
	s.RevokeTokens()
	if a := s.call("GET", "/api/products", ""); a.status != 401 {
		t.Errorf("with a token that was revoked: %d", a.status)
	}
}

func TestWrites(t *testing.T) {
	s := start(t)
	a := s.call("POST", "/api/tickets", `{"subject":"Pas","external":"E-9","email":"pien@example.org"}`)
	if a.status != 201 || a.header.Get("Location") != "/api/tickets/105" || !strings.Contains(a.body, `"id":105,"external":"E-9"`) {
		t.Fatalf("%d %s %s", a.status, a.header, a.body)
	}
	if a := s.call("POST", "/api/tickets", `{"subject":"Pas","external":"e-9"}`); a.status != 409 || !strings.Contains(a.body, "105") {
		t.Errorf("a second of one external: %d %s", a.status, a.body)
	}
	if got := decode[struct{ Items []record }](t, s.call("GET", "/api/tickets?external=E-9", "")); len(got.Items) != 1 {
		t.Errorf("found %v", got)
	}
	for body, want := range map[string]int{
		`{}`: 422, `{"subject":"x","email":"no mail"}`: 422, `{"subject":"x","nothing":1}`: 422, `{"subject":"x","id":1}`: 422,
		`{"subject":"x","priority":"high"}`: 422, `{"subject":`: 400, `[]`: 400, `{"subject":"x"}{}`: 400,
	} {
		if a := s.call("POST", "/api/tickets", body); a.status != want {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	one := s.call("GET", "/api/tickets/105", "")
	if a := s.call("PATCH", "/api/tickets/105", `{"status":"closed","email":null}`); a.status != 200 || !strings.Contains(a.body, `"subject":"Pas","email":null,"status":"closed"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.header.Set("If-Match", one.header.Get("ETag"))
	if a := s.call("PUT", "/api/tickets/105", `{"subject":"x"}`); a.status != 412 {
		t.Errorf("a record that has changed since: %d", a.status)
	}
	s.header.Del("If-Match")
	if a := s.call("PUT", "/api/tickets/105", `{"subject":"x"}`); a.status != 200 || !strings.Contains(a.body, `"external":null`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.call("DELETE", "/api/tickets/105", ""); a.status != 204 || a.body != "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, method := range []string{"DELETE", "GET", "PATCH"} {
		if a := s.call(method, "/api/tickets/105", "{}"); a.status != 404 {
			t.Errorf("%s of nothing: %d", method, a.status)
		}
	}
}

func TestRepeatedCreate(t *testing.T) {
	s := start(t)
	body := `{"name":"Pien Proefman","reference":"R1"}`
	one, two := s.call("POST", "/api/visits", body), s.call("POST", "/api/visits", body)
	if one.body == two.body || len(s.Doubled()) != 1 {
		t.Errorf("%s, %s, doubled %v", one.body, two.body, s.Doubled())
	}
	s.header.Set("Idempotency-Key", "k1")
	body = strings.ReplaceAll(body, "R1", "R2")
	one, two = s.call("POST", "/api/visits", body), s.call("POST", "/api/visits", body)
	if one.body != two.body || one.status != 201 || len(s.Data.Rows("visits")) != 3 || len(s.Traffic.Effects()) != 3 {
		t.Errorf("%s, %s, %d visits", one.body, two.body, len(s.Data.Rows("visits")))
	}
}

// TestDocuments: what was stored comes back byte by byte.
func TestDocuments(t *testing.T) {
	s := start(t)
	body := `{"n": 1.50, "big": 123456789012345678901234567890, "list": [null, {}]}`
	if _, err := s.Data.Insert("documents", dataset.Row{"id": "a", "body": json.RawMessage(body)}); err != nil {
		t.Fatal(err)
	}
	if a := s.call("GET", "/api/documents/a", ""); a.body != `{"n":1.50,"big":123456789012345678901234567890,"list":[null,{}]}` {
		t.Errorf("%s", a.body)
	}
}
