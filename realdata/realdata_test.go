// Package realdata_test couples published data sets: two versions of each,
// with the changes between them computed by another program.
package realdata_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A release is one version of a published package and the file in it.
type release struct{ pack, version, file string }

// A dataset is two versions of one set.
type dataset struct {
	name, key    string
	older, newer release
}

func datasets() []dataset {
	return []dataset{
		{"mime", "type", release{"mime-db", "1.45.0", "db.json"}, release{"mime-db", "1.54.0", "db.json"}},
		{"emoji", "unified", release{"emoji-datasource", "14.0.0", "emoji.json"}, release{"emoji-datasource", "16.0.0", "emoji.json"}},
		{"countries", "code", release{"world-countries", "4.1.1", "countries.json"}, release{"world-countries", "5.1.0", "countries.json"}},
	}
}

func needNode(t *testing.T) {
	t.Helper()
	for _, name := range []string{"npm", "node"} {
		if _, err := exec.LookPath(name); err != nil {
			absent(t, name+" is not installed")
		}
	}
}

// TestPublishedDataSets takes each database from the older to the newer version
// of each set.
func TestPublishedDataSets(t *testing.T) {
	needNode(t)
	koppel := build(t)
	for _, db := range []struct {
		name string
		open func(*testing.T) database
	}{{"sqlite", openSQLite}, {"postgres", openPostgres}, {"mysql", openMySQL}} {
		t.Run(db.name, func(t *testing.T) {
			target := db.open(t)
			for _, set := range datasets() {
				t.Run(set.name, func(t *testing.T) {
					older, newer := fetch(t, set.older), fetch(t, set.newer)
					want := computeTruth(t, set.name, older, newer)
					p := newProject(t, koppel, set, target)
					p.run(older)
					p.wantTarget(want.First)
					p.wantChanges(older, nil)
					p.wantChanges(newer, want.Changes)
					p.run(newer)
					p.wantTarget(want.Second)
					p.wantChanges(newer, nil)
				})
			}
		})
	}
}

// A truth is what the other program says of two versions of a set.
type truth struct {
	First, Second map[string]map[string]any
	Changes       []change
}

// A change is one change as the truth and a plan's JSON have it.
type change struct {
	Op     string         `json:"op"`
	Key    string         `json:"key"`
	Before map[string]any `json:"before"`
	After  map[string]any `json:"after"`
	Fields []string       `json:"fields"`
}

func computeTruth(t *testing.T, set, older, newer string) truth {
	t.Helper()
	var out truth
	if err := json.Unmarshal(output(t, exec.Command("node", "testdata/truth.mjs", set, older, newer)), &out); err != nil {
		t.Fatal(err)
	}
	if len(out.First) < 200 || len(out.Second) < 200 || len(out.Changes) < 200 {
		t.Fatalf("%d and %d records with %d changes are fewer than the set has", len(out.First), len(out.Second), len(out.Changes))
	}
	return out
}

// build makes the program that is tested.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "koppel")
	output(t, exec.Command("go", "build", "-o", path, "koppel/cmd/koppel"))
	return path
}

// output runs a command that must succeed and gives what it printed.
func output(t *testing.T, cmd *exec.Cmd) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.Bytes()
}

// A project is a copy of a set's project in a folder of its own.
type project struct {
	t           *testing.T
	koppel, dir string
	key, url    string
	rows        func() ([]map[string]any, error)
}

// newProject makes a set's project with a new database as its target.
func newProject(t *testing.T, koppel string, set dataset, target database) *project {
	t.Helper()
	p := &project{t: t, koppel: koppel, key: set.key, dir: t.TempDir()}
	p.url, p.rows = target.create(t, set.name)
	text, err := os.ReadFile(filepath.Join("testdata", set.name, "main.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"main.hcl": string(text), "target.hcl": target.hcl()} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func (p *project) command(verb, input string) *exec.Cmd {
	return exec.Command(p.koppel, verb, "-C", p.dir, "--json", "--var", "input="+input, "--var", "url="+p.url)
}

func (p *project) run(input string) {
	p.t.Helper()
	output(p.t, p.command("run", input))
}

// wantChanges checks that a plan holds exactly these changes.
func (p *project) wantChanges(input string, want []change) {
	p.t.Helper()
	var plan struct {
		Pipelines []struct {
			Complete bool     `json:"complete"`
			Changes  []change `json:"changes"`
		} `json:"pipelines"`
	}
	if err := json.Unmarshal(output(p.t, p.command("plan", input)), &plan); err != nil {
		p.t.Fatal(err)
	}
	if len(plan.Pipelines) != 1 || !plan.Pipelines[0].Complete {
		p.t.Fatalf("the plan is not of one pipeline, completely read: %+v", plan.Pipelines)
	}
	got := plan.Pipelines[0].Changes
	for _, list := range [][]change{got, want} {
		slices.SortFunc(list, func(a, b change) int { return strings.Compare(a.Key, b.Key) })
		for i := range list {
			slices.Sort(list[i].Fields)
		}
	}
	if len(got) == 0 && len(want) == 0 {
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("changes of the plan (-want +got)\n%s", diff)
	}
}
