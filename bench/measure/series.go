package main

import (
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"slices"
)

// A series is what is measured with one number of records.
type series struct {
	*bench
	n   int
	all bool // also the other forms of T1, and others' programs

	before, after string // the data, and its second version
	mapped        *digest
	results       []*result
	others        []*peerResult
}

// measure makes the data, then runs each task as often as is asked.
func (s *series) measure() (err error) {
	if s.before, err = s.make(s.n, false); err != nil {
		return err
	}
	if s.after, err = s.make(s.n, true); err != nil {
		return err
	}
	if s.all {
		if err := s.findPeers(); err != nil {
			return err
		}
	}
	for i := range s.runs {
		log.Printf("%d records, round %d of %d", s.n, i+1, s.runs)
		if err := s.round(i == 0); err != nil {
			return err
		}
	}
	return nil
}

// round runs every task once; check holds what was written to the floor's.
func (s *series) round(check bool) error {
	if err := s.mapOnly(s.result("T1", "T1", must{ratio: 2, peak: 64 << 20}), "t1", true, check); err != nil {
		return err
	}
	if s.all {
		if err := s.mapOnly(s.result("T1, all fields as expr", "T1", must{ratio: 2.5}), "t1-expr", false, check); err != nil {
			return err
		}
		if err := s.mapOnly(s.result("T1, one jq object", "T1", must{ratio: 3}), "t1-jq", false, check); err != nil {
			return err
		}
		if err := s.runPeers(); err != nil {
			return err
		}
	}
	return s.loads(check)
}

// mapOnly maps the data into a file, and removes it.
func (s *series) mapOnly(r *result, project string, floor, check bool) error {
	dir, err := s.project(project)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := s.koppelRun(r, dir, s.before); err != nil {
		return err
	}
	out := filepath.Join(s.dir, "floor.jsonl")
	defer os.Remove(out)
	if floor && s.floor != "" {
		if err := s.floorRun(r, "t1", "-in", s.before, "-out", out); err != nil {
			return err
		}
	}
	if !check {
		return nil
	}
	written := file("koppel's "+r.title, filepath.Join(dir, "out.jsonl"))
	if s.mapped == nil {
		first := written
		if s.floor != "" {
			first = file("the floor's T1", out)
		}
		return s.checkFirst(first, written)
	}
	return written.is(*s.mapped)
}

// checkFirst takes a dataset as what T1 gives, and holds another to it.
func (s *series) checkFirst(want, got dataset) error {
	d, err := want.digest()
	if err != nil {
		return err
	}
	s.mapped = &d
	if want.name == got.name {
		return nil
	}
	return same(want, got)
}

// loads loads the data into a new database, then its second version twice.
func (s *series) loads(check bool) error {
	dir, err := s.project("t2")
	if err != nil {
		return err
	}
	db := filepath.Join(s.dir, "floor.db")
	defer removeDatabase(db)
	defer os.RemoveAll(dir)
	steps := []struct {
		r     *result
		input string
		floor []string
	}{
		{s.result("T2, first load", "T2", must{ratio: 2, peak: 128 << 20}), s.before,
			[]string{"t2", "-in", s.before, "-db", db, "-sorted", "-durable"}},
		{s.result("T3, 1 % changed", "T3", must{ratio: 1, peak: 128 << 20}), s.after,
			[]string{"t3", "-in", s.after, "-db", db, "-detect", "merge", "-engine", "dsl", "-mem", "16", "-cache", "16", "-durable"}},
		{s.result("T3, nothing changed", "T3", must{ratio: 0.6}), s.after, nil},
	}
	for _, step := range steps {
		if err := s.koppelRun(step.r, dir, step.input); err != nil {
			return err
		}
		if s.floor == "" {
			continue
		}
		if step.floor != nil {
			if err := s.floorRun(step.r, step.floor...); err != nil {
				return err
			}
		}
		if check {
			err := sameInOrder(table("the floor's table", db), table("koppel's table after "+step.r.title, filepath.Join(dir, "people.db")))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func removeDatabase(path string) {
	for _, end := range []string{"", "-wal", "-shm"} {
		os.Remove(path + end)
	}
}

func (s *series) koppelRun(r *result, dir, input string) error {
	if err := readThrough(input, dir); err != nil {
		return err
	}
	u, err := run(dir, s.koppel, "run", "--quiet", "--var", "input="+input)
	if err == nil {
		r.koppel = append(r.koppel, u)
	}
	return err
}

func (s *series) floorRun(r *result, args ...string) error {
	if err := readThrough(args[slices.Index(args, "-in")+1]); err != nil {
		return err
	}
	if at := slices.Index(args, "-db"); at > 0 && r.task == "T3" {
		if err := readThrough(args[at+1]); err != nil {
			return err
		}
	}
	u, err := run(s.dir, s.floor, args...)
	if err == nil {
		r.floor = append(r.floor, u)
	}
	return err
}

// readThrough reads files, and those of folders, before a program does. What was
// not used for some seconds may no longer be in memory: who comes first would
// pay for that, and whose databases were written longer ago.
func readThrough(paths ...string) error {
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			return readWhole(path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func readWhole(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}

// result finds or makes the result of a task.
func (s *series) result(title, task string, m must) *result {
	if r := s.find(title); r != nil {
		return r
	}
	r := &result{title: title, task: task, must: m}
	s.results = append(s.results, r)
	return r
}

// find gives the result of a task; nil: it was not run.
func (s *series) find(title string) *result {
	for _, r := range s.results {
		if r.title == title {
			return r
		}
	}
	return nil
}

// floorOf is what a result is held against: the floor's run of the same task,
// or of the one that the task is a form of.
func (s *series) floorOf(r *result) usage {
	for _, other := range s.results {
		if r.task != "" && other.task == r.task && len(other.floor) > 0 {
			return median(other.floor)
		}
	}
	return usage{}
}

// usageOf is what koppel took for a task.
func (s *series) usageOf(title string) usage {
	if r := s.find(title); r != nil {
		return median(r.koppel)
	}
	return usage{}
}
