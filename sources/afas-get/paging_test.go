package afasget

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/internal/afas"
)

// opened opens a source that reads a fake.
func opened(t testing.TB, c *Config, env connector.Env) connector.Source {
	t.Helper()
	env.HTTP = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return openedKeeping(t, c, env)
}

// openedKeeping opens a source that keeps its connections.
func openedKeeping(t testing.TB, c *Config, env connector.Env) connector.Source {
	t.Helper()
	env.Now = func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
	client, err := afas.New(*c.Connection.Config.(*afas.Config), env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	c.Connection.Get = func(context.Context) (any, error) { return client, nil }
	s, err := Kind().Open(t.Context(), c, env)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// person is a row of the tests.
func person(id string) string { return fmt.Sprintf(`{"id":%q,"n":%d}`, id, len(id)) }

func people(n int) []string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = person(fmt.Sprintf("%04d", 10*i))
	}
	return rows
}

func idsOf(rows [][]byte) []string {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i], _ = record.Text(record.Member(row, "id"))
	}
	slices.Sort(ids)
	return ids
}

// TestRowsMoveWhileReading changes rows between the pages: a complete read has
// each row that was there all the time once, and none twice.
func TestRowsMoveWhileReading(t *testing.T) {
	tests := map[string]func(f *fake, n int){
		"the last row of the page is deleted":   func(f *fake, n int) { f.remove(n == 2, "0040") },
		"the first row is deleted":              func(f *fake, n int) { f.remove(n == 2, "0000") },
		"three rows of the page are deleted":    func(f *fake, n int) { f.remove(n == 2, "0020", "0030", "0040") },
		"the whole page is deleted":             func(f *fake, n int) { f.remove(n == 2, "0000", "0010", "0020", "0030", "0040") },
		"a row comes before":                    func(f *fake, n int) { f.insert(n == 3, "0005") },
		"a row comes right behind the last one": func(f *fake, n int) { f.insert(n == 2, "0041") },
		"one comes and one goes":                func(f *fake, n int) { f.insert(n == 2, "0001"); f.remove(n == 2, "0000") },
		"rows come at the end":                  func(f *fake, n int) { f.insert(n == 5, "9001", "9002") },
		"a row comes with each page":            func(f *fake, n int) { f.insert(true, fmt.Sprintf("000%d", n%10)) },
		"a row goes with each page":             func(f *fake, n int) { f.remove(n > 1 && n < 12, fmt.Sprintf("%04d", 10*(n-2))) },
	}
	for name, change := range tests {
		for _, key := range []string{"id", "when"} { // by key, and by number
			t.Run(name+" by "+key, func(t *testing.T) {
				f := &fake{rows: people(23)}
				if key == "when" {
					f.dated()
				}
				steady := f.steady(change)
				c := f.configured(t)
				c.PageSize = 5
				rec, err := connectortest.Read(t.Context(), opened(t, c, connector.Env{Key: []string{key}}))
				if err != nil {
					t.Fatal(err)
				}
				if !rec.Complete() {
					t.Fatalf("the read is not complete: %v", rec.Errs())
				}
				got := idsOf(rec.All())
				if len(slices.Compact(slices.Clone(got))) != len(got) {
					t.Errorf("rows came twice: %v", got)
				}
				for _, id := range steady() {
					if !slices.Contains(got, id) {
						t.Errorf("%s was there all the time and is not read: %v", id, got)
					}
				}
			})
		}
	}
}

func (f *fake) remove(now bool, ids ...string) {
	if now {
		f.rows = slices.DeleteFunc(f.rows, func(row string) bool {
			id, _ := record.Text(record.Member([]byte(row), "id"))
			return slices.Contains(ids, id)
		})
	}
}

func (f *fake) insert(now bool, ids ...string) {
	for _, id := range ids {
		if row := person(id); now && !slices.ContainsFunc(f.rows, func(r string) bool { return strings.Contains(r, fmt.Sprintf("%q", id)) }) {
			if strings.Contains(f.rows[0], `"when"`) {
				row = dated(row, id)
			}
			f.rows = append(f.rows, row)
		}
	}
}

// dated gives rows a unique column by which no page can go.
func (f *fake) dated() {
	for i, row := range f.rows {
		id, _ := record.Text(record.Member([]byte(row), "id"))
		f.rows[i] = dated(row, id)
	}
}

func dated(row, id string) string {
	return strings.Replace(row, "}", fmt.Sprintf(`,"when":%q,"at":%q}`, id, "2026-01-01T00:00:00Z"), 1)
}

// steady lets change run before each page, and gives the rows that were there
// from the first to the last page.
func (f *fake) steady(change func(*fake, int)) func() []string {
	there := map[string]int{}
	pages := 0
	f.before = func(n int) {
		change(f, n)
		pages++
		for _, row := range f.rows {
			id, _ := record.Text(record.Member([]byte(row), "id"))
			there[id]++
		}
	}
	return func() []string {
		var ids []string
		for id, n := range there {
			if n == pages {
				ids = append(ids, id)
			}
		}
		return slices.Sorted(slices.Values(ids))
	}
}

