package engine_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine"
	"koppel/engine/state"
)

// A shape is one way to configure the pipeline of a stage.
type shape struct {
	mirror     string // none, snapshot, delta, partial
	keys       string // identity, computed, each
	listed     bool
	journalled bool
	mute       bool
	upper      bool // the mapping has names in capitals
	matching   bool // the target tells earlier rows, and no keys of them
	batch      int  // changes that go to the target at once; 0: as many as there are
}

func (s shape) hcl() string {
	var b strings.Builder
	b.WriteString("source \"world\" \"s\" {\n  key = [\"id\"]\n")
	switch s.mirror {
	case "snapshot":
		b.WriteString("  snapshot = true\n")
	case "delta", "partial":
		b.WriteString("  incremental { cursor = [\"v\"] }\n")
	}
	fmt.Fprintf(&b, "}\nsink \"world\" \"t\" {\n  journalled = %v\n  mute = %v\n  matching = %v\n  batch = %d\n}\n", s.journalled, s.mute, s.matching, s.batch)
	b.WriteString("pipeline \"p\" {\n  from = source.world.s\n  into = sink.world.t\n  where = expr(\"!src.hidden\")\n")
	switch s.keys {
	case "computed":
		b.WriteString("  key = src.code\n")
	case "each":
		b.WriteString("  each = jq(<<-JQ\n    (.tags // \"\") / \"\" | .[]\n  JQ\n  )\n  key = [src.id, item]\n")
	}
	name := "src.name"
	if s.upper {
		name = "upper(src.name)"
	}
	fmt.Fprintf(&b, "  map {\n    name = %s\n    n = number(src.n)\n  }\n  guard { deletes = 100000 }\n}\n", name)
	return b.String()
}

func anyShape(t *rapid.T) shape {
	s := shape{
		mirror:     rapid.SampledFrom([]string{"none", "snapshot", "delta", "partial"}).Draw(t, "mirror"),
		keys:       rapid.SampledFrom([]string{"identity", "computed", "each"}).Draw(t, "keys"),
		listed:     rapid.Bool().Draw(t, "listed"),
		journalled: rapid.Bool().Draw(t, "journalled"),
		batch:      rapid.IntRange(0, 3).Draw(t, "batch"),
	}
	s.mute = s.journalled && rapid.IntRange(0, 3).Draw(t, "mute") == 0
	return s
}

func (s shape) apply(w *world) {
	w.listed = s.listed
	w.delta = s.mirror == "delta" || s.mirror == "partial"
	w.partial = s.mirror == "partial"
}

// keysOf are the keys that a record gives; ok is false when it fails.
func (s shape) keysOf(id string, r rec) (keys []string, ok bool) {
	if r == nil || r["hidden"] == true {
		return nil, true
	}
	switch s.keys {
	case "identity":
		keys = []string{id}
	case "computed":
		code, _ := r["code"].(string)
		if code == "" {
			return nil, false
		}
		keys = []string{code}
	case "each":
		tags, _ := r["tags"].(string)
		for _, t := range tags {
			keys = append(keys, id+"/"+string(t))
		}
	}
	return keys, r["n"] != "x" || len(keys) == 0
}

// body is what a record is mapped to.
func (s shape) body(r rec) map[string]any {
	name, n := r["name"], r["n"]
	if text, ok := name.(string); ok && s.upper {
		name = strings.ToUpper(text)
	}
	if text, ok := n.(string); ok {
		n = json.Number(text)
	}
	return map[string]any{"name": name, "n": n}
}

// A claim is a key that a source record gives.
type claim struct {
	part, id string
	body     map[string]any
	ok       bool
}

// claims lists who gives each key, by the source as it stands.
func (s shape) claims(w *world) map[string][]claim {
	all := map[string][]claim{}
	for part, recs := range w.parts {
		for id, r := range recs {
			keys, ok := s.keysOf(id, r)
			for _, k := range keys {
				all[k] = append(all[k], claim{part: part, id: id, body: s.body(r), ok: ok})
			}
		}
	}
	return all
}

// truth is what the target should hold when nothing is wrong.
func (s shape) truth(w *world) map[string]map[string]any {
	rows := map[string]map[string]any{}
	for k, cs := range s.claims(w) {
		rows[k] = cs[0].body
	}
	return rows
}

func decoded(rows map[string]string) map[string]map[string]any {
	out := map[string]map[string]any{}
	for k, text := range rows {
		var v map[string]any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			panic(err)
		}
		out[k] = v
	}
	return out
}

var (
	ids       = []string{"a", "b", "c", "d", "e"}
	partNames = []string{"north", "south"}
)

