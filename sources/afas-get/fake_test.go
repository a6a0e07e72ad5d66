package afasget

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/afas"
	"koppel/internal/httpclient"
)

// A fake is a GetConnector that holds any rows. It knows the comparisons that
// reading needs and no more: the sandbox is the one that knows AFAS.
type fake struct {
	mu    sync.Mutex
	rows  []string
	calls []string // queries of pages
	// before runs ahead of the n-th page, from 1, and may change rows.
	before func(n int)
	// lie may change what a page shows.
	lie func(n int, page []string) []string
	// sample is a row for metainfo when there is none.
	sample string
	// loose compares texts without regard to case, as SQL Server does.
	loose bool
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, "/metainfo/get/") {
		f.describe(w)
		return
	}
	f.calls = append(f.calls, r.URL.RawQuery)
	n := len(f.calls)
	if f.before != nil {
		f.before(n)
	}
	q := r.URL.Query()
	page := slices.DeleteFunc(slices.Clone(f.rows), func(row string) bool { return !f.fits(row, q.Get("filterjson"), q) })
	order := strings.Split(q.Get("orderbyfieldids"), ",")
	slices.SortStableFunc(page, func(a, b string) int {
		for _, field := range order {
			if n := f.compare(value(a, field), value(b, field)); n != 0 {
				return n
			}
		}
		return 0
	})
	skip, _ := strconv.Atoi(q.Get("skip"))
	take, _ := strconv.Atoi(q.Get("take"))
	page = page[min(skip, len(page)):]
	page = page[:min(take, len(page))]
	if f.lie != nil {
		page = f.lie(n, page)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	fmt.Fprintf(w, `{"skip":%d,"take":%d,"rows":[%s]}`, skip, take, strings.Join(page, ","))
}

func (f *fake) describe(w http.ResponseWriter) {
	sample := `{"id":"x","big":1,"small":1,"fraction":1.5,"none":"","empty":"","flag":true,"text":"","name":""}`
	switch {
	case f.sample != "":
		sample = f.sample
	case len(f.rows) > 0:
		sample = f.rows[0]
	}
	var fields []string
	for name, raw := range func(yield func(string, []byte) bool) { record.Members([]byte(sample), yield) } {
		kind := map[record.Kind]string{record.Number: "int", record.Bool: "boolean"}[record.KindOf(raw)]
		switch {
		case name == "at" || name == "at2":
			kind = "date"
		case name == "fraction":
			kind = "decimal"
		case kind == "":
			kind = "string"
		}
		fields = append(fields, fmt.Sprintf(`{"id":%q,"fieldId":"U001","dataType":%q,"label":"","length":10,"controlType":5,"decimals":0}`, name, kind))
	}
	fmt.Fprintf(w, `{"name":"Demo","description":"Demo","fields":[%s]}`, strings.Join(fields, ","))
}

func value(row, field string) []byte {
	return record.Member([]byte(row), strings.TrimSuffix(strings.TrimPrefix(field, "['"), "']"))
}

// compare orders values: null first, numbers by size, texts by their bytes.
func (f *fake) compare(a, b []byte) int {
	x, y := record.DecodeTrusted(a), record.DecodeTrusted(b)
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil:
		return -1
	case y == nil:
		return 1
	}
	if n, ok := x.(int); ok {
		return cmp.Compare(n, y.(int))
	}
	s, t := fmt.Sprint(x), fmt.Sprint(y)
	if f.loose {
		s, t = strings.ToLower(s), strings.ToLower(t)
	}
	return cmp.Compare(s, t)
}

// fits tells whether a row is let through by a filter in either form.
func (f *fake) fits(row, text string, q map[string][]string) bool {
	var body struct {
		Filters struct {
			Filter []struct {
				Field []struct {
					ID   string `json:"@FieldId"`
					Op   string `json:"@OperatorType"`
					Text string `json:"#text"`
				}
			}
		}
	}
	if text == "" {
		fields := strings.Join(q["filterfieldids"], "")
		if fields == "" {
			return true
		}
		sep := ","
		if strings.Contains(fields, ";") {
			sep = ";"
		}
		values, ops := strings.Split(q["filtervalues"][0], sep), strings.Split(q["operatortypes"][0], sep)
		any := false
		for i, field := range strings.Split(fields, sep) {
			holds := f.holds(value(row, field), ops[i], values[i])
			if !holds && sep == "," {
				return false
			}
			any = any || holds
		}
		return any
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		panic(err)
	}
	for _, filter := range body.Filters.Filter {
		all := true
		for _, c := range filter.Field {
			all = all && f.holds(value(row, c.ID), c.Op, c.Text)
		}
		if all {
			return true
		}
	}
	return false
}

func (f *fake) holds(raw []byte, op, text string) bool {
	if string(raw) == "null" {
		return op == "8"
	}
	want := record.AppendString(nil, text)
	if record.KindOf(raw) == record.Number {
		want = []byte(text)
	}
	if s, ok := record.Text(raw); ok && strings.HasSuffix(s, "Z") && len(s) == 20 {
		raw = record.AppendString(nil, strings.TrimSuffix(s, "Z"))
	}
	n := f.compare(raw, want)
	switch op {
	case "1":
		return n == 0
	case "2":
		return n >= 0
	case "3":
		return n <= 0
	}
	panic("the fake knows no operator " + op)
}

const testToken = "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"

// configured starts a fake and gives a configuration that reads it.
func (f *fake) configured(t testing.TB) *Config {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	connection := afas.Defaults()
	connection.URL, connection.Token = server.URL, testToken
	connection.Retry = &httpclient.Retry{Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	c := Kind().Config().(*Config)
	c.Connector = "Demo"
	c.Connection = connector.Connection{Address: "connection.afas.test", Kind: "afas", Config: &connection}
	return c
}
