package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine"
	"koppel/engine/connector"
)

// A desk is a system that lookups ask.
type desk struct {
	mu     sync.Mutex
	bosses map[string]string // by code
	asked  map[string]int
	// faults by code: refused, down, unreachable, junk, twice.
	faults map[string]string
	stop   func()
}

func (d *desk) Ask(ctx context.Context, q connector.Question) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop != nil {
		d.stop()
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	code := path.Base(q.Path)
	d.asked[code]++
	switch d.faults[code] {
	case "refused":
		return nil, fmt.Errorf("%w: not this one", connector.ErrRefused)
	case "down":
		return nil, errFault
	case "unreachable":
		return nil, fmt.Errorf("%w: %w", connector.ErrUnreachable, errFault)
	case "junk":
		return []byte(`{"boss":`), nil
	case "twice":
		return []byte(`[{"boss":"A"},{"boss":"B"}]`), nil
	}
	boss, ok := d.bosses[code]
	switch {
	case !ok && len(code)%2 == 0:
		return []byte(`[]`), nil
	case !ok:
		return nil, fmt.Errorf("%w: %w", connector.ErrNone, errors.New("404"))
	}
	return json.Marshal([]any{map[string]any{"boss": boss}})
}

type deskConfig struct{}

func (d *desk) kind() connector.Kind[any] {
	k := connector.Define("desk", "A desk.", deskConfig{}, func(context.Context, deskConfig, connector.Env) (any, error) { return d, nil })
	k.OverHTTP = true
	return k
}

// A lookupShape is a pipeline with a lookup.
type lookupShape struct{ mirror, keys, none, where, cache string }

func (s lookupShape) hcl() string {
	source, extra := "", ""
	switch s.mirror {
	case "snapshot":
		source = "snapshot = true"
	case "delta":
		source = "incremental {\n cursor = [\"n\"]\n }"
	}
	switch s.keys {
	case "computed":
		extra = "key = src.hidden\n"
	case "each":
		extra = "each = jq(\".tags | split(\\\"\\\") | map({t: .}) | .[]\")\nkey = [src.id, item.t]\n"
	case "afterEach":
		extra = "each = jq(\".tags | split(\\\"\\\") | map({t: .}) | .[]\")\nkey = [src.id, item.t]\n"
	}
	if s.where != "" {
		extra += "where = " + s.where + "\n"
	}
	path := "/bosses/{src.code}"
	if s.keys == "afterEach" {
		path = "/bosses/{src.code}{item.t}"
	}
	cache := ""
	if s.cache != "" {
		cache = fmt.Sprintf("cache = %q", s.cache)
	}
	return fmt.Sprintf(`
connection "desk" "d" {}
source "world" "s" {
  key = ["id"]
  %s
}
sink "world" "t" {}
pipeline "p" {
  from = source.world.s
  into = sink.world.t
  %s
  lookup "over" {
    connection = connection.desk.d
    path       = %q
    none       = %q
    %s
  }
  map {
    id   = src.id
    name = src.name
    boss = over.boss
  }
  guard { deletes = 1000 }
}
`, source, extra, path, s.none, cache)
}

// asks lists, for one record, what must be asked and what it then gives by key;
// waits: it keeps what it has, as it fails.
func (s lookupShape) wants(d *desk, id string, r rec) (rows map[string]string, fails bool) {
	rows = map[string]string{}
	items := []string{""}
	if strings.Contains(strings.ToLower(s.keys), "each") {
		items = strings.Split(r["tags"].(string), "")
	}
	for _, item := range items {
		code, _ := r["code"].(string)
		if code != "" && s.keys == "afterEach" {
			code += item
		}
		boss, found := any(nil), false
		if code != "" {
			if d.faults[code] != "" {
				return nil, true
			}
			boss, found = d.bosses[code], d.bosses[code] != ""
		}
		if !found {
			boss = nil
			if s.none == "skip" {
				continue
			}
			if s.none == "error" {
				return nil, true
			}
		}
		if s.where != "" && boss == "Nobody" {
			continue
		}
		key := id
		switch s.keys {
		case "computed":
			key = r["hidden"].(string)
		case "each", "afterEach":
			key = id + "/" + item
		}
		b, err := json.Marshal(map[string]any{"id": id, "name": r["name"], "boss": boss})
		if err != nil {
			panic(err)
		}
		rows[key] = string(b)
	}
	return rows, false
}

func newDesk(t fatal, s lookupShape) (*stage, *desk) {
	t.Helper()
	d := &desk{bosses: map[string]string{}, asked: map[string]int{}, faults: map[string]string{}}
	w := newWorld()
	w.delta = s.mirror == "delta"
	w.connections = []connector.Kind[any]{d.kind()}
	return newStage(t, w, s.hcl()), d
}

func decode(rows map[string]string) map[string]any {
	out := map[string]any{}
	for k, row := range rows {
		var v any
		mustJSON(row, &v)
		out[k] = v
	}
	return out
}

// A record whose lookup fails keeps what was delivered, all that it has; a
// delete never follows from a lookup that was not answered; and once there are
// answers the target is what they say.
func TestLookupsThatFailChangeAndComeBack(t *testing.T) {
	for _, s := range []lookupShape{
		{mirror: "none", keys: "identity"}, {mirror: "none", keys: "computed"}, {mirror: "none", keys: "afterEach"},
		{mirror: "snapshot", keys: "each"}, {mirror: "delta", keys: "identity"}, {mirror: "delta", keys: "afterEach"},
	} {
		t.Run(s.mirror+" "+s.keys, func(t *testing.T) {
			check(t, func(rt *rapid.T) {
				s := s
				s.none = rapid.SampledFrom([]string{"null", "skip", "error"}).Draw(rt, "none")
				s.where = rapid.SampledFrom([]string{"", `expr("over.boss != 'Nobody'")`}).Draw(rt, "where")
				runDesk(rt, s)
			})
		})
	}
}

