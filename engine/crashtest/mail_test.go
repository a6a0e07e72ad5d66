package crashtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/smtp"
	"koppel/internal/sandbox/traffic"
)

// A desk is a simulated mail server that outlives every kill, with the visits
// that a project sends invitations for.
type desk struct {
	*smtp.System
	t      *testing.T
	p      *project
	random *rand.Rand
	visits map[string]int // by id, with their version
	last   map[string]string
	next   int
}

const deskProject = `
connection "smtp" "mail" {
  host     = "127.0.0.1"
  port     = tonumber(env("MAIL_PORT"))
  username = env("MAIL_USER")
  password = secret("env:MAIL_PASSWORD")
  from     = env("MAIL_FROM")
  ca_file  = env("MAIL_CA")
}
source "file" "visits" {
  path = "visits.jsonl"
  key  = ["id"]
}
sink "mail" "invitations" { connection = connection.smtp.mail }

pipeline "invitations" {
  from      = source.file.visits
  into      = sink.mail.invitations
  first_run = "send"
  map {
    to       = join("@", src.id, "visitor.example")
    subject  = join(" ", src.id, "version", src.version)
    text     = "Welkom"
    calendar = { uid = src.id, start = "2026-11-24T09:00:00Z" }
  }
  guard {
    updates = 1000000000
    deletes = 1000000000
  }
}
`

func openDesk(t *testing.T) *desk {
	t.Helper()
	s, err := smtp.New(smtp.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Listen(0, filepath.Join(t.TempDir(), "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Stop(context.Background()) })
	d := &desk{System: s, t: t, p: newProject(t, deskProject), random: rand.New(rand.NewPCG(5, 8)), visits: map[string]int{}, last: map[string]string{}}
	d.p.env = []string{"MAIL_PORT=" + s.Port, "MAIL_USER=" + s.Username, "MAIL_PASSWORD=" + s.Password, "MAIL_FROM=" + s.From, "MAIL_CA=" + s.CAFile}
	return d
}

// work adds some visits, changes some and takes some away.
func (d *desk) work() {
	d.t.Helper()
	for _, id := range slices.Sorted(maps.Keys(d.visits)) {
		switch d.random.IntN(4) {
		case 0:
			d.visits[id]++
		case 1:
			d.last[id] = fmt.Sprintf("CANCEL Cancelled: %s version %d", id, d.visits[id])
			delete(d.visits, id)
		}
	}
	for range 12 {
		d.next++
		d.visits[fmt.Sprintf("v%04d", d.next)] = 1
	}
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(d.visits)) {
		fmt.Fprintf(&b, "{\"id\":%q,\"version\":%d}\n", id, d.visits[id])
		d.last[id] = fmt.Sprintf("REQUEST %s version %d", id, d.visits[id])
	}
	d.p.write("visits.jsonl", b.String())
}

// sent counts the messages by what they say.
func (d *desk) sent() map[string]int {
	count := map[string]int{}
	for _, m := range d.Data.Rows("messages") {
		count[dataset.Text(m["method"])+" "+dataset.Text(m["subject"])]++
	}
	return count
}

func inDoubt(said string) (keys []string) {
	for _, line := range strings.Split(said, "\n") {
		if f := strings.Fields(line); len(f) > 2 && f[1] == "in_doubt" {
			keys = append(keys, f[0])
		}
	}
	return keys
}

// TestKillMail kills runs that send mail wherever they are: no message is there
// twice, and none is missing but those of visits that are in doubt and shown.
func TestKillMail(t *testing.T) {
	d := openDesk(t)
	length := firstLength
	doubts := map[string]bool{}
	kills := 0
	for round := range number(t, "KOPPEL_KILLS", 20) {
		d.work()
		before := maps.Clone(d.last)
		if _, ended := d.p.kill(moment(d.random, length), "run"); !ended {
			kills++
		}
		said, took := d.p.whole("run")
		length = (length + took) / 2
		for _, key := range inDoubt(said) {
			doubts[key] = true
		}
		if !strings.Contains(said, "invitations ") || len(doubts) > round+1 {
			t.Fatalf("round %d, %d in doubt: %s", round, len(doubts), said)
		}
		got := d.sent()
		for name, n := range got {
			if n > 1 {
				t.Errorf("round %d: %d times %s", round, n, name)
			}
		}
		for id, want := range before {
			// A visit that came and went while nothing ran was never invited.
			if cancelled := strings.HasPrefix(want, "CANCEL"); !doubts[id] && got[want] == 0 && !(cancelled && !d.invited(got, id)) {
				t.Errorf("round %d: %s is missing: %s", round, want, said)
			}
		}
		d.p.wantClean()
	}
	t.Logf("%d messages, %d runs killed amid, %d visits in doubt and shown", len(d.Data.Rows("messages")), kills, len(doubts))
}

func (d *desk) invited(got map[string]int, id string) bool {
	for name := range got {
		if strings.HasPrefix(name, "REQUEST "+id+" ") {
			return true
		}
	}
	return false
}

// TestMailInDoubt: an invitation, a change and a cancellation whose answer was
// lost are shown and never sent again, also by the runs that follow.
func TestMailInDoubt(t *testing.T) {
	for _, op := range []string{"create", "update", "delete"} {
		d := openDesk(t)
		d.p.write("visits.jsonl", `{"id":"other","version":1}`+"\n")
		if op != "create" {
			d.p.write("visits.jsonl", `{"id":"other","version":1}`+"\n"+`{"id":"v1","version":1}`+"\n")
		}
		d.p.whole("run")
		before := len(d.Data.Rows("messages"))
		d.p.write("visits.jsonl", map[string]string{
			"create": `{"id":"other","version":1}` + "\n" + `{"id":"v1","version":1}` + "\n",
			"update": `{"id":"other","version":1}` + "\n" + `{"id":"v1","version":2}` + "\n",
			"delete": `{"id":"other","version":1}` + "\n",
		}[op])
		if err := d.Traffic.Fail(traffic.Fault{Kind: traffic.LostAnswer, Method: "DATA"}); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			said, _ := d.p.whole("run")
			if keys := inDoubt(said); len(keys) != 1 || keys[0] != "v1" {
				t.Errorf("%s, run %d: in doubt %v: %s", op, i, keys, said)
			}
			if n := len(d.Data.Rows("messages")) - before; n != 1 {
				t.Errorf("%s, run %d: %d messages", op, i, n)
			}
		}
	}
}
