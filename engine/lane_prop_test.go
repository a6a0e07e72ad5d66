package engine_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/state"
)

// A lanedSink keeps order among the records of one lane.
type lanedSink struct{ connector.Sink }

func (lanedSink) Lane(c record.Change) string {
	body := c.After
	if body == nil {
		body = c.Before
	}
	text, _ := record.Text(record.Member(body, "lane"))
	return text
}

// A findingLane can be asked what it holds, too.
type findingLane struct {
	lanedSink
	connector.Finder
}

// A laneShape is a pipeline into a target that keeps order.
type laneShape struct {
	delta, reversed, journalled, mute bool
	batch                             int
}

func (s laneShape) hcl() string {
	source := ""
	if s.delta {
		source = "incremental {\n cursor = [\"n\"]\n }"
	}
	return fmt.Sprintf(`
source "world" "s" {
  key = ["id"]
  %s
}
sink "world" "t" {
  ordered    = true
  journalled = %t
  mute       = %t
  batch      = %d
}
pipeline "p" {
  from = source.world.s
  into = sink.world.t
  map {
    id   = src.id
    name = src.name
    lane = src.code
  }
  field "name" { required = true }
  guard { creates = 2 }
}
`, source, s.journalled, s.mute, s.batch)
}

// A laneModel knows in which order the records of the source came.
type laneModel struct {
	*stage
	t     *rapid.T
	shape laneShape
	// came is when a record was read last as it is now: the run, then its place.
	came map[string][2]int
	last map[string]any // names as the last read showed them
	run  int
}

func (m *laneModel) wanted(id string) map[string]any {
	r, ok := m.parts[""][id]
	if !ok || r["name"] == nil {
		return nil
	}
	return map[string]any{"id": id, "name": r["name"], "lane": r["code"]}
}

// before tells whether one record stands before another in the source.
func (m *laneModel) before(a, b string) bool {
	if !m.shape.delta || m.came[a][0] == m.came[b][0] {
		return m.reversed != (a < b) && a != b
	}
	return m.came[a][0] < m.came[b][0]
}

// wrote checks that a change was not sent ahead of another one of its lane.
func (m *laneModel) wrote(c *record.Change) {
	id := c.Key.String()
	if c.Op == record.Delete || m.parts[""][id] == nil {
		return
	}
	aside := map[string]bool{}
	for _, o := range m.open() {
		switch o.Reason {
		case state.Dismissed, state.Rejected:
			aside[o.Key.String()] = true
		}
	}
	lane := m.parts[""][id]["code"]
	for other, r := range m.parts[""] {
		want := m.wanted(other)
		if want == nil {
			// It fails: the others wait while its lane is known by a change of it
			// that is open.
			continue
		}
		if r["code"] != lane || !m.before(other, id) || aside[other] {
			continue
		}
		var row map[string]any
		if m.rows[other] != "" {
			mustJSON(m.rows[other], &row)
		}
		if diff := cmp.Diff(want, row); diff != "" {
			m.t.Fatalf("%s %s was sent before %s of its lane was delivered (-want +got)\n%s\nopen %v", c.Op, id, other, diff, showOpen(m.open()))
		}
	}
}

func showOpen(list []state.Open) (out []string) {
	for _, o := range list {
		out = append(out, fmt.Sprintf("%s %s %s at %d %s", engine.ShowKey(o.Key), o.Reason, o.Op, o.Order, o.Note))
	}
	return out
}

// read notes when the records came. One that is as the last read showed it has
// not come anew.
func (m *laneModel) read() {
	m.run++
	last := map[string]any{}
	for id, r := range m.parts[""] {
		if name, known := m.last[id]; !known || name != r["name"] {
			m.came[id] = [2]int{m.run, 0}
		}
		last[id] = r["name"]
	}
	m.last = last
}

func newLanes(t *rapid.T, s laneShape) *laneModel {
	w := newWorld()
	w.delta, w.reversed = s.delta, s.reversed
	m := &laneModel{t: t, shape: s, came: map[string][2]int{}}
	m.stage = newStage(t, w, s.hcl())
	w.wrote = m.wrote
	return m
}

// Whatever is refused, held, lost, not sent or dies: no change goes ahead of an
// earlier one of its lane, nothing is sent twice, and in the end all is there.
func TestLanesKeepOrder(t *testing.T) {
	for _, s := range []laneShape{
		{}, {journalled: true}, {journalled: true, mute: true, reversed: true}, {delta: true, journalled: true}, {delta: true, batch: 3},
	} {
		t.Run(fmt.Sprintf("%+v", s), func(t *testing.T) {
			check(t, func(rt *rapid.T) {
				m := newLanes(rt, s)
				defer m.close()
				for range rapid.IntRange(2, 10).Draw(rt, "steps") {
					m.step()
				}
				m.settleLanes()
			})
		})
	}
}