func anyRec(t *rapid.T, s shape, id string) rec {
	r := rec{"name": rapid.SampledFrom([]any{"Ann", "Bob", "Cor", nil}).Draw(t, "name")}
	r["n"] = rapid.SampledFrom([]any{"1", "2", "3", "3", nil, "x"}).Draw(t, "n")
	if rapid.IntRange(0, 4).Draw(t, "hidden") == 0 {
		r["hidden"] = true
	}
	switch s.keys {
	case "computed":
		r["code"] = rapid.SampledFrom([]any{id + "1", id + "2", "shared"}).Draw(t, "code")
	case "each":
		r["tags"] = rapid.SampledFrom([]string{"", "p", "pq", "q"}).Draw(t, "tags")
	}
	return r
}

// partOf draws the partition for a new record.
func partOf(t *rapid.T, s shape) string {
	if !s.listed {
		return ""
	}
	return rapid.SampledFrom(partNames).Draw(t, "part")
}

// mutate changes the source a little.
func mutate(t *rapid.T, s shape, w *world) {
	for range rapid.IntRange(0, 4).Draw(t, "mutations") {
		id := rapid.SampledFrom(ids).Draw(t, "id")
		home := ""
		found := false
		for _, p := range slices.Sorted(maps.Keys(w.parts)) {
			if _, ok := w.parts[p][id]; ok {
				home, found = p, true
			}
		}
		if found && rapid.IntRange(0, 2).Draw(t, "remove") == 0 {
			w.remove(home, id)
			if !rapid.Bool().Draw(t, "back") {
				continue
			}
		}
		part := partOf(t, s)
		if found && part != home {
			w.remove(home, id)
		}
		w.put(part, id, anyRec(t, s, id))
	}
	if s.listed && rapid.IntRange(0, 7).Draw(t, "drop part") == 0 {
		part := rapid.SampledFrom(partNames).Draw(t, "part")
		for _, id := range slices.Sorted(maps.Keys(w.parts[part])) {
			w.remove(part, id)
		}
		delete(w.parts, part)
	}
	if len(w.parts) == 0 {
		w.parts[partOf(t, s)] = map[string]rec{}
	}
}

// mutateKeys are keys that a sink may have trouble with.
func sinkKeys(s shape, w *world) []string {
	return slices.Sorted(maps.Keys(s.claims(w)))
}

func anyFaults(t *rapid.T, s shape, w *world) faults {
	f := faults{}
	chance := func(label string, in int) bool { return rapid.IntRange(0, in).Draw(t, label) == 0 }
	names := slices.Sorted(maps.Keys(w.parts))
	if chance("fails", 3) {
		f.failPart = map[string]int{rapid.SampledFrom(names).Draw(t, "failing"): rapid.IntRange(0, 3).Draw(t, "after")}
	}
	if chance("read error", 6) {
		f.readErr = rapid.IntRange(1, 6).Draw(t, "at")
	}
	if s.listed && chance("skipped", 4) {
		f.skipPart = map[string]bool{rapid.SampledFrom(names).Draw(t, "skipping"): true}
	}
	if s.listed && chance("no parts", 6) {
		f.noParts = true
	}
	if chance("expired", 3) {
		f.expired = map[string]bool{rapid.SampledFrom(names).Draw(t, "expiring"): true}
	}
	if chance("unkeyed", 9) {
		f.unkeyed = true
	}
	if chance("twice", 6) {
		f.twice = map[string]string{rapid.SampledFrom(ids).Draw(t, "twin"): rapid.SampledFrom(names).Draw(t, "twin in")}
	}
	if keys := sinkKeys(s, w); len(keys) > 0 {
		if chance("refuses", 3) {
			f.refuse = map[string]bool{rapid.SampledFrom(keys).Draw(t, "refused"): true}
		}
		if chance("loses", 3) {
			f.unknown = map[string]bool{rapid.SampledFrom(keys).Draw(t, "lost"): rapid.Bool().Draw(t, "took it")}
		}
		if chance("write error", 5) {
			f.writeErr = rapid.IntRange(1, 4).Draw(t, "write error at")
		}
	}
	return f
}

// readAnywhere tells whether the last read handed a record over.
func (w *world) readAnywhere(id string) bool {
	for _, read := range w.read {
		if read[id] {
			return true
		}
	}
	return false
}

// A history remembers which source record each row came from.
type homes map[string]claim

// judge holds what a run did against what it may do.
func (s shape) judge(t *rapid.T, w *world, before map[string]map[string]any, home homes) {
	claims := s.claims(w)
	after := decoded(w.rows)
	for key := range before {
		if _, stands := after[key]; stands {
			continue
		}
		h := home[key]
		_, listed := w.parts[h.part]
		gone := !listed && w.listed && !w.faults.noParts
		told, _ := s.keysOf(h.id, w.told[[2]string{h.part, h.id}])
		switch {
		case s.mirror != "none" && !slices.Contains(told, key): // the mirror knew
		case slices.ContainsFunc(claims[key], func(c claim) bool {
			return c.part == h.part && c.id == h.id || c.ok && len(claims[key]) == 1 && w.read[c.part][c.id] && w.faults.twice[c.id] == ""
		}):
			t.Fatalf("%s was deleted although %+v gives it", key, claims[key])
		case w.faults.unkeyed && len(w.complete) > 0:
			t.Fatalf("%s was deleted although a record without a key was read", key)
		case gone, w.complete[h.part] && !slices.ContainsFunc(w.twins, w.readAnywhere), w.readAnywhere(h.id):
		case !slices.Contains(told, key): // another record had taken it over in a run that was cut off
		default:
			t.Fatalf("%s of %s in %q was deleted without proof", key, h.id, h.part)
		}
	}
}

