package crashtest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/internal/sandbox"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

const profitProject = `
connection "afas" "profit" {
  url   = env("PROFIT_URL")
  token = secret("env:PROFIT_TOKEN")
}
source "file" "people" {
  path = "people.jsonl"
  key  = ["name"]
}
source "file" "members" {
  path = "members.jsonl"
  key  = ["event", "contact"]
}
sink "afas_update" "persons" {
  connection = connection.afas.profit
  connector  = "KnPerson"
  find {
    connector = "Sandbox_Persons"
    key       = ["LastName"]
    columns   = { FiNm = "FirstName", EmAd = "EmailWork" }
  }
}
sink "afas_update" "members" {
  connection = connection.afas.profit
  connector  = "KnCourseMember"
  keys       = ["CrId", "CdId"]
  find {
    connector = "Reception_Members"
    key       = ["CrId", "CdId"]
  }
}
pipeline "persons" {
  from = source.file.people
  into = sink.afas_update.persons
  map {
    MatchPer = "7"
    AutoNum  = true
    LaNm     = src.name
    FiNm     = src.first
    EmAd     = src.mail
  }
  deletes { action = "keep" }
}
pipeline "members" {
  from = source.file.members
  into = sink.afas_update.members
  map {
    CrId = src.event
    CdId = src.contact
    BcCo = src.person
    SuDa = "2026-11-01"
    Invo = false
    CuId = "EUR"
    Rm   = src.remark
  }
  guard { deletes = 1000000000 }
}
`

// A profit is a simulated AFAS that outlives every kill, with what it must hold.
type profit struct {
	*sandbox.Sandbox
	p       *project
	random  *rand.Rand
	persons map[string]string // first names and mail addresses by name
	members map[string]string // remarks by event and contact
	events  []string
	next    int
}

func openProfit(t *testing.T, log string) *profit {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	o := &profit{Sandbox: s, p: newProject(t, profitProject), random: rand.New(rand.NewPCG(7, 11)),
		persons: map[string]string{}, members: map[string]string{}}
	for _, e := range s.AFAS.Data.Rows("events") {
		o.events = append(o.events, dataset.Text(e["CrId"]))
	}
	o.p.env = []string{"PROFIT_URL=" + s.URL("afas"), "PROFIT_TOKEN=" + s.AFAS.TokenData}
	return o
}

// work adds, changes and removes some of each, and writes the source files.
func (o *profit) work() {
	for range 12 {
		o.next++
		o.persons[fmt.Sprintf("Kill %05d", o.next)] = fmt.Sprintf("F%d kill.%d@example.org", o.next, o.next)
		o.members[fmt.Sprintf("%s/%d", o.events[o.random.IntN(len(o.events))], 90000+o.next)] = "new"
	}
	for name, value := range o.persons {
		if o.random.IntN(max(6, len(o.persons)/10)) == 0 { // the mail address, which is unique, mostly stays
			_, mail, _ := strings.Cut(value, " ")
			o.persons[name] = fmt.Sprintf("G%d %s", o.random.IntN(1000), mail)
		}
	}
	for key := range maps.Clone(o.members) {
		switch o.random.IntN(8) {
		case 0:
			o.members[key] = fmt.Sprintf("r%d", o.random.IntN(1000))
		case 1:
			delete(o.members, key)
		}
	}
	var people, members strings.Builder
	for name, value := range o.persons {
		first, mail, _ := strings.Cut(value, " ")
		fmt.Fprintf(&people, "{\"name\":%q,\"first\":%q,\"mail\":%q}\n", name, first, mail)
	}
	for key, remark := range o.members {
		event, contact, _ := strings.Cut(key, "/")
		fmt.Fprintf(&members, "{\"event\":%s,\"contact\":%s,\"person\":%q,\"remark\":%q}\n", event, contact, dataset.Text(o.AFAS.Data.Rows("persons")[0]["BcCo"]), remark)
	}
	o.p.write("people.jsonl", people.String())
	o.p.write("members.jsonl", members.String())
}

// check holds what AFAS has against what it must have; what stands there twice
// shows as such.
func (o *profit) check(t *testing.T, round int) {
	t.Helper()
	got := map[string]string{}
	note := func(of map[string]string, key, value string) {
		if old, twice := of[key]; twice {
			value = old + " AND " + value
		}
		of[key] = value
	}
	for _, row := range o.AFAS.Data.Rows("persons") {
		if name := dataset.Text(row["LaNm"]); strings.HasPrefix(name, "Kill ") {
			note(got, name, dataset.Text(row["FiNm"])+" "+dataset.Text(row["EmAd"]))
		}
	}
	wantSame(t, round, o.persons, got)
	got = map[string]string{}
	for _, row := range o.AFAS.Data.Rows("members") {
		if contact := dataset.Text(row["CdId"]); strings.HasPrefix(contact, "9") && len(contact) == 5 {
			note(got, dataset.Text(row["CrId"])+"/"+contact, dataset.Text(row["Rm"]))
		}
	}
	wantSame(t, round, o.members, got)
}

// inserts counts, in the log that was on the disk before each answer, how often
// each person was inserted.
func (o *profit) inserts(t *testing.T, log string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for line := range strings.Lines(string(text)) {
		var call traffic.Call
		if err := json.Unmarshal([]byte(line), &call); err != nil {
			t.Fatal(err)
		}
		for _, e := range call.Effects {
			var body struct{ LaNm string }
			if err := json.Unmarshal(e.Body, &body); err == nil && e.Op == "insert" && e.What == "KnPerson" {
				count[body.LaNm]++
			}
		}
	}
	return count
}

// TestKillAFAS kills runs into AFAS wherever they are: each person and each
// participant is there exactly once, as it was mapped last.
func TestKillAFAS(t *testing.T) {
	log := filepath.Join(t.TempDir(), "calls.jsonl")
	o := openProfit(t, log)
	length := firstLength
	for round := range number(t, "KOPPEL_KILLS", 20) {
		o.work()
		o.p.kill(moment(o.random, length), "run")
		said, took := o.p.whole("run")
		if !strings.Contains(said, "persons succeeded") || !strings.Contains(said, "members succeeded") {
			t.Fatalf("round %d: %s", round, said)
		}
		length = (length + took) / 2
		o.check(t, round)
		o.p.wantClean()
	}
	want := map[string]int{}
	for name := range o.persons {
		want[name] = 1
	}
	if diff := cmp.Diff(want, o.inserts(t, log)); diff != "" {
		t.Errorf("inserts in the log (-want +got)\n%s", diff)
	}
	t.Logf("%d persons and %d participants are there once each", len(o.persons), len(o.members))
}

// TestLostAnswersOfAFAS: a call that was carried out and whose answer was lost
// is not made again, whichever it is.
func TestLostAnswersOfAFAS(t *testing.T) {
	log := filepath.Join(t.TempDir(), "calls.jsonl")
	o := openProfit(t, log)
	for round := range 4 {
		o.work()
		for _, method := range []string{"POST", "PUT", "DELETE"} {
			if err := o.AFAS.Traffic.Fail(traffic.Fault{Kind: traffic.LostAnswer, Method: method, At: 1 + o.random.IntN(5)}); err != nil {
				t.Fatal(err)
			}
		}
		o.p.whole("run")
		o.AFAS.Traffic.Heal()
		if said, _ := o.p.whole("run"); !strings.Contains(said, "persons succeeded") || !strings.Contains(said, "members succeeded") {
			t.Fatalf("round %d: %s", round, said)
		}
		o.check(t, round)
	}
}
