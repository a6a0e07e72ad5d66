package crashtest

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// wantLanded runs once more, whole, and checks that the target is what the
// source says.
func (p *project) wantLanded(round int) (took time.Duration) {
	p.t.Helper()
	said, took := p.whole("run")
	if !strings.Contains(said, "people succeeded") {
		p.t.Fatalf("round %d: %s", round, said)
	}
	wantSame(p.t, round, truth(p.t, p.path("people.jsonl")), table(p.t, p.path("target.db"), "people"))
	return took
}

// reverse takes the changes back that were made since, or makes of them a third
// version, by turns.
func (c *census) reverse(before map[string]person, round int, remove bool) {
	c.people = maps.Clone(before)
	if round%3 == 2 {
		c.mutate(remove)
	}
}

// The source goes back to what it was while the process is dead, so that
// nothing but the state tells what may stand at the target.
func TestKillRunAndReverse(t *testing.T) {
	p := newProject(t, fileSource+sqlSink+pipeline("source.file.people", "sink.sql.people"))
	c := newCensus(number(t, "KOPPEL_RECORDS", 3000))
	c.file(t, p.path("people.jsonl"))
	length := p.wantLanded(-1)
	for round := range number(t, "KOPPEL_KILLS", 20) {
		before := maps.Clone(c.people)
		c.mutate(true)
		c.file(t, p.path("people.jsonl"))
		p.killLate(c, length, "run")
		c.reverse(before, round, true)
		c.file(t, p.path("people.jsonl"))
		length = (length + p.wantLanded(round)) / 2
		p.wantClean()
	}
}

// The same of a saved plan, which is then left alone.
func TestKillApplyAndReverse(t *testing.T) {
	p := newProject(t, fileSource+sqlSink+pipeline("source.file.people", "sink.sql.people"))
	c := newCensus(number(t, "KOPPEL_RECORDS", 3000))
	c.file(t, p.path("people.jsonl"))
	length := p.wantLanded(-1)
	for round := range number(t, "KOPPEL_KILLS", 20) / 2 {
		before := maps.Clone(c.people)
		c.mutate(true)
		c.file(t, p.path("people.jsonl"))
		p.remove("a.plan")
		p.whole("plan")
		p.killLate(c, length, "apply")
		c.reverse(before, round, true)
		c.file(t, p.path("people.jsonl"))
		length = (length + p.wantLanded(round)) / 2
	}
}

// A mirror remembers what the dead process read, and its cursor has moved.
func TestKillIncrementalRunAndReverse(t *testing.T) {
	p := newProject(t, staffSource+sqlSink+pipeline("source.sql.people", "sink.sql.people"))
	c := newCensus(number(t, "KOPPEL_RECORDS", 3000))
	p.execute("hr.db", "CREATE TABLE staff(id TEXT PRIMARY KEY, first TEXT, last TEXT, city TEXT, changed INTEGER)")
	version := 0
	store := func() {
		version++
		var script strings.Builder
		for _, one := range c.people {
			fmt.Fprintf(&script, "INSERT OR REPLACE INTO staff VALUES ('%s','%s','%s','%s',%d);\n", one.ID, one.First, one.Last, one.City, version)
		}
		p.execute("hr.db", script.String())
		c.file(t, p.path("people.jsonl"))
	}
	store()
	length := p.wantLanded(-1)
	for round := range number(t, "KOPPEL_KILLS", 20) {
		before := maps.Clone(c.people)
		c.mutate(false)
		store()
		p.killLate(c, length, "run")
		c.reverse(before, round, false) // such a read does not tell of what is gone
		store()
		length = (length + p.wantLanded(round)) / 2
	}
}

// killLate kills in the second half of a run, where the target is written to.
func (p *project) killLate(c *census, length time.Duration, verb string) {
	p.t.Helper()
	p.kill(length/3+moment(c.random, length*2/3), verb)
}
