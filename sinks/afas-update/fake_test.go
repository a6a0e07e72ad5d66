package afasupdate

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/internal/afas"
	"koppel/internal/httpclient"
)

// A fake is an UpdateConnector People and a GetConnector of the same name, which
// keep whatever fields they are sent.
type fake struct {
	mu    sync.Mutex
	rows  []map[string]json.RawMessage
	calls []string // method and body of writes
	// answer is the body of a write; empty as it may be.
	answer string
	// refuse gives the words in which a write is refused; empty: it is taken.
	refuse func(method string, row map[string]json.RawMessage) string
	// lost breaks the connection at the n-th request from now on, from 0: before
	// anything is done, or after.
	lost  func(n int) (before, after bool)
	count int
}

type payload map[string]struct {
	Element map[string]json.RawMessage
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before, after := false, false
	if f.lost != nil {
		before, after = f.lost(f.count)
	}
	f.count++
	if before {
		panic(http.ErrAbortHandler)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	words := ""
	if r.Method != http.MethodGet {
		f.calls = append(f.calls, strings.TrimSpace(r.Method+" "+string(body)))
		words = f.write(r, body)
	}
	if after {
		panic(http.ErrAbortHandler)
	}
	switch {
	case words != "":
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"externalMessage":%q,"errorNumber":-2147220469,"profitLogReference":"11223344556677889900AABBCCDDEEFF"}`, words)
	case r.Method != http.MethodGet:
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, f.answer)
	case strings.HasPrefix(r.URL.Path, "/metainfo/update/"):
		fmt.Fprint(w, `{"id":"People","name":"People","fields":[{"fieldId":"id","primaryKey":true,"dataType":"string"}],"objects":[]}`)
	default:
		f.find(w, r.URL.Query())
	}
}

func (f *fake) find(w http.ResponseWriter, q url.Values) {
	var found []string
	fields, values := strings.Split(q.Get("filterfieldids"), ","), strings.Split(q.Get("filtervalues"), ",")
	for _, row := range f.rows {
		all := true
		for i, field := range fields {
			all = all && strings.EqualFold(plain(row[field]), values[i])
		}
		if text, err := json.Marshal(row); err == nil && all {
			found = append(found, string(text))
		}
	}
	fmt.Fprintf(w, `{"skip":0,"take":10,"rows":[%s]}`, strings.Join(found, ","))
}

func plain(raw json.RawMessage) string { return strings.Trim(string(raw), `"`) }

// write carries out a call; it gives the words of a refusal.
func (f *fake) write(r *http.Request, body []byte) string {
	if r.Method == http.MethodDelete {
		id := path.Base(r.URL.Path)
		if path.Base(path.Dir(r.URL.Path)) != "@id" {
			return "unknown key"
		}
		before := len(f.rows)
		f.rows = slices.DeleteFunc(f.rows, func(row map[string]json.RawMessage) bool { return plain(row["id"]) == id })
		if len(f.rows) == before {
			return "The entered value for 'id' does not exist."
		}
		return ""
	}
	var p payload
	if err := json.Unmarshal(body, &p); err != nil || p["People"].Element == nil {
		return "Invalid json"
	}
	row := map[string]json.RawMessage{"name": []byte("null"), "amount": []byte("null"), "active": []byte("null")}
	if r.Method == http.MethodPut {
		row = nil
		for _, old := range f.rows {
			if string(old["id"]) == string(p["People"].Element["@id"]) {
				row = old
			}
		}
		if row == nil {
			return "The entered value for 'id' does not exist."
		}
	}
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal(p["People"].Element["Fields"], &fields); err != nil {
		return "Invalid json"
	}
	fields["id"] = p["People"].Element["@id"]
	if f.refuse != nil {
		if words := f.refuse(r.Method, fields); words != "" {
			return words
		}
	}
	for name, raw := range fields {
		if name == "amount" && string(raw) == `""` {
			raw = []byte("null")
		}
		row[name] = raw
	}
	if r.Method == http.MethodPost {
		f.rows = append(f.rows, row)
	}
	return ""
}

const testToken = "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"

// configured starts a fake and gives a configuration that writes to it.
func (f *fake) configured(t testing.TB) *Config {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	connection := afas.Defaults()
	connection.URL, connection.Token = server.URL, testToken
	connection.Retry = &httpclient.Retry{Attempts: 2, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	c := Kind().Config().(*Config)
	c.Connector, c.Keys = "People", []string{"id"}
	c.Find = &Find{Connector: "People", Key: []string{"id"}}
	c.Connection = connector.Connection{Address: "connection.afas.test", Kind: "afas", Config: &connection}
	return c
}
