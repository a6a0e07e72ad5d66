package graph_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/graph"
)

// A tenant is a running system and a caller of it, with a clock of its own.
type tenant struct {
	*graph.System
	t      *testing.T
	url    string
	now    time.Time
	bearer string
}

func start(t *testing.T, o graph.Options) *tenant {
	t.Helper()
	c := &tenant{t: t, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	o.Now = func() time.Time { return c.now }
	s, err := graph.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	c.System, c.url = s, server.URL
	c.login()
	return c
}

// ask makes a call; the answer is decoded whatever its status.
func (c *tenant) ask(method, address, body string, header ...string) (*http.Response, map[string]any) {
	c.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = c.url + address
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.bearer)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		c.t.Fatalf("%s %s: %d: %v", method, address, resp.StatusCode, err)
	}
	return resp, out
}

func (c *tenant) get(address string, header ...string) map[string]any {
	c.t.Helper()
	resp, out := c.ask("GET", address, "", header...)
	if resp.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %d %v", address, resp.StatusCode, out)
	}
	return out
}

func code(out map[string]any) string {
	e, _ := out["error"].(map[string]any)
	text, _ := e["code"].(string)
	return text
}

func (c *tenant) login() {
	c.t.Helper()
	status, out := c.token(c.Tenant, nil)
	if status != http.StatusOK {
		c.t.Fatalf("%d %v", status, out)
	}
	c.bearer = out["access_token"].(string)
}

// token asks for an access token; changed overwrites fields of the form.
func (c *tenant) token(tenant string, changed map[string]string) (int, map[string]any) {
	c.t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_secret": {c.ClientSecret}, "scope": {c.url + "/.default"},
	}
	for name, value := range changed {
		form.Set(name, value)
		if value == "" {
			form.Del(name)
		}
	}
	resp, out := c.ask("POST", "/"+tenant+"/oauth2/v2.0/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	return resp.StatusCode, out
}

// rows follows next links to the end and gives all rows, the pages and the delta
// link; it gives up after some pages.
func (c *tenant) rows(address string, header ...string) (rows []map[string]any, pages []int, delta string) {
	c.t.Helper()
	for len(pages) < 60 {
		out := c.get(address, header...)
		list := out["value"].([]any)
		for _, row := range list {
			rows = append(rows, row.(map[string]any))
		}
		pages = append(pages, len(list))
		delta, _ = out["@odata.deltaLink"].(string)
		next, more := out["@odata.nextLink"].(string)
		if !more {
			break
		}
		address = next
	}
	return rows, pages, delta
}

// merged is what a caller knows who merges rows by id, the last one winning.
func merged(known map[string]map[string]any, rows []map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{}
	for id, row := range known {
		out[id] = row
	}
	for _, row := range rows {
		id := row["id"].(string)
		if row["@removed"] != nil {
			delete(out, id)
			continue
		}
		whole := map[string]any{}
		for name, v := range out[id] {
			whole[name] = v
		}
		for name, v := range row {
			whole[name] = v
		}
		out[id] = whole
	}
	return out
}

// owner is the id of the n-th user.
func (c *tenant) owner(n int) string { return dataset.Text(c.Data.Rows("users")[n]["id"]) }

func (c *tenant) change(table, key string, row dataset.Row) {
	c.t.Helper()
	if err := c.Data.Update(table, key, row); err != nil {
		c.t.Fatal(err)
	}
}
