package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// mainSize is the number of records that the figures to reach are about.
const mainSize = 1_000_000

// A bench holds the programs, the folders and the results.
type bench struct {
	sizes []int // ascending
	runs  int
	small bool

	koppel, floor, gen, projects, peers, dir string

	series []*series // one for each size
	starts []*result // what does not depend on the size
}

// parseSizes reads numbers of records, such as 100000,1000000.
func parseSizes(text string) ([]int, error) {
	var sizes []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("read the numbers of records: %q is not a number above 0", part)
		}
		sizes = append(sizes, n)
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), nil
}

// allSizes measures the tasks with each number of records.
func (b *bench) allSizes() error {
	for _, n := range b.sizes {
		s := &series{bench: b, n: n, all: n == b.mainSize()}
		b.series = append(b.series, s)
		if err := s.measure(); err != nil {
			return fmt.Errorf("measure with %d records: %w", n, err)
		}
	}
	return nil
}

// mainSize is the size whose results are shown in full: the largest that is
// not above what the figures to reach are about, else the smallest.
func (b *bench) mainSize() int {
	best := b.sizes[0]
	for _, n := range b.sizes {
		if n <= mainSize {
			best = n
		}
	}
	return best
}

// dataPath is where n records stand, in their first or their second version.
func (b *bench) dataPath(n int, changed bool) string {
	if changed {
		return filepath.Join(b.dir, fmt.Sprintf("people-%d-changed.jsonl", n))
	}
	return filepath.Join(b.dir, fmt.Sprintf("people-%d.jsonl", n))
}

// make writes n records, 1 % of them changed or none, unless they are there.
func (b *bench) make(n int, changed bool) (string, error) {
	path, percent := b.dataPath(n, changed), "0"
	if changed {
		percent = "1"
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	part := path + ".part"
	out, err := exec.Command(b.gen, "-n", strconv.Itoa(n), "-mutate", percent, "-o", part).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("make %s: %w: %s", path, err, out)
	}
	return path, os.Rename(part, path)
}

// project copies a project into a fresh folder.
func (b *bench) project(name string) (string, error) {
	dir, err := b.fresh(name)
	if err != nil {
		return "", err
	}
	return dir, os.CopyFS(dir, os.DirFS(filepath.Join(b.projects, name)))
}

// fresh makes an empty folder for the runs of something.
func (b *bench) fresh(name string) (string, error) {
	dir := filepath.Join(b.dir, "run-"+name)
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}
