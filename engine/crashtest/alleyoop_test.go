package crashtest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"koppel/internal/sandbox"
	"koppel/internal/sandbox/traffic"
)

// An office is a simulated AlleyOop that outlives every kill, with the lists
// that a project makes instances, signals and files of.
type office struct {
	*sandbox.Sandbox
	p       *project
	random  *rand.Rand
	years   int
	signals []string // of each dossier, in their order

	document string // what the file of each dossier holds
}

const officeProject = `
connection "alleyoop" "office" {
  url      = env("OFFICE_URL")
  username = env("OFFICE_USER")
  password = secret("env:OFFICE_PASSWORD")
  api_key  = secret("env:OFFICE_KEY")
  retry { attempts = 1 }
}
source "file" "dossiers" {
  path = "dossiers.jsonl"
  key  = ["client", "year"]
}
source "file" "steps" {
  path = "steps.jsonl"
  key  = ["client", "year", "step"]
}
sink "alleyoop_instances" "dossiers" { connection = connection.alleyoop.office }
sink "alleyoop_signals" "progress" { connection = connection.alleyoop.office }
sink "alleyoop_files" "documents" { connection = connection.alleyoop.office }

pipeline "dossiers" {
  from = source.file.dossiers
  into = sink.alleyoop_instances.dossiers
  map {
    clientId    = src.client
    processKey  = "CONTROLE_08"
    periodStart = join("", src.year, "-01-01")
    periodEnd   = join("", src.year, "-12-31")
  }
}
pipeline "progress" {
  from  = source.file.steps
  into  = sink.alleyoop_signals.progress
  after = [pipeline.dossiers]
  map {
    clientId    = src.client
    processKey  = "CONTROLE_08"
    periodStart = join("", src.year, "-01-01")
    periodEnd   = join("", src.year, "-12-31")
    signal      = src.step
  }
}
pipeline "documents" {
  from = source.file.dossiers
  into = sink.alleyoop_files.documents
  join "dossier" {
    with = pipeline.dossiers
    on   = [[src.client, join("", src.year, "-01-01")], [dossier.clientId, dossier.periodStart]]
  }
  map {
    instanceId = dossier.target.instanceId
    type       = "CONCEPT"
    path       = "document.txt"
  }
}
`

func openOffice(t *testing.T, log string) *office {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Options{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	o := &office{Sandbox: s, p: newProject(t, officeProject), random: rand.New(rand.NewPCG(7, 9)),
		signals: []string{"CONTROLE_08-OPDRACHT", "CONTROLE_08-CONTROLE"}}
	o.p.env = []string{"OFFICE_URL=" + s.URL("alleyoop"), "OFFICE_USER=" + s.AlleyOop.Username, "OFFICE_PASSWORD=" + s.AlleyOop.Password, "OFFICE_KEY=" + s.AlleyOop.APIKey}
	return o
}

// work adds a year of dossiers, with all their signals, and now and then changes
// the file that all of them have.
func (o *office) work() {
	o.years++
	o.document = fmt.Sprintf("version %d", o.years/4)
	o.p.write("document.txt", o.document)
	var dossiers, steps strings.Builder
	for year := range o.years {
		for _, c := range o.AlleyOop.Data.Rows("clients") {
			fmt.Fprintf(&dossiers, "{\"client\":%q,\"year\":%d}\n", c["clientId"], 1000+year)
			for _, signal := range o.signals {
				fmt.Fprintf(&steps, "{\"client\":%q,\"year\":%d,\"step\":%q}\n", c["clientId"], 1000+year, signal)
			}
		}
	}
	o.p.write("dossiers.jsonl", dossiers.String())
	o.p.write("steps.jsonl", steps.String())
}

// effects counts, in the log that was on the disk before each answer, what
// calls did, and the files that are as they should be now.
func (o *office) effects(t *testing.T, log string) map[string]int {
	t.Helper()
	count := map[string]int{}
	instances := map[string]string{}
	for _, row := range o.AlleyOop.Data.Rows("instances") {
		instances[row["instanceId"].(string)] = fmt.Sprint(row["clientId"], " ", row["periodStart"])
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(o.document)))
	for _, row := range o.AlleyOop.Data.Rows("files") {
		if row["sha256"] == sum {
			count["upload "+instances[row["instanceId"].(string)]]++
		}
	}
	for line := range strings.Lines(string(text)) {
		var call traffic.Call
		if err := json.Unmarshal([]byte(line), &call); err != nil {
			t.Fatal(err)
		}
		for _, e := range call.Effects {
			name := e.Op + " " + instances[e.Key]
			if e.Op == "upload" {
				continue
			}
			if e.Op == "signal" {
				var body struct{ Signal string }
				if err := json.Unmarshal(e.Body, &body); err != nil {
					t.Fatal(err)
				}
				name += " " + body.Signal
			}
			count[name]++
		}
	}
	return count
}