// settled remembers where the rows come from now. Of a key that is open, the
// run may not have judged that it comes from elsewhere.
func (s shape) settled(w *world, home homes, open []state.Open) {
	claims := s.claims(w)
	for id, part := range w.faults.twice {
		if _, stands := w.rows[id]; stands && len(claims[id]) == 0 && w.has(id) {
			home[id] = claim{part: part, id: id}
		}
	}
	for key, text := range w.rows {
		if cs := claims[key]; len(cs) == 1 && cmp.Equal(cs[0].body, decoded(map[string]string{key: text})[key]) {
			isOpen := slices.ContainsFunc(open, func(o state.Open) bool { return o.Key == w.keys[key] })
			// Nor does it where the record collided.
			if _, known := home[key]; known && (isOpen || slices.Contains(w.twins, cs[0].id)) {
				continue
			}
			if w.read[cs[0].part][cs[0].id] {
				home[key] = cs[0]
			}
		}
	}
}

// heal makes the source one that can be delivered whole.
func heal(s shape, w *world) {
	for _, part := range slices.Sorted(maps.Keys(w.parts)) {
		for _, id := range slices.Sorted(maps.Keys(w.parts[part])) {
			r := maps.Clone(w.parts[part][id])
			if r["n"] == "x" {
				r["n"] = "7"
			}
			if s.keys == "computed" && r["code"] == "shared" {
				r["code"] = id + "9"
			}
			if !maps.Equal(r, w.parts[part][id]) {
				w.put(part, id, r)
			}
		}
	}
	w.faults = faults{}
}

// Whatever went wrong before: nothing is deleted without proof, nothing is
// sent twice that may not be, and once nothing is wrong any more the target is
// what the source says, and the next plan is empty.
func TestTargetConverges(t *testing.T) {
	check(t, func(t *rapid.T) {
		s := anyShape(t)
		w := newWorld()
		s.apply(w)
		w.parts[partOf(t, s)] = map[string]rec{}
		t.Logf("shape %+v", s)
		st := newStage(t, w, s.hcl())
		defer st.close()
		home := homes{}
		for range rapid.IntRange(1, 5).Draw(t, "runs") {
			mutate(t, s, w)
			w.faults = anyFaults(t, s, w)
			w.reversed, w.retold = rapid.Bool().Draw(t, "reversed"), rapid.Bool().Draw(t, "retold")
			if rapid.IntRange(0, 5).Draw(t, "remap") == 0 {
				s.upper = !s.upper
				st.load(s.hcl())
			}
			before := decoded(w.rows)
			t.Logf("source %v, faults %+v", w.parts, w.faults)
			dies := rapid.IntRange(0, 2).Draw(t, "dies") == 0
			if dies {
				st.arm(anyCrash(t))
			}
			saved := rapid.IntRange(0, 2).Draw(t, "saved") == 0
			if saved {
				st.saved()
			} else {
				st.run(engine.Options{Full: rapid.IntRange(0, 4).Draw(t, "full") == 0})
			}
			if dies && st.die() && saved && rapid.Bool().Draw(t, "resume") {
				st.resume()
			}
			t.Logf("target %v", showRows(w.rows))
			s.judge(t, w, before, home)
			s.settled(w, home, st.open())
		}
		converge(t, s, st)
	})
}

// converge heals the world and checks that one run brings everything right.
func converge(t *rapid.T, s shape, st *stage) {
	w := st.world
	heal(s, w)
	t.Logf("healed: source %v", w.parts)
	st.run(engine.Options{})
	doubt := st.inDoubt()
	if len(doubt) > 0 && !(s.journalled && s.mute) {
		t.Fatalf("in doubt: %v", doubt)
	}
	want, got := s.truth(w), decoded(w.rows)
	for _, key := range doubt {
		delete(want, key)
		delete(got, key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("target (-want +got)\n%s", diff)
	}
	if len(w.doubled) > 0 {
		t.Fatalf("doubled: %v", w.doubled)
	}
	if left := st.planned(engine.Options{}); len(left) > 0 {
		t.Fatalf("the plan after the run is not empty: %v", left)
	}
}

// inDoubt lists the keys whose calls were left without an answer.
func (s *stage) inDoubt() []string {
	var keys []string
	for _, o := range s.open() {
		if o.Reason == "in doubt" {
			keys = append(keys, o.Key.String())
		}
	}
	return keys
}
