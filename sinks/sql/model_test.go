package sql

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// TestTableEqualsModel sends random batches and compares the table, as List
// gives it, with a map.
func TestTableEqualsModel(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		g := reopen(t, filepath.Join(dir, strconv.Itoa(n)+".db"), Config{Create: true}, people())
		defer g.Close()
		g.exec(`CREATE TABLE people (id PRIMARY KEY, name TEXT CHECK (name <> 'refuse me'), active BOOLEAN, phones JSON, score NUMERIC)`)
		model := map[string]string{}
		for range rapid.IntRange(1, 5).Draw(rt, "batches") {
			var batch []record.Change
			for range rapid.IntRange(1, 8).Draw(rt, "changes") {
				batch = append(batch, drawChange(rt, model))
				if rapid.Bool().Draw(rt, "twice") {
					batch = append(batch, batch[len(batch)-1])
				}
			}
			out, err := g.Write(t.Context(), batch)
			if err != nil {
				rt.Fatal(err)
			}
			for i, c := range batch {
				refused := c.Op != record.Delete && strings.Contains(string(c.After), "refuse me")
				if refused != (out[i].Status == connector.Refused) {
					rt.Fatalf("change %d of %s: %v", i, c.After, out[i])
				}
				apply(model, c, refused)
			}
			got := map[string]string{}
			for _, r := range g.list() {
				got[string(r.Key)] = string(r.Body)
			}
			if diff := cmp.Diff(model, got); diff != "" {
				rt.Fatalf("table (-want +got)\n%s", diff)
			}
		}
	})
}

// drawChange draws a change of one of a few keys.
func drawChange(t *rapid.T, model map[string]string) record.Change {
	id := strconv.Itoa(rapid.IntRange(1, 6).Draw(t, "id"))
	body := drawBody(t, id)
	before, there := model[id]
	switch {
	case rapid.IntRange(0, 3).Draw(t, "op") == 0:
		return remove(id, body)
	case there:
		return update(id, before, body, "name", "active", "phones", "score")
	}
	return create(id, body)
}

func drawBody(t *rapid.T, id string) string {
	name := rapid.OneOf(rapid.SampledFrom([]string{"null", `"refuse me"`, `""`}), rapid.Map(rapid.String(), func(s string) string {
		return string(record.AppendString(nil, s))
	})).Draw(t, "name")
	active := rapid.SampledFrom([]string{"true", "false", "null"}).Draw(t, "active")
	phones := rapid.SampledFrom([]string{"null", "[]", `["a","\n"]`, `{"x":[1,null]}`}).Draw(t, "phones")
	score := rapid.OneOf(rapid.Just("null"), rapid.StringMatching(`-?[1-9][0-9]{0,17}|0\.[0-9]{0,10}[1-9]`)).Draw(t, "score")
	return fmt.Sprintf(`{"active":%s,"id":%s,"name":%s,"phones":%s,"score":%s}`, active, id, name, phones, score)
}

func apply(model map[string]string, c record.Change, refused bool) {
	switch {
	case refused:
	case c.Op == record.Delete:
		delete(model, string(c.Key))
	default:
		model[string(c.Key)] = string(c.After)
	}
}

// FuzzWalk checks that the walker finds in any body what a general reader
// finds.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{`{}`, noor, milan, `{"b":[{"a":"}\\\""}],"a":{"x":","}}`, `{ "a" : 1 }`, `{"a":1}x`, `[`, `{"a":`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		w := newWalker()
		names := []string{"a", "id", "name", "é", "score", "note"}
		for i, n := range names {
			w.add(n, i)
		}
		for range 2 { // the second time the order is known
			cells, ok := w.walk(nil, body)
			if record.Valid(body, record.Limits{}) != nil {
				continue
			}
			var want []string
			known := true
			record.Members(body, func(name string, raw []byte) bool {
				known = known && strings.Contains("|"+strings.Join(names, "|")+"|", "|"+name+"|")
				want = append(want, name+"="+string(raw))
				return true
			})
			if !ok || !known {
				continue
			}
			var got []string
			for _, c := range cells {
				got = append(got, names[c.field]+"="+string(c.raw))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("members (-want +got)\n%s", diff)
			}
		}
	})
}
