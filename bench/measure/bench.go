package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// A bench holds the programs, the data and the results.
type bench struct {
	n, runs                           int
	koppel, floor, gen, projects, dir string
	small                             bool

	before, after string // the data, and its second version
	results       []*result
}

// data makes the two versions of the data, unless they are there.
func (b *bench) data() error {
	b.before = filepath.Join(b.dir, fmt.Sprintf("people-%d.jsonl", b.n))
	b.after = filepath.Join(b.dir, fmt.Sprintf("people-%d-changed.jsonl", b.n))
	if err := b.make(b.before, b.n, "0"); err != nil {
		return err
	}
	return b.make(b.after, b.n, "1")
}

// make writes n records, so many percent of them changed, to path.
func (b *bench) make(path string, n int, changed string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part := path + ".part"
	out, err := exec.Command(b.gen, "-n", strconv.Itoa(n), "-mutate", changed, "-o", part).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make %s: %w: %s", path, err, out)
	}
	return os.Rename(part, path)
}

// project copies a project into a fresh folder.
func (b *bench) project(name string) (string, error) {
	dir := filepath.Join(b.dir, "run-"+name)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.CopyFS(dir, os.DirFS(filepath.Join(b.projects, name)))
}

// tasks measures the three tasks and the other forms of the first.
func (b *bench) tasks() error {
	for i := range b.runs {
		log.Printf("round %d of %d", i+1, b.runs)
		if err := b.mapOnly("T1", "t1", true); err != nil {
			return err
		}
		if err := b.mapOnly("T1, all fields as expr", "t1-expr", false); err != nil {
			return err
		}
		if err := b.mapOnly("T1, one jq object", "t1-jq", false); err != nil {
			return err
		}
		if err := b.loads(); err != nil {
			return err
		}
	}
	return nil
}

// mapOnly maps the data into a file.
func (b *bench) mapOnly(title, project string, floor bool) error {
	dir, err := b.project(project)
	if err != nil {
		return err
	}
	r := b.result(title, "T1")
	if err := b.koppelRun(r, dir, b.before); err != nil {
		return err
	}
	if !floor || b.floor == "" {
		return nil
	}
	out := filepath.Join(b.dir, "floor.jsonl")
	if err := b.floorRun(r, "t1", "-in", b.before, "-out", out); err != nil {
		return err
	}
	return sameLines(filepath.Join(dir, "out.jsonl"), out)
}

// loads loads the data into a new database, then its second version twice.
func (b *bench) loads() error {
	dir, err := b.project("t2")
	if err != nil {
		return err
	}
	db := filepath.Join(b.dir, "floor.db")
	first, second, none := b.result("T2, first load", "T2"), b.result("T3, 1 % changed", "T3"), b.result("T3, nothing changed", "T3")
	if err := b.koppelRun(first, dir, b.before); err != nil {
		return err
	}
	if b.floor != "" {
		if err := b.floorRun(first, "t2", "-in", b.before, "-db", db, "-sorted", "-durable"); err != nil {
			return err
		}
	}
	if err := b.koppelRun(second, dir, b.after); err != nil {
		return err
	}
	if b.floor != "" {
		if err := b.floorRun(second, "t3", "-in", b.after, "-db", db, "-detect", "merge", "-engine", "dsl", "-mem", "16", "-cache", "16", "-durable"); err != nil {
			return err
		}
	}
	return b.koppelRun(none, dir, b.after)
}

func (b *bench) koppelRun(r *result, dir, input string) error {
	u, err := run(dir, b.koppel, "run", "--quiet", "--var", "input="+input)
	if err == nil {
		r.koppel = append(r.koppel, u)
	}
	return err
}

func (b *bench) floorRun(r *result, args ...string) error {
	u, err := run(b.dir, b.floor, args...)
	if err == nil {
		r.floor = append(r.floor, u)
	}
	return err
}
