package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine"
	"koppel/engine/connector"
)

// The window of an agenda, around the clock of the run.
const (
	agendaPast   = 24 * time.Hour
	agendaFuture = 96 * time.Hour
)

type agendaConfig struct {
	Topic string `hcl:"topic,optional" doc:"an argument that tells one configuration from another"`
}

// Window is that of all agendas.
func (*agendaConfig) Window() connector.Window {
	return connector.Window{Field: "at", Past: connector.Duration(agendaPast), Future: connector.Duration(agendaFuture)}
}

// agendaKind reads a world as calendars: a partition is a mailbox, and a record
// stands in its window or not.
func (w *world) agendaKind() connector.Kind[connector.Source] {
	return connector.Define("agenda", "Calendars in memory.", agendaConfig{},
		func(_ context.Context, _ agendaConfig, env connector.Env) (connector.Source, error) {
			from, to := env.Window()
			return agendaSource{w: w, from: from, to: to}, nil
		})
}

// An agendaSource hands over what lies in the window, and what lies about it
// where the world is lavish.
type agendaSource struct {
	w        *world
	from, to string
}

func (s agendaSource) Read(ctx context.Context, out connector.Reader) error {
	all := s.w.parts
	defer func() { s.w.parts = all }()
	s.w.parts = map[string]map[string]rec{}
	for part, recs := range all {
		s.w.parts[part] = maps.Clone(recs)
		maps.DeleteFunc(s.w.parts[part], func(_ string, r rec) bool {
			at, _ := r["at"].(string)
			return !s.w.lavish && (at < s.from || at > s.to)
		})
	}
	return worldSource{s.w}.Read(ctx, out)
}

// An agenda is how calendars are delivered.
type agenda struct {
	topic string
	keys  string // identity, computed, each
}

func (a agenda) hcl() string {
	key, each := "", ""
	switch a.keys {
	case "computed":
		key = "  key = [src.id, \"x\"]\n"
	case "each":
		each, key = "  each = jq(\"1, 2\")\n", "  key = [src.id, item]\n"
	}
	return fmt.Sprintf(`
source "agenda" "s" {
  key   = ["id"]
  topic = %q
}
sink "world" "t" {}
pipeline "p" {
  from = source.agenda.s
  into = sink.world.t
%s%s  map { name = src.name }
  guard { deletes = 100000 }
}
`, a.topic, each, key)
}

// rowsOf are the keys under which a record is delivered.
func (a agenda) rowsOf(id string) []string {
	switch a.keys {
	case "computed":
		return []string{id + "/x"}
	case "each":
		return []string{id + "/1", id + "/2"}
	}
	return []string{id}
}

func newAgenda(t fatal, a agenda) *stage {
	w := newWorld()
	w.listed = true
	return newStage(t, w, a.hcl())
}

// meet puts a meeting into a calendar, some hours from now.
func (s *stage) meet(part, id, name string, hours int) {
	s.put(part, id, rec{"name": name, "at": s.now.Add(time.Duration(hours) * time.Hour).UTC().Format(time.RFC3339)})
}

