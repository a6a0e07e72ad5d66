package crashtest

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
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
