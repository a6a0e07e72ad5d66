package crashtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const sqlSink = `
connection "sqlite" "db" { path = "target.db" }
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
`

const fileSource = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
`

// pipeline is the mapping that truth repeats by its own means.
func pipeline(from, into string) string {
	return fmt.Sprintf(`
pipeline "people" {
  from  = %s
  into  = %s
  where = expr("src.city != 'Nowhere'")
  map {
    id   = src.id
    name = words(src.first, src.last)
    city = upper(src.city)
  }
  guard { deletes = 1000000000 }
}
`, from, into)
}

// A person is one record of the source.
type person struct {
	ID    string `json:"id"`
	First string `json:"first"`
	Last  string `json:"last"`
	City  string `json:"city"`
}

var cities = []string{"Gouda", "Delft", "Nowhere", "Breda", "Assen"}

// A census is the source as tests change it.
type census struct {
	people map[string]person
	random *rand.Rand
	next   int
}

func newCensus(n int) *census {
	c := &census{people: map[string]person{}, random: rand.New(rand.NewPCG(7, uint64(n)))}
	for range n {
		c.add()
	}
	return c
}

func (c *census) add() {
	c.next++
	id := fmt.Sprintf("p%06d", c.next)
	c.people[id] = person{ID: id, First: fmt.Sprintf("F%d", c.random.IntN(1000)), Last: "L", City: cities[c.random.IntN(len(cities))]}
}

// mutate adds, removes and changes about one in eight each.
func (c *census) mutate(remove bool) (changed []person) {
	for id, p := range maps.Clone(c.people) {
		switch c.random.IntN(8) {
		case 0:
			p.First, p.City = fmt.Sprintf("G%d", c.random.IntN(1000)), cities[c.random.IntN(len(cities))]
			c.people[id] = p
			changed = append(changed, p)
		case 1:
			if remove {
				delete(c.people, id)
				c.add()
			}
		}
	}
	return changed
}

func (c *census) file(t *testing.T, path string) {
	t.Helper()
	var b strings.Builder
	for _, p := range c.people {
		line, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// truth is what the target must hold, worked out from the source file alone.
func truth(t *testing.T, path string) map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var p person
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if p.City != "Nowhere" {
			rows[p.ID] = p.First + " " + p.Last + "|" + strings.ToUpper(p.City)
		}
	}
	return rows
}

// table reads the target, apart from all that Koppel does with it.
func table(t *testing.T, path, name string) map[string]string {
	t.Helper()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows := map[string]string{}
	err = sqlitex.ExecuteTransient(c, "SELECT id, name, city FROM "+name, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		if _, twice := rows[s.ColumnText(0)]; twice {
			return fmt.Errorf("%s stands there twice", s.ColumnText(0))
		}
		rows[s.ColumnText(0)] = s.ColumnText(1) + "|" + s.ColumnText(2)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func (p *project) execute(db, script string) {
	p.t.Helper()
	c, err := sqlite.OpenConn(p.path(db), sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		p.t.Fatal(err)
	}
	defer c.Close()
	if err := sqlitex.ExecuteScript(c, script, nil); err != nil {
		p.t.Fatal(err)
	}
}

// firstLength is about how long a run takes; later ones are measured.
const firstLength = 150 * time.Millisecond

// moment is where in a run of the given length a kill falls.
func moment(r *rand.Rand, length time.Duration) time.Duration {
	return time.Duration(r.Int64N(int64(length) * 11 / 10))
}

func wantSame(t *testing.T, round int, want, got map[string]string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("round %d: target (-want +got)\n%s", round, diff)
	}
}

// wantClean checks that nothing of the process that was killed is left once another
// one has run.
func (p *project) wantClean() {
	p.t.Helper()
	found, err := filepath.Glob(p.path(".koppel/tmp/*"))
	if err != nil || len(found) > 0 {
		p.t.Errorf("left over: %v, %v", found, err)
	}
}

func TestKillRun(t *testing.T) {
	p := newProject(t, fileSource+sqlSink+pipeline("source.file.people", "sink.sql.people"))
	c := newCensus(number(t, "KOPPEL_RECORDS", 3000))
	length := firstLength
	for round := range number(t, "KOPPEL_KILLS", 20) {
		c.file(t, p.path("people.jsonl"))
		p.kill(moment(c.random, length), "run")
		said, took := p.whole("run")
		if !strings.Contains(said, "people succeeded") {
			t.Fatalf("round %d: %s", round, said)
		}
		length = (length + took) / 2
		wantSame(t, round, truth(t, p.path("people.jsonl")), table(t, p.path("target.db"), "people"))
		p.wantClean()
		c.mutate(true)
	}
}

// The saved plan is gone on with after the kill, whatever the source says by
// then.
func TestKillApply(t *testing.T) {
	p := newProject(t, fileSource+sqlSink+pipeline("source.file.people", "sink.sql.people"))
	c := newCensus(number(t, "KOPPEL_RECORDS", 3000))
	length := firstLength
	for round := range number(t, "KOPPEL_KILLS", 20) {
		c.file(t, p.path("people.jsonl"))
		want := truth(t, p.path("people.jsonl"))
		os.Remove(p.path("a.plan"))
		p.whole("plan")
		_, ended := p.kill(moment(c.random, length), "apply")
		c.mutate(true)
		c.file(t, p.path("people.jsonl"))
		said, took, err := p.try("apply")
		if already := strings.Contains(said, "was applied already"); err != nil && !already || err == nil && !ended && !strings.Contains(said, "people succeeded") {
			t.Fatalf("round %d: %v\n%s", round, err, said)
		} else if err == nil {
			length = (length + took) / 2
		}
		wantSame(t, round, want, table(t, p.path("target.db"), "people"))
	}
}

const staffSource = `
connection "sqlite" "hr" { path = "hr.db" }
source "sql" "people" {
  connection = connection.sqlite.hr
  query      = "SELECT id, first, last, city, changed FROM staff WHERE changed > coalesce(:cursor, 0)"
  key        = ["id"]
  incremental { cursor = ["changed"] }
}
`

// An incremental source has a mirror and a cursor of its own, which must not
// run ahead of what was delivered.
func TestKillIncrementalRun(t *testing.T) {
	p := newProject(t, staffSource+sqlSink+pipeline("source.sql.people", "sink.sql.people"))
	c := newCensus(number(t, "KOPPEL_RECORDS", 3000))
	p.execute("hr.db", "CREATE TABLE staff(id TEXT PRIMARY KEY, first TEXT, last TEXT, city TEXT, changed INTEGER)")
	length := firstLength
	var people []person
	for _, one := range c.people {
		people = append(people, one)
	}
	for round := range number(t, "KOPPEL_KILLS", 20) {
		var script strings.Builder
		for _, one := range people {
			fmt.Fprintf(&script, "INSERT OR REPLACE INTO staff VALUES ('%s','%s','%s','%s',%d);\n", one.ID, one.First, one.Last, one.City, round+1)
		}
		p.execute("hr.db", script.String())
		c.file(t, p.path("people.jsonl"))
		p.kill(moment(c.random, length), "run")
		said, took := p.whole("run")
		if !strings.Contains(said, "people succeeded") {
			t.Fatalf("round %d: %s", round, said)
		}
		length = (length + took) / 2
		wantSame(t, round, truth(t, p.path("people.jsonl")), table(t, p.path("target.db"), "people"))
		people = c.mutate(false)
	}
}

// check holds the ledger against the truth, but for the keys that may
// differ because nobody knows what became of their calls.
func (l *ledger) check(t *testing.T, round int, want map[string]string, doubt map[string]bool) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	got := map[string]string{}
	for key, rows := range l.rows {
		if len(rows) != 1 || l.posts[key] != 1 {
			t.Fatalf("round %d: %s stands there %d times and was created %d times", round, key, len(rows), l.posts[key])
		}
		var row struct{ Name, City string }
		if err := json.Unmarshal(rows[0], &row); err != nil {
			t.Fatal(err)
		}
		got[key] = row.Name + "|" + row.City
	}
	want = maps.Clone(want)
	for key := range doubt {
		delete(want, key)
		delete(got, key)
	}
	wantSame(t, round, want, got)
}

func journalSink(url string, mute bool) string {
	return fmt.Sprintf("\nsink \"journal\" \"people\" {\n  url  = %q\n  mute = %v\n}\n", url, mute)
}

func TestKillJournalledRun(t *testing.T) {
	l, url := newLedger(t)
	p := newProject(t, fileSource+journalSink(url, false)+pipeline("source.file.people", "sink.journal.people"))
	c := newCensus(number(t, "KOPPEL_RECORDS", 3000) / 20)
	length := firstLength
	for round := range number(t, "KOPPEL_KILLS", 20) {
		c.file(t, p.path("people.jsonl"))
		p.kill(moment(c.random, length), "run")
		said, took := p.whole("run")
		if !strings.Contains(said, "people succeeded") {
			t.Fatalf("round %d: %s", round, said)
		}
		length = (length + took) / 2
		l.check(t, round, truth(t, p.path("people.jsonl")), nil)
		c.mutate(true)
	}
}

func TestKillJournalledApply(t *testing.T) {
	l, url := newLedger(t)
	p := newProject(t, fileSource+journalSink(url, false)+pipeline("source.file.people", "sink.journal.people"))
	c := newCensus(number(t, "KOPPEL_RECORDS", 3000) / 20)
	length := firstLength
	for round := range number(t, "KOPPEL_KILLS", 20) / 2 {
		c.file(t, p.path("people.jsonl"))
		os.Remove(p.path("a.plan"))
		p.whole("plan")
		p.kill(moment(c.random, length), "apply")
		if said, _, err := p.try("apply"); err != nil && !strings.Contains(said, "was applied already") {
			t.Fatalf("round %d: %v\n%s", round, err, said)
		}
		l.check(t, round, truth(t, p.path("people.jsonl")), nil)
		c.mutate(true)
	}
}

// A target that can't be asked: a kill leaves at most the one call in doubt
// that was under way. It is shown in every run and never sent again.
func TestKillMuteRun(t *testing.T) {
	l, url := newLedger(t)
	p := newProject(t, fileSource+journalSink(url, true)+pipeline("source.file.people", "sink.journal.people"))
	c := newCensus(number(t, "KOPPEL_RECORDS", 3000) / 20)
	length := firstLength
	kills := number(t, "KOPPEL_KILLS", 20) / 2
	for round := range kills {
		c.file(t, p.path("people.jsonl"))
		p.kill(moment(c.random, length), "run")
		said, took := p.whole("run")
		length = (length + took) / 2
		doubt := map[string]bool{}
		for _, line := range strings.Split(said, "\n") {
			if f := strings.Fields(line); len(f) > 1 && f[1] == "in_doubt" {
				doubt[f[0]] = true
			}
		}
		if len(doubt) > round+1 {
			t.Fatalf("round %d: %d keys are in doubt: %s", round, len(doubt), said)
		}
		l.check(t, round, truth(t, p.path("people.jsonl")), doubt)
		c.mutate(false)
		for range 20 {
			c.add()
		}
	}
}
