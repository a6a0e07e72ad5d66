package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLook(t *testing.T) {
	there, gone := []string{"go", "version"}, []string{filepath.Join(t.TempDir(), "gone")}
	found := look([]peer{
		{name: "first", version: there}, {name: "first", version: gone},
		{name: "second", version: gone}, {name: "second", version: there, stdin: "x"},
		{name: "third", version: gone},
	})
	type answer struct {
		Name  string
		There bool
		Stdin string
	}
	var got []answer
	for _, r := range found {
		got = append(got, answer{r.name, r.found != "", r.stdin})
	}
	if diff := cmp.Diff([]answer{{"first", true, ""}, {"second", true, "x"}, {"third", false, ""}}, got); diff != "" {
		t.Errorf("found (-want +got)\n%s", diff)
	}
}

// The programs are built, and all that is there maps generated records alike.
func TestPeersMapAsKoppel(t *testing.T) {
	if testing.Short() {
		t.Skip("builds two programs")
	}
	b := &bench{dir: t.TempDir(), runs: 1}
	for name, to := range map[string]*string{"koppel/cmd/koppel": &b.koppel, "koppel/bench/gen": &b.gen} {
		*to = filepath.Join(b.dir, filepath.Base(name)+".exe")
		if out, err := exec.Command("go", "build", "-o", *to, name).CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v: %s", name, err, out)
		}
	}
	for name, to := range map[string]*string{"../projects": &b.projects, "../peers": &b.peers} {
		abs, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		*to = abs
	}
	input, err := b.make(sampleSize, false)
	if err != nil {
		t.Fatal(err)
	}
	var want dataset
	for _, form := range []string{"t1", "t1-expr", "t1-jq"} {
		dir, err := b.project(form)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run(dir, b.koppel, "run", "--quiet", "--var", "input="+input); err != nil {
			t.Fatal(err)
		}
		got := file("koppel's "+form, filepath.Join(dir, "out.jsonl"))
		if form == "t1" {
			want = got
		}
		if err := same(want, got); err != nil {
			t.Error(err)
		}
	}
	for _, r := range look(peers(b.peers)) {
		t.Run(r.name, func(t *testing.T) {
			if r.found == "" {
				t.Skip("it is not on this machine")
			}
			if err := b.peerSample(r.peer, input, want); err != nil {
				t.Error(err)
			}
		})
	}
}