// A meeting that slides out of its window in the very run in which its mailbox
// leaves the list took place, and stays as it is: then, and whatever becomes of
// the mailbox.
func TestMailboxLeavesWhenItsMeetingIsOver(t *testing.T) {
	for _, keys := range []string{"identity", "computed", "each"} {
		for _, saved := range []bool{false, true} {
			a := agenda{keys: keys}
			st := newAgenda(t, a)
			want := func(ids ...string) {
				t.Helper()
				all := []string{}
				for _, id := range ids {
					all = append(all, a.rowsOf(id)...)
				}
				if diff := cmp.Diff(all, slices.Sorted(maps.Keys(st.rows))); diff != "" {
					t.Errorf("%s, saved %v: target (-want +got)\n%s", keys, saved, diff)
				}
				if left := st.planned(engine.Options{}); len(left) > 0 {
					t.Errorf("%s, saved %v: left %v", keys, saved, left)
				}
			}
			succeeds := func() {
				t.Helper()
				run := st.saved
				if !saved {
					run = func() *engine.PipelineResult { return st.run(engine.Options{}) }
				}
				if p := run(); p.Status != "succeeded" || p.Counts.Waiting > 0 {
					t.Errorf("%s, saved %v: status %s, %d waiting", keys, saved, p.Status, p.Counts.Waiting)
				}
			}
			st.meet("north", "n1", "past", 1)
			st.meet("north", "n2", "to come", 72)
			st.meet("south", "s1", "stays", 72)
			succeeds()
			want("n1", "n2", "s1")

			north := st.parts["north"]
			delete(st.parts, "north")
			st.now = st.now.Add(26 * time.Hour)
			succeeds()
			want("n1", "s1") // n2 will not take place
			succeeds()
			st.faults.noParts = true
			succeeds()
			st.faults.noParts = false
			want("n1", "s1")

			// It comes back, and leaves again.
			st.parts["north"] = north
			succeeds()
			want("n1", "n2", "s1")
			delete(st.parts, "north")
			succeeds()
			want("n1", "s1")
			// Its source is read otherwise.
			a.topic = "other"
			st.load(a.hcl())
			succeeds()
			succeeds()
			want("n1", "s1")
			// What was over is to take place again.
			st.meet("north", "n1", "again", 5)
			succeeds()
			want("n1", "s1")
			st.remove("north", "n1")
			succeeds()
			want("s1")
			st.close()
		}
	}
}

// A ledger is what a target of calendars may hold, by what was read of them.
type ledger struct {
	known map[string]time.Time // when each meeting is that was delivered, by id
	part  map[string]string
	over  map[string]bool // it was in the directory when it slid out
}

// read takes what a run was told at a time, and gives the ids that may go.
func (l *ledger) read(w *world, now time.Time, all map[string]rec) map[string]bool {
	may := map[string]bool{}
	for part, ids := range w.read {
		for id := range ids {
			at, err := time.Parse(time.RFC3339, all[id]["at"].(string))
			if err != nil {
				panic(err)
			}
			l.known[id], l.part[id] = at, part
		}
	}
	for id, at := range l.known {
		_, listed := w.parts[l.part[id]]
		gone := !listed && w.listed && !w.faults.noParts || w.complete[l.part[id]] && !w.read[l.part[id]][id]
		switch {
		case !inside(at, now):
			l.over[id] = true
		case gone:
			may[id] = true
		default:
			delete(l.over, id)
		}
	}
	return may
}

func inside(at, now time.Time) bool {
	return !at.Before(now.Add(-agendaPast)) && !at.After(now.Add(agendaFuture))
}