func runDesk(t *rapid.T, s lookupShape) {
	st, d := newDesk(t, s)
	defer st.close()
	ids := rapid.SampledFrom([]string{"1", "2", "3", "4", "5"})
	codes := rapid.SampledFrom([]string{"a", "b", "cc", "dd", ""})
	asked := rapid.SampledFrom([]string{"a", "b", "cc", "dd", "ax", "bx", "ccy", "ddy", "ay"})
	// right holds the rows that each record gave when it was last answered.
	right := map[string]map[string]string{}
	owed := map[string]bool{} // records that the next run must look at
	read := map[string]rec{}  // as they were at the last run
	for range rapid.IntRange(2, 8).Draw(t, "steps") {
		for range rapid.IntRange(0, 4).Draw(t, "moves") {
			switch rapid.SampledFrom([]string{"put", "put", "remove", "boss", "noboss", "fault", "mend"}).Draw(t, "move") {
			case "put":
				id, code := ids.Draw(t, "id"), any(codes.Draw(t, "code"))
				st.put("", id, rec{"name": rapid.SampledFrom([]string{"Ann", "Bob"}).Draw(t, "name"), "code": code, "hidden": "k" + id,
					"tags": rapid.SampledFrom([]string{"x", "xy"}).Draw(t, "tags")})
			case "remove":
				st.remove("", ids.Draw(t, "id"))
			case "boss":
				d.bosses[asked.Draw(t, "boss")] = rapid.SampledFrom([]string{"Zoe", "Yan", "Nobody"}).Draw(t, "to")
			case "noboss":
				delete(d.bosses, asked.Draw(t, "boss"))
			case "fault":
				d.faults[asked.Draw(t, "fault")] = rapid.SampledFrom([]string{"refused", "down", "unreachable", "junk", "twice"}).Draw(t, "kind")
			case "mend":
				clear(d.faults)
			}
		}
		for id, r := range st.parts[""] {
			// A record that came again as it was is not touched.
			owed[id] = owed[id] || !cmp.Equal(r, read[id])
		}
		read = maps.Clone(st.parts[""])
		full := rapid.Bool().Draw(t, "full")
		before := maps.Clone(st.rows)
		planned := st.planned(engine.Options{Full: full})
		d.asked = map[string]int{}
		res := st.run(engine.Options{Full: full})
		st.wantKept(t, s, d, before, right, owed, full)
		if done := opsOf(planned); len(done) > 0 && res.Status == "succeeded" {
			t.Logf("planned %v", done)
		}
		for code, n := range d.asked {
			if n > 1 && d.faults[code] == "" {
				t.Fatalf("%s was asked about %d times in one run", code, n)
			}
		}
	}
	clear(d.faults)
	st.run(engine.Options{Full: true})
	want := map[string]string{}
	for id, r := range st.parts[""] {
		rows, fails := s.wants(d, id, r)
		if fails { // none = "error"
			rows = right[id]
		}
		maps.Copy(want, rows)
	}
	if diff := cmp.Diff(decode(want), decode(st.rows)); diff != "" {
		t.Fatalf("target once all is answered (-want +got)\n%s", diff)
	}
	if left := opsOf(st.planned(engine.Options{Full: true})); len(left) > 0 {
		t.Fatalf("left %v", left)
	}
}

// opsOf leaves out what is only remembered.
func opsOf(planned []string) []string {
	return slices.DeleteFunc(slices.Clone(planned), func(l string) bool { return strings.HasPrefix(l, "none ") })
}

// wantKept checks each record after a run: it has what it gives by the answers
// of this run or of when it was last asked, and one that fails keeps all.
func (st *stage) wantKept(t *rapid.T, s lookupShape, d *desk, before map[string]string, right map[string]map[string]string, owed map[string]bool, full bool) {
	t.Helper()
	for id := range right {
		if st.parts[""][id] == nil {
			delete(right, id)
		}
	}
	all := map[string]string{}
	for id, r := range st.parts[""] {
		rows, fails := s.wants(d, id, r)
		old := right[id]
		kept := true
		for key, row := range old {
			kept = kept && sameJSON(st.rows[key], row)
		}
		became := !fails
		for key, row := range rows {
			became = became && sameJSON(st.rows[key], row)
		}
		if became {
			for key := range old {
				if _, stays := rows[key]; !stays {
					_, stands := st.rows[key]
					became = became && !stands
				}
			}
		}
		switch {
		case fails && !kept:
			t.Fatalf("%s is not answered for, had %v and has not kept it:\nbefore %v\nafter  %v", id, old, showRows(before), showRows(st.rows))
		case fails:
			owed[id] = owed[id] || full // who is not touched is not asked about
			maps.Copy(all, old)
			continue
		case !became && (full || owed[id] || !kept):
			t.Fatalf("%s gives %v:\nbefore %v\nafter  %v", id, rows, showRows(before), showRows(st.rows))
		case became:
			right[id] = rows
		}
		delete(owed, id)
		maps.Copy(all, right[id])
	}
	if diff := cmp.Diff(decode(all), decode(st.rows)); diff != "" {
		t.Fatalf("target (-want +got)\n%s", diff)
	}
}

func sameJSON(a, b string) bool {
	if a == "" || b == "" {
		return a == b
	}
	var x, y any
	mustJSON(a, &x)
	mustJSON(b, &y)
	return cmp.Equal(x, y)
}