func (m *laneModel) step() {
	t := m.t
	ids := rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6"})
	for range rapid.IntRange(0, 4).Draw(t, "moves") {
		id := ids.Draw(t, "id")
		switch rapid.SampledFrom([]string{"put", "put", "put", "fails", "remove", "refuse", "lose", "unsent", "mend", "turn"}).Draw(t, "move") {
		case "put":
			m.put("", id, rec{"name": rapid.SampledFrom([]string{"Ann", "Bob", "Cor"}).Draw(t, "name"), "code": "lane" + fmt.Sprint(id[0]%2)})
		case "fails":
			m.put("", id, rec{"name": nil, "code": "lane" + fmt.Sprint(id[0]%2)})
		case "remove":
			m.remove("", id)
		case "refuse":
			m.faults.refuse = map[string]bool{id: true}
		case "lose":
			m.faults.unknown = map[string]bool{id: rapid.Bool().Draw(t, "took")}
		case "unsent":
			m.faults.unsent = map[string]bool{id: true}
		case "mend":
			m.faults = faults{}
		case "turn":
			// A source that is read anew each time may have moved what is open to
			// another place.
			m.reversed = m.reversed != !m.shape.delta
		}
	}
	m.read()
	switch rapid.SampledFrom([]string{"run", "run", "run", "saved", "crash", "error"}).Draw(t, "how") {
	case "saved":
		m.saved()
	case "crash":
		m.crashed(&crash{at: rapid.IntRange(1, 4).Draw(t, "at"), early: rapid.Bool().Draw(t, "early"), after: rapid.IntRange(-1, 1).Draw(t, "after")}, false)
	case "error":
		m.faults.writeErr = 1
		m.stage.run(engine.Options{})
		m.faults.writeErr = 0
	default:
		m.stage.run(engine.Options{Scheduled: rapid.Bool().Draw(t, "scheduled")})
	}
	m.decide()
}

// decide lets a person decide about something that is open.
func (m *laneModel) decide() {
	open := m.open()
	if len(open) == 0 {
		return
	}
	o := rapid.SampledFrom(open).Draw(m.t, "open")
	d := engine.Decision{Addresses: []string{"pipeline.p"}, Only: []string{engine.ShowKey(o.Key)}, Reason: "a test", Who: "tester"}
	var err error
	switch act := rapid.SampledFrom([]string{"none", "retry", "dismiss", "approve", "reject"}).Draw(m.t, "act"); {
	case act == "retry" && o.Reason == state.Refused:
		_, err = m.eng.Retry(context.Background(), d)
	case act == "dismiss" && o.Reason == state.Refused:
		_, err = m.eng.Dismiss(context.Background(), d)
	case act == "approve" && o.Reason == state.Held:
		_, err = m.eng.Approve(context.Background(), d)
	case act == "reject" && o.Reason == state.Held:
		_, err = m.eng.Reject(context.Background(), d)
	}
	if err != nil {
		m.t.Fatalf("decide: %v", err)
	}
}

// settleLanes lets everything through that nobody set aside, and checks that
// the target is what it should be.
func (m *laneModel) settleLanes() {
	m.faults = faults{}
	for _, id := range slices.Sorted(maps.Keys(m.parts[""])) {
		if r := m.parts[""][id]; r["name"] == nil {
			m.put("", id, rec{"name": "Mended", "code": r["code"]})
		}
	}
	aside := map[string]bool{}
	for range 12 {
		m.read()
		m.stage.run(engine.Options{})
		d := engine.Decision{Addresses: []string{"pipeline.p"}, Reason: "a test", Who: "tester"}
		if _, err := m.eng.Approve(context.Background(), d); err != nil {
			m.t.Fatalf("approve: %v", err)
		}
		for _, o := range m.open() {
			if o.Reason != state.InDoubt {
				continue
			}
			// A person looks at the target.
			d.Only = []string{engine.ShowKey(o.Key)}
			delete(m.rows, o.Key.String())
			if _, err := m.eng.Retry(context.Background(), d); err != nil {
				m.t.Fatalf("retry: %v", err)
			}
		}
	}
	for _, o := range m.open() {
		if o.Reason == state.Dismissed || o.Reason == state.Rejected || o.Reason == state.Failed {
			aside[o.Key.String()] = true
		}
	}
	want, got := map[string]any{}, map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(m.parts[""])) {
		if !aside[id] {
			want[id] = m.wanted(id)
		}
	}
	for key, row := range m.rows {
		if !aside[key] {
			var v map[string]any
			mustJSON(row, &v)
			got[key] = v
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		m.t.Fatalf("target (-want +got)\n%s\nopen %v", diff, showOpen(m.open()))
	}
	if len(m.doubled) > 0 {
		m.t.Fatalf("sent twice: %v", m.doubled)
	}
}

