package file_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/sinks/file"
)

var people = record.Shape{Fields: []record.Field{
	{Name: "name", Send: true}, {Name: "id", Send: true}, {Name: "secret"}, {Name: "tags", Send: true},
}}

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func openSink(t testing.TB, dir string, shape record.Shape, c file.Config) connector.Sink {
	t.Helper()
	kind := file.Kind()
	config := kind.Config().(*file.Config)
	*config = c
	s, err := kind.Open(t.Context(), config, connector.Env{Dir: dir, Now: noon, Shape: shape})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// replace delivers a whole set.
func replace(ctx context.Context, s connector.Sink, bodies ...string) error {
	stage, err := s.(connector.Replacer).Stage(ctx)
	if err != nil {
		return err
	}
	for _, b := range bodies {
		if err := stage.Add("k", []byte(b)); err != nil {
			return errors.Join(err, stage.Abandon())
		}
	}
	return stage.Commit(ctx)
}

func content(t testing.TB, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return string(b)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestReplaceFormats(t *testing.T) {
	bodies := []string{
		`{"id":7,"name":"Saar, \"S\"\n","secret":"x","tags":["a",{"b":1}]}`,
		`{"id":9007199254740993.50,"name":"","secret":null}`,
		`{"id":null,"tags":null}`,
		`{}`,
	}
	open := record.Shape{Open: true, Fields: people.Fields[1:3]}
	one := record.Shape{Fields: []record.Field{{Name: "a;b", Send: true}}}
	tests := []struct {
		name, path string
		shape      record.Shape
		format     string
		bodies     []string
		want       string
	}{
		{"jsonl", "p.jsonl", people, "", bodies, `{"name":"Saar, \"S\"\n","id":7,"tags":["a",{"b":1}]}` + "\n" +
			`{"name":"","id":9007199254740993.50}` + "\n" + `{"id":null,"tags":null}` + "\n{}\n"},
		{"jsonl without records", "p.jsonl", people, "", nil, ""},
		{"jsonl of whole objects", "p.ndjson", open, "", []string{`{"a":1,"id":2,"secret":3,"z":4}`}, `{"id":2,"a":1,"z":4}` + "\n"},
		{"jsonl of unknown fields", "p.out", record.Shape{Open: true}, "jsonl", []string{`{"a":1}`}, `{"a":1}` + "\n"},
		{"json", "p.json", people, "", bodies[1:3], "[\n" + `{"name":"","id":9007199254740993.50},` + "\n" + `{"id":null,"tags":null}` + "\n]\n"},
		{"json without records", "p.json", people, "", nil, "[]\n"},
		{"csv", "p.csv", people, "", bodies, "name,id,tags\n\"Saar, \"\"S\"\"\n\",7,\"[\"\"a\"\",{\"\"b\"\":1}]\"\n\"\",9007199254740993.50,\n,,\n,,\n"},
		{"csv of one column", "p.csv", one, "", []string{`{"a;b":null}`, `{"a;b":" x"}`, `{"a;b":true}`}, "\"a;b\"\n\"\"\n\" x\"\ntrue\n"},
		{"csv without records", "p.csv", people, "", nil, "name,id,tags\n"},
		{"compressed", "p.jsonl.gz", one, "", []string{`{"a;b":1}`}, `{"a;b":1}` + "\n"},
		{"name of the day", "p-{today}-{now}.jsonl", one, "", []string{`{"a;b":1}`}, `{"a;b":1}` + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := openSink(t, dir, tt.shape, file.Config{Path: connectortest.Text(tt.path), Format: tt.format})
			if err := replace(t.Context(), s, tt.bodies...); err != nil {
				t.Fatal(err)
			}
			name := strings.NewReplacer("{today}", "2026-03-01", "{now}", "20260301T120000Z").Replace(tt.path)
			if diff := cmp.Diff(tt.want, content(t, dir, name)); diff != "" {
				t.Errorf("file (-want +got):\n%s", diff)
			}
			if want := filepath.Join(dir, tt.path); s.Traits().Identity != want {
				t.Errorf("identity %q, want %q", s.Traits().Identity, want)
			}
		})
	}
}

// TestReplaceOrdered: records that come in the order of the shape, all of them
// or some, are written as those that come sorted.
func TestReplaceOrdered(t *testing.T) {
	plain := record.Shape{Fields: []record.Field{{Name: "name", Send: true}, {Name: "id", Send: true}, {Name: "tags", Send: true}}}
	sets := map[string]struct {
		shape           record.Shape
		sorted, ordered []string
	}{
		"all": {plain, []string{`{"id":7,"name":"Saar","tags":["a",{"b":1}]}`, `{"id":8,"name":null,"tags":""}`},
			[]string{`{"name":"Saar","id":7,"tags":["a",{"b":1}]}`, `{"name":null,"id":8,"tags":""}`}},
		"not all": {people, []string{`{"id":7,"name":"Saar","secret":"x","tags":1.50}`, `{"id":8,"name":"","secret":null,"tags":[]}`},
			[]string{`{"name":"Saar","id":7,"secret":"x","tags":1.50}`, `{"name":"","id":8,"secret":null,"tags":[]}`}},
	}
	for name, set := range sets {
		for _, path := range []string{"p.jsonl", "p.json", "p.csv", "p.jsonl.gz"} {
			t.Run(path+" of "+name, func(t *testing.T) {
				dir := t.TempDir()
				s := openSink(t, dir, set.shape, file.Config{Path: connectortest.Text(path)})
				if err := replace(t.Context(), s, set.sorted[0], set.sorted[1], set.sorted[0]); err != nil {
					t.Fatal(err)
				}
				want := content(t, dir, path)
				stage, err := s.(connector.Replacer).Stage(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				ordered := stage.(connector.OrderedStage)
				// Both ways may take turns.
				err = errors.Join(ordered.AddOrdered("k", []byte(set.ordered[0])), ordered.Add("k", []byte(set.sorted[1])),
					ordered.AddOrdered("k", []byte(set.ordered[0])), ordered.Commit(t.Context()))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, content(t, dir, path)); diff != "" {
					t.Errorf("file (-sorted +ordered):\n%s", diff)
				}
			})
		}
	}
}

func TestReplaceKeepsTheOldSetOnFailure(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		body string
	}{
		{"damaged record", t.Context(), `{"id":`},
		{"cancelled", cancelled, `{"id":1}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := oldSet(t)
			s := openSink(t, dir, people, file.Config{Path: connectortest.Text("p.json")})
			err := replace(tt.ctx, s, tt.body)
			if err == nil || !strings.HasPrefix(err.Error(), "replace p.json: ") {
				t.Errorf("error %v", err)
			}
			wantOldSet(t, dir)
		})
	}
}

func TestStageChangesNothingUntilItIsCommitted(t *testing.T) {
	dir := oldSet(t)
	s := openSink(t, dir, people, file.Config{Path: connectortest.Text("p.json")})
	stage, err := s.(connector.Replacer).Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stage.Add("k", []byte(`{"id":1}`)); err != nil {
		t.Fatal(err)
	}
	if got := content(t, dir, "p.json"); got != "old" {
		t.Errorf("the file holds %q", got)
	}
	if err := stage.Abandon(); err != nil {
		t.Fatal(err)
	}
	wantOldSet(t, dir)
}

// A set that is given up leaves no folder that was made for it, and one that
// someone else uses by then.
func TestStageLeavesNoFolder(t *testing.T) {
	for _, used := range []bool{false, true} {
		dir := t.TempDir()
		s := openSink(t, dir, people, file.Config{Path: connectortest.Text("a/b/p.json")})
		stage, err := s.(connector.Replacer).Stage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if used {
			if err := os.WriteFile(filepath.Join(dir, "a", "other"), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := stage.Abandon(); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{"a": used, "a/b": false} {
			if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
				t.Errorf("used by others: %v: %s: %v", used, name, err)
			}
		}
	}
}

// oldSet is a folder with a set that was delivered earlier.
func oldSet(t *testing.T) string {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "p.json"), []byte("old"), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

func wantOldSet(t *testing.T, dir string) {
	t.Helper()
	if got := content(t, dir, "p.json"); got != "old" {
		t.Errorf("the file holds %q", got)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("files are left: %v", entries)
	}
}

func TestReplaceKeepsPermissionsAndLinks(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"real.jsonl", ".real.jsonl.koppel-1.tmp", ".other.jsonl.koppel-1.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "real.jsonl"), 0o646); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real.jsonl", filepath.Join(dir, "p.jsonl")); err != nil {
		t.Fatal(err)
	}
	s := openSink(t, dir, people, file.Config{Path: connectortest.Text("p.jsonl")})
	if err := replace(t.Context(), s, `{"id":1}`); err != nil {
		t.Fatal(err)
	}
	if got := content(t, dir, "real.jsonl"); got != "{\"id\":1}\n" {
		t.Errorf("the linked file holds %q", got)
	}
	info, err := os.Stat(filepath.Join(dir, "real.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o646 {
		t.Errorf("permissions %o", info.Mode().Perm())
	}
	var names []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if diff := cmp.Diff([]string{".other.jsonl.koppel-1.tmp", "p.jsonl", "real.jsonl"}, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestMissingFoldersAreMade(t *testing.T) {
	dir := t.TempDir()
	s := openSink(t, dir, people, file.Config{Path: connectortest.Text("a/b/p.jsonl")})
	if names, err := os.ReadDir(dir); err != nil || len(names) > 0 {
		t.Errorf("opening the sink made %v, %v", names, err)
	}
	if err := replace(t.Context(), s, `{"id":1}`); err != nil {
		t.Fatal(err)
	}
	if got := content(t, dir, "a/b/p.jsonl"); got == "" {
		t.Error("the file is empty")
	}
	j := openSink(t, dir, people, file.Config{Path: connectortest.Text("c/d/j.jsonl"), Changes: true})
	if err := j.(connector.Appender).Resume(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Write(t.Context(), []record.Change{{Op: record.Create, Key: "k", After: []byte(`{"id":1}`)}}); err != nil {
		t.Fatal(err)
	}
	if got := content(t, dir, "c/d/j.jsonl"); got == "" {
		t.Error("the journal is empty")
	}
}

func TestReplaceRefusals(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.json"), 0o777); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"folder.json":           "replace folder.json: it is no regular file",
		"main.hcl/gone/p.jsonl": "replace main.hcl/gone/p.jsonl: not a directory",
	} {
		s := openSink(t, dir, people, file.Config{Path: connectortest.Text(path)})
		if err := replace(t.Context(), s); err == nil || err.Error() != want {
			t.Errorf("%s: %v", path, err)
		}
	}
	kind := file.Kind()
	s, err := kind.Open(t.Context(), &file.Config{Path: connectortest.Text("p.json")}, connector.Env{Dir: dir, Now: noon, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := replace(t.Context(), s); err == nil {
		t.Error("a plan writes the file")
	}
	if _, err := s.Write(t.Context(), nil); err == nil {
		t.Error("a whole set takes single changes")
	}
	if _, err := kind.Open(t.Context(), &file.Config{Path: connectortest.Text("p.csv")}, connector.Env{Dir: dir, Now: noon, Shape: record.Shape{Open: true}}); err == nil {
		t.Error("a csv file takes whole objects")
	}
}

func TestConfigProblems(t *testing.T) {
	tests := []struct {
		config file.Config
		want   string
	}{
		{file.Config{}, "path is empty"},
		{file.Config{Path: connectortest.Text("p")}, "format can't be told from the name of the file"},
		{file.Config{Path: connectortest.Text("p.csv"), Format: "xml"}, `format "xml" is unknown`},
		{file.Config{Path: connectortest.Text("{src.x}.csv")}, "path has no value for {src.x}"},
		{file.Config{Path: connectortest.Text("p.csv"), Changes: true}, "changes can be written as jsonl only"},
		{file.Config{Path: connectortest.Text("p.jsonl.gz"), Changes: true}, "changes can't be appended to a compressed file"},
		{file.Config{Path: connectortest.Text("{today}.jsonl"), Changes: true}, "changes needs a path without {today} and {now}"},
		{file.Config{Path: connectortest.Text("{today}.csv.gz")}, ""},
		{file.Config{Path: connectortest.Text("p.jsonl"), Changes: true}, ""},
	}
	for _, tt := range tests {
		got := ""
		if err := tt.config.Validate(); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%+v: (-want +got):\n%s", tt.config, diff)
		}
	}
}

func openJournal(t testing.TB, dir string) connector.Sink {
	return openSink(t, dir, people, file.Config{Path: connectortest.Text("c.jsonl"), Changes: true})
}

func changes() []record.Change {
	return []record.Change{
		{Op: record.Create, Key: "1", After: []byte(`{"id":1,"name":"a","secret":2}`), Fields: []string{"id", "name"}},
		{Op: record.Update, Key: "2", Before: []byte(`{"id":2,"name":"a"}`), After: []byte(`{"id":2,"name":"b"}`), Fields: []string{"secret", "name"}},
		{Op: record.Delete, Key: "\x00\x011\x01x", Before: []byte(`{"id":3}`)},
	}
}

const journalled = `{"time":"2026-03-01T12:00:00Z","op":"create","key":"1","changed":[],"before":null,"after":{"name":"a","id":1}}
{"time":"2026-03-01T12:00:00Z","op":"update","key":"2","changed":["name"],"before":{"name":"a","id":2},"after":{"name":"b","id":2}}
{"time":"2026-03-01T12:00:00Z","op":"delete","key":"1/x","changed":[],"before":{"id":3},"after":null}
`

func writeJournal(t testing.TB, s connector.Sink) {
	t.Helper()
	outcomes, err := s.Write(t.Context(), changes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(make([]connector.Outcome, 3), outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestJournal(t *testing.T) {
	dir := t.TempDir()
	s := openJournal(t, dir)
	writeJournal(t, s)
	first := s.(connector.Appender).Mark()
	writeJournal(t, s)
	if diff := cmp.Diff(journalled+journalled, content(t, dir, "c.jsonl")); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	killed := openJournal(t, dir)
	if err := killed.(connector.Appender).Resume(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(killed.(connector.Appender).Mark())); diff != "" {
		t.Errorf("mark (-want +got):\n%s", diff)
	}
	writeJournal(t, killed)
	if diff := cmp.Diff(journalled+journalled, content(t, dir, "c.jsonl")); diff != "" {
		t.Errorf("file after a kill (-want +got):\n%s", diff)
	}
}

func TestJournalResumes(t *testing.T) {
	tests := []struct {
		name    string
		change  func(path string) error
		problem string
		want    string
	}{
		{"taken away", os.Remove, "", journalled},
		{"emptied", func(path string) error { return os.Truncate(path, 0) }, "", journalled},
		{"shortened", func(path string) error { return os.Truncate(path, 5) },
			"it has 5 bytes, fewer than the 345 that were delivered; move it away to start a new one", ""},
		{"replaced", func(path string) error { return os.WriteFile(path, bytes.Repeat([]byte("x\n"), 500), 0o666) },
			"it is not the file that was delivered; move it away to start a new one", ""},
		{"broken line behind the mark", func(path string) error {
			b, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, append(b, `{"ti`...), 0o666))
		}, "", journalled + journalled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s := openJournal(t, dir)
			writeJournal(t, s)
			mark := s.(connector.Appender).Mark()
			if err := tt.change(filepath.Join(dir, "c.jsonl")); err != nil {
				t.Fatal(err)
			}
			s = openJournal(t, dir)
			got := ""
			if err := s.(connector.Appender).Resume(t.Context(), mark); err != nil {
				got = strings.TrimPrefix(err.Error(), "resume c.jsonl: ")
			}
			if diff := cmp.Diff(tt.problem, got); diff != "" {
				t.Fatalf("problem (-want +got):\n%s", diff)
			}
			if tt.problem != "" {
				return
			}
			writeJournal(t, s)
			if diff := cmp.Diff(tt.want, content(t, dir, "c.jsonl")); diff != "" {
				t.Errorf("file (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJournalKeepsWhatStandsThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c.jsonl")
	if err := os.WriteFile(path, []byte("{}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	s := openJournal(t, dir)
	writeJournal(t, s)
	if diff := cmp.Diff("{}\n"+journalled, content(t, dir, "c.jsonl")); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(path, []byte("{}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), changes()); err == nil {
		t.Error("a file that something else changed is written to")
	}
	if err := os.WriteFile(path, []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(t, dir).Write(t.Context(), changes()); err == nil {
		t.Error("lines are appended to a broken one")
	}
}