// TestKillAlleyOop kills runs into AlleyOop wherever they are: each instance,
// each signal and each file that is not in doubt is there exactly once.
func TestKillAlleyOop(t *testing.T) {
	log := filepath.Join(t.TempDir(), "calls.jsonl")
	o := openOffice(t, log)
	length := firstLength
	doubts := map[string]bool{}
	lost, doubled := 0, 0
	for round := range number(t, "KOPPEL_KILLS", 20) {
		o.work()
		o.p.kill(moment(o.random, length), "run")
		said, took := o.p.whole("run")
		length = (length + took) / 2
		for _, line := range strings.Split(said, "\n") {
			if f := strings.Fields(line); len(f) > 2 && f[1] == "in_doubt" {
				doubts[f[0]] = true
			}
		}
		if !strings.Contains(said, "dossiers succeeded") || !strings.Contains(said, "progress succeeded") || len(doubts) > round+1 {
			t.Fatalf("round %d, %d in doubt: %s", round, len(doubts), said)
		}
		got := o.effects(t, log)
		for _, c := range o.AlleyOop.Data.Rows("clients") {
			for year := range o.years {
				of := fmt.Sprintf("%s %d-01-01", c["clientId"], 1000+year)
				want := []string{"insert " + of, "signal " + of + " " + o.signals[0], "signal " + of + " " + o.signals[1]}
				if !doubts[fmt.Sprintf("%s/%d", c["clientId"], 1000+year)] {
					want = append(want, "upload "+of)
				}
				for _, name := range want {
					switch n := got[name]; {
					case n == 0:
						lost++
						t.Errorf("round %d: %s is lost", round, name)
					case n > 1:
						doubled++
						t.Errorf("round %d: %s is there %d times", round, name, n)
					}
				}
			}
		}
		if twice := o.AlleyOop.Doubled(); len(twice) > 0 {
			t.Fatalf("round %d: doubled %v", round, twice)
		}
		o.p.wantClean()
	}
	t.Logf("%d dossiers, %d lost, %d doubled, %d uploads in doubt and shown", o.years*len(o.AlleyOop.Data.Rows("clients")), lost, doubled, len(doubts))
}

// TestSignalBehindLostAnswer: the run that finds a signal to have arrived sends
// the ones behind it.
func TestSignalBehindLostAnswer(t *testing.T) {
	log := filepath.Join(t.TempDir(), "calls.jsonl")
	o := openOffice(t, log)
	o.work()
	o.p.whole("run", "dossiers")
	if err := o.AlleyOop.Traffic.Fail(
		traffic.Fault{Kind: traffic.LostAnswer, Method: "PUT", Times: 1},
		traffic.Fault{Kind: "500", Action: "task-history", Times: 1},
	); err != nil {
		t.Fatal(err)
	}
	if said, _ := o.p.whole("run", "progress"); !strings.Contains(said, " in_doubt ") {
		t.Fatalf("nothing is in doubt: %s", said)
	}
	said, _ := o.p.whole("run", "progress")
	signals := 0
	for name, n := range o.effects(t, log) {
		if strings.HasPrefix(name, "signal ") {
			signals += n
		}
	}
	if want := 2 * len(o.AlleyOop.Data.Rows("clients")); signals != want {
		t.Errorf("%d signals, want %d: %s", signals, want, said)
	}
}