// Whatever becomes of mailboxes, meetings and reads while the clock goes on:
// nothing that took place is taken away, nothing goes without proof, and after a
// good run all that is to come is there, and nothing else of it.
func TestCalendarsConverge(t *testing.T) {
	mailboxes := []string{"east", "north", "south"}
	check(t, func(t *rapid.T) {
		a := agenda{keys: rapid.SampledFrom([]string{"identity", "computed", "each"}).Draw(t, "keys")}
		st := newAgenda(t, a)
		defer st.close()
		l := &ledger{known: map[string]time.Time{}, part: map[string]string{}, over: map[string]bool{}}
		away := map[string]map[string]rec{}
		st.parts["north"] = map[string]rec{}
		for range rapid.IntRange(2, 7).Draw(t, "runs") {
			st.now = st.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "hours")) * time.Hour)
			for range rapid.IntRange(0, 5).Draw(t, "changes") {
				part := rapid.SampledFrom(mailboxes).Draw(t, "mailbox")
				if st.parts[part] == nil {
					continue
				}
				id := part[:1] + rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "id")
				if rapid.IntRange(0, 3).Draw(t, "cancel") == 0 {
					st.remove(part, id)
				} else {
					st.meet(part, id, rapid.SampledFrom([]string{"A", "B"}).Draw(t, "name"), rapid.IntRange(-40, 120).Draw(t, "at"))
				}
			}
			box := rapid.SampledFrom(mailboxes).Draw(t, "comes or goes")
			switch {
			case rapid.Bool().Draw(t, "stays"):
			case st.parts[box] != nil && len(st.parts) > 1:
				away[box] = st.parts[box]
				delete(st.parts, box)
			case st.parts[box] == nil:
				if st.parts[box] = away[box]; away[box] == nil {
					st.parts[box] = map[string]rec{}
				}
			}
			if rapid.IntRange(0, 5).Draw(t, "read otherwise") == 0 {
				a.topic += "x"
				st.load(a.hcl())
			}
			st.lavish, st.reversed = rapid.Bool().Draw(t, "lavish"), rapid.Bool().Draw(t, "reversed")
			st.faults = calendarFaults(t, st.world)
			l.run(t, st)
		}
		st.faults = faults{}
		l.run(t, st)
		l.settled(t, st, a)
	})
}

func calendarFaults(t *rapid.T, w *world) faults {
	f := faults{noParts: rapid.IntRange(0, 7).Draw(t, "no parts") == 0}
	names := slices.Sorted(maps.Keys(w.parts))
	if rapid.IntRange(0, 3).Draw(t, "fails") == 0 {
		f.failPart = map[string]int{rapid.SampledFrom(names).Draw(t, "failing"): rapid.IntRange(0, 2).Draw(t, "after")}
	}
	if rapid.IntRange(0, 5).Draw(t, "skips") == 0 {
		f.skipPart = map[string]bool{rapid.SampledFrom(names).Draw(t, "skipping"): true}
	}
	return f
}

// run runs, perhaps to its death, and judges what is not there any more.
func (l *ledger) run(t *rapid.T, st *stage) {
	before, now := maps.Clone(st.rows), st.now
	all := map[string]rec{}
	for _, recs := range st.parts {
		maps.Copy(all, recs)
	}
	t.Logf("%s: %v, faults %+v", now.Format(time.RFC3339), st.parts, st.faults)
	dies := rapid.IntRange(0, 3).Draw(t, "dies") == 0 && !st.faults.none()
	if dies {
		st.arm(anyCrash(t))
	}
	if rapid.IntRange(0, 2).Draw(t, "saved") == 0 {
		st.saved()
	} else {
		st.run(engine.Options{})
	}
	if dies {
		st.die()
	}
	t.Logf("target %v", showRows(st.rows))
	may := l.read(st.world, now, all)
	for key := range before {
		if _, stands := st.rows[key]; !stands && !may[strings.Split(key, "/")[0]] {
			t.Fatalf("%s was taken away", key)
		}
	}
}

// none tells that nothing goes wrong.
func (f faults) none() bool { return len(f.failPart)+len(f.skipPart) == 0 && !f.noParts }

// settled compares the target with the calendars: what took place may stand
// there or not.
func (l *ledger) settled(t *rapid.T, st *stage, a agenda) {
	now := st.now.Add(-time.Minute)
	want, got := map[string]string{}, maps.Clone(st.rows)
	for _, recs := range st.parts {
		for id, r := range recs {
			if at, _ := time.Parse(time.RFC3339, r["at"].(string)); inside(at, now) {
				for _, key := range a.rowsOf(id) {
					want[key] = fmt.Sprintf(`{"name":%q}`, r["name"])
				}
			}
		}
	}
	maps.DeleteFunc(got, func(key, _ string) bool { return l.over[strings.Split(key, "/")[0]] && want[key] == "" })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("target (-want +got)\n%s", diff)
	}
	if left := st.planned(engine.Options{}); len(left) > 0 {
		t.Fatalf("left: %v", left)
	}
}