// A change that is refused, and then fails before the sink, still holds its
// lane up.
func TestAFailingRecordHoldsItsLane(t *testing.T) {
	w := newWorld()
	st := newStage(t, w, strings.Replace(laneShape{}.hcl(), "guard { creates = 2 }", "", 1))
	t.Cleanup(st.close)
	st.put("", "1", rec{"name": "Ann", "code": "a"})
	st.faults.refuse = map[string]bool{"1": true}
	st.run(engine.Options{})
	st.faults = faults{}
	st.put("", "1", rec{"name": nil, "code": "a"})
	st.put("", "2", rec{"name": "Bob", "code": "a"})
	st.put("", "3", rec{"name": "Cor", "code": "b"})
	for range 2 {
		st.run(engine.Options{})
		if diff := cmp.Diff([]string{"3"}, slices.Sorted(maps.Keys(st.rows))); diff != "" {
			t.Fatalf("(-want +got)\n%s", diff)
		}
	}
	st.put("", "1", rec{"name": "Ann", "code": "a"})
	st.run(engine.Options{})
	if diff := cmp.Diff([]string{"1", "2", "3"}, slices.Sorted(maps.Keys(st.rows))); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
}

// What is open holds its lane up from the place where its record stands now: a
// source that is read anew each time may have moved it.
func TestAnOpenRecordHoldsItsLaneFromWhereItStands(t *testing.T) {
	w := newWorld()
	st := newStage(t, w, strings.Replace(laneShape{}.hcl(), "guard { creates = 2 }", "", 1))
	t.Cleanup(st.close)
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		st.put("", id, rec{"name": "Ann", "code": map[bool]string{true: "a", false: "b"}[id == "3" || id == "5"]})
	}
	st.run(engine.Options{})
	names := func() string {
		var list []string
		for _, id := range []string{"3", "5"} {
			var row map[string]any
			mustJSON(st.rows[id], &row)
			list = append(list, fmt.Sprint(row["name"]))
		}
		return strings.Join(list, " ")
	}
	st.faults.refuse = map[string]bool{"5": true}
	st.put("", "5", rec{"name": "Bob", "code": "a"})
	st.run(engine.Options{})
	for _, reversed := range []bool{true, false} {
		w.reversed = reversed // 5 stands before 3, and then behind it
		st.put("", "3", rec{"name": fmt.Sprint("Cor ", reversed), "code": "a"})
		st.run(engine.Options{Scheduled: true}) // what was refused is not due yet
		if want := map[bool]string{true: "Ann Ann", false: "Cor false Ann"}[reversed]; names() != want {
			t.Errorf("reversed %t: %s, want %s", reversed, names(), want)
		}
	}
}

// A delete whose answer was lost, at a target that can't be asked, may have been
// done: when the record is wanted again as it was, it is sent, and not as a
// create, which might double it.
func TestALostDeleteOfARecordThatIsBack(t *testing.T) {
	for _, took := range []bool{true, false} {
		w := newWorld()
		st := newStage(t, w, strings.Replace(laneShape{journalled: true, mute: true}.hcl(), "guard { creates = 2 }", "guard { deletes = 5 }", 1))
		t.Cleanup(st.close)
		for _, id := range []string{"1", "2"} {
			st.put("", id, rec{"name": "Ann", "code": "a"})
		}
		st.run(engine.Options{})
		st.faults.unknown = map[string]bool{"1": took}
		st.remove("", "1")
		st.run(engine.Options{})
		st.faults = faults{}
		st.put("", "1", rec{"name": "Ann", "code": "a"})
		st.run(engine.Options{})
		if diff := cmp.Diff([]string{"1", "2"}, slices.Sorted(maps.Keys(st.rows))); diff != "" || len(st.doubled) > 0 {
			t.Errorf("took %t: doubled %v (-want +got)\n%s", took, st.doubled, diff)
		}
		st.remove("", "1")
		st.run(engine.Options{})
		if diff := cmp.Diff([]string{"2"}, slices.Sorted(maps.Keys(st.rows))); diff != "" {
			t.Errorf("took %t, gone again (-want +got)\n%s", took, diff)
		}
	}
}