// TestPagesLie: what shows that pages do not join makes the read again, and at
// last partial.
func TestPagesLie(t *testing.T) {
	tests := map[string]struct {
		lie      func(n int, page []string) []string
		complete bool
		want     string
	}{
		"a page is empty once":          {func(n int, p []string) []string { return when(n == 2, nil, p) }, true, ""},
		"a page is short once":          {func(n int, p []string) []string { return when(n == 2, p[:min(2, len(p))], p) }, true, ""},
		"a page lacks a row in it once": {func(n int, p []string) []string { return when(n == 2, p[1:], p) }, true, ""},
		"all pages but the first are empty": {func(_ int, p []string) []string {
			return when(!strings.Contains(strings.Join(p, ""), `"0000"`), nil, p)
		}, false, "a page did not begin with the row"},
		"all is gone after a page":      {func(n int, p []string) []string { return when(n > 3, nil, p) }, false, "13 rows were there, and soon after only 0"},
		"the same page again and again": {func(int, []string) []string { return people(5) }, false, "a full page brought no row"},
		"more rows than were asked for": {func(int, []string) []string { return people(8) }, false, "a page has 8 rows, and 5 were asked for"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{rows: people(23), lie: test.lie}
			c := f.configured(t)
			c.PageSize = 5
			rec, err := connectortest.Read(t.Context(), opened(t, c, connector.Env{Key: []string{"id"}}))
			if err != nil || rec.Complete() != test.complete {
				t.Fatalf("complete is %v: %v %v", rec.Complete(), err, rec.Errs())
			}
			if test.complete {
				if diff := cmp.Diff(idsOf(lines(people(23))), idsOf(rec.All())); diff != "" {
					t.Errorf("rows (-want +got)\n%s", diff)
				}
				return
			}
			if err := errors.Join(rec.Errs()...); !errors.Is(err, connector.ErrIncomplete) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the partition failed with %v", err)
			}
		})
	}
}

func when[T any](is bool, yes, no T) T {
	if is {
		return yes
	}
	return no
}

func lines(rows []string) [][]byte {
	var out [][]byte
	for _, row := range rows {
		out = append(out, []byte(row))
	}
	return out
}

// TestDuplicateKeys: rows that share a key are handed over for the engine to
// see, and the read proves nothing.
func TestDuplicateKeys(t *testing.T) {
	for at := range 23 {
		f := &fake{rows: append(people(23), person(fmt.Sprintf("%04d", 10*at)))}
		c := f.configured(t)
		c.PageSize = 5
		rec, err := connectortest.Read(t.Context(), opened(t, c, connector.Env{Key: []string{"id"}}))
		if err != nil || rec.Complete() {
			t.Fatalf("row %d is there twice: %v, complete %v", at, err, rec.Complete())
		}
		if err := errors.Join(rec.Errs()...); !strings.Contains(err.Error(), fmt.Sprintf("key [id] is not unique: several rows have %04d", 10*at)) {
			t.Errorf("the partition failed with %v", err)
		}
		if n := len(rec.All()); n != 24 {
			t.Errorf("row %d is there twice: %d rows of 24", at, n)
		}
	}
}

// TestKeysThatCompareEqual: a server that does not tell capitals apart may part
// two such keys by a page.
func TestKeysThatCompareEqual(t *testing.T) {
	var rows []string
	for _, id := range []string{"a", "A", "b", "B", "c", "C", "d", "D", "e", "E"} {
		rows = append(rows, person(id))
	}
	f := &fake{rows: rows, loose: true}
	c := f.configured(t)
	c.PageSize = 4
	rec, err := connectortest.Read(t.Context(), opened(t, c, connector.Env{Key: []string{"id"}}))
	if err != nil || !rec.Complete() {
		t.Fatal(err, rec.Errs())
	}
	if diff := cmp.Diff(idsOf(lines(rows)), idsOf(rec.All())); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

// TestReadingProperty: whatever comes and goes between pages, a complete read
// has the steady rows, each once.
func TestReadingProperty(t *testing.T) {
	server := &fake{sample: pair(0)}
	c := server.configured(t)
	rapid.Check(t, func(rt *rapid.T) {
		two := rapid.Bool().Draw(rt, "two")
		ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 60), 0, 40, rapid.ID).Draw(rt, "rows")
		changes := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 60), 0, 2), 0, 30).Draw(rt, "changes")
		server.mu.Lock()
		server.calls, server.rows = nil, nil
		for _, id := range ids {
			server.rows = append(server.rows, pair(id))
		}
		steady := server.steady(func(f *fake, n int) {
			if n > len(changes) {
				return
			}
			for _, id := range changes[n-1] {
				if at := slices.Index(f.rows, pair(id)); at >= 0 {
					f.rows = slices.Delete(f.rows, at, at+1)
				} else {
					f.rows = append(f.rows, pair(id))
				}
			}
		})
		server.mu.Unlock()
		c.PageSize = rapid.IntRange(2, 9).Draw(rt, "page")
		key := []string{"id"}
		if two {
			key = []string{"group", "id"}
		}
		rec, err := connectortest.Read(t.Context(), opened(t, c, connector.Env{Key: key}))
		if err != nil {
			rt.Fatal(err)
		}
		got := idsOf(rec.All())
		if len(slices.Compact(slices.Clone(got))) != len(got) {
			rt.Fatalf("rows came twice: %v", got)
		}
		for _, id := range steady() {
			if rec.Complete() && !slices.Contains(got, id) {
				rt.Fatalf("%s was there all the time and is not read: %v", id, got)
			}
		}
	})
}

func pair(id int) string { return fmt.Sprintf(`{"id":"%03d","group":%d}`, id, id/7) }