// TestUploadInDoubt: an upload whose answer was lost is shown and not made
// again, be it of a new file or of one that has changed.
func TestUploadInDoubt(t *testing.T) {
	for _, change := range []bool{false, true} {
		o := openOffice(t, filepath.Join(t.TempDir(), "calls.jsonl"))
		o.work()
		o.p.whole("run", "dossiers")
		if change {
			o.p.whole("run", "documents")
			o.p.write("document.txt", "changed")
		}
		before := len(o.AlleyOop.Data.Rows("files"))
		if err := o.AlleyOop.Traffic.Fail(traffic.Fault{Kind: traffic.LostAnswer, Action: "files"}); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			said, _ := o.p.whole("run", "documents")
			if n := strings.Count(said, " in_doubt "); n != 1 {
				t.Errorf("changed %v: %d in doubt: %s", change, n, said)
			}
			if got, want := len(o.AlleyOop.Data.Rows("files"))-before, len(o.AlleyOop.Data.Rows("clients")); got != want {
				t.Errorf("changed %v: %d files more, want %d: %s", change, got, want, said)
			}
		}
	}
}

// TestAlleyOopKeepsSecrets: neither the credentials nor a citizen service
// number are in what is said, in a plan or in the state.
func TestAlleyOopKeepsSecrets(t *testing.T) {
	o := openOffice(t, filepath.Join(t.TempDir(), "calls.jsonl"))
	bsn := o.AlleyOop.Data.Rows("clients")[1]["bsn"].(string)
	if len(bsn) != 9 {
		t.Fatalf("the second client has the number %q", bsn)
	}
	o.p.write("clients.hcl", `
source "alleyoop" "clients" {
  connection = connection.alleyoop.office
  action     = "clients"
  snapshot   = true
}
source "alleyoop" "one" {
  connection = connection.alleyoop.office
  action     = "clients"
  headers    = { bsn = env("OFFICE_BSN") }
}
connection "sqlite" "db" { path = "target.db" }
sink "sql" "clients" {
  connection = connection.sqlite.db
  table      = "clients"
}
pipeline "clients" {
  from = source.alleyoop.clients
  into = sink.sql.clients
  join "one" {
    with = source.alleyoop.one
    on   = [src.clientId, one.clientId]
  }
  map {
    id    = src.clientId
    name  = src.name
    other = join(" ", src.bsn, one.bsn)
  }
}
sink "sql" "broken" {
  connection = connection.sqlite.db
  table      = "broken"
}
pipeline "broken" {
  from = source.alleyoop.clients
  into = sink.sql.broken
  map {
    id     = src.clientId
    number = number(join("", src.bsn, "x"))
  }
}
`)
	o.p.env = append(o.p.env, "OFFICE_BSN="+bsn)
	var said strings.Builder
	for _, verb := range []string{"plan", "apply", "run", "full"} {
		text, _, _ := o.p.try(verb, "clients", "broken")
		said.WriteString(text)
	}
	o.p.env = append(o.p.env, "OFFICE_KEY=canary-key")
	text, _, _ := o.p.try("run", "clients")
	said.WriteString(text)
	if !strings.Contains(said.String(), "clients succeeded") || !strings.Contains(said.String(), " convert ") {
		t.Errorf("nothing was delivered, or nothing failed: %s", said.String())
	}
	if !strings.Contains(said.String(), "check api_key of the connection") {
		t.Errorf("the refused key is not told: %s", said.String())
	}
	for name, secret := range map[string]string{"password": o.AlleyOop.Password, "key": o.AlleyOop.APIKey, "other key": "canary-key", "number": bsn} {
		if strings.Contains(said.String(), secret) {
			t.Errorf("the %s is said", name)
		}
		err := filepath.WalkDir(o.p.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Base(path) == "target.db" {
				return err
			}
			content, err := os.ReadFile(path)
			if err == nil && strings.Contains(string(content), secret) {
				t.Errorf("the %s is in %s", name, filepath.Base(path))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
