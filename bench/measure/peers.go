package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// sampleSize is how many records others' programs must map as koppel does.
const sampleSize = 2_000

// A peer is another's program for the first task. In its folder it reads
// input.jsonl and writes out.jsonl, or it prints.
type peer struct {
	name          string
	args, version []string
	stdin         string // what it reads beside; "": nothing
	prints        bool
	tenth         bool // too slow for more than a tenth of the records
}

// A peerResult is what the runs of a peer took.
type peerResult struct {
	peer
	found string // which version; "": it is not on this machine
	runs  []usage
}

// peers lists the programs that are known. Where a name comes twice, the first
// that is there counts.
func peers(dir string) []peer {
	in := func(name string) string { return filepath.Join(dir, name) }
	node := []string{"node", in("duckdb.cjs")}
	return []peer{
		{
			name: "jq", tenth: true, prints: true,
			args:    []string{"jq", "-c", "-f", in("t1.jq"), "input.jsonl"},
			version: []string{"jq", "--version"},
		},
		{
			name: "Miller", tenth: true, prints: true,
			args:    []string{"mlr", "--ijsonl", "--ojsonl", "put", "-q", "-f", in("t1.mlr"), "input.jsonl"},
			version: []string{"mlr", "--version"},
		},
		{
			name: "DuckDB", stdin: in("t1.sql"),
			args:    []string{"duckdb"},
			version: []string{"duckdb", "--version"},
		},
		{
			name: "DuckDB", stdin: in("t1.sql"),
			args:    node,
			version: append(slices.Clone(node), "--version"),
		},
	}
}

// look finds out which of the peers are on this machine.
func look(list []peer) []*peerResult {
	var found []*peerResult
	for _, p := range list {
		i := slices.IndexFunc(found, func(r *peerResult) bool { return r.name == p.name })
		if i >= 0 && found[i].found != "" {
			continue
		}
		r := &peerResult{peer: p}
		if out, err := exec.Command(p.version[0], p.version[1:]...).Output(); err == nil {
			line, _, _ := strings.Cut(string(out), "\n")
			r.found = strings.TrimSpace(line)
		}
		if i >= 0 {
			found[i] = r
		} else {
			found = append(found, r)
		}
	}
	return found
}

// findPeers finds the peers, and holds those that are there to koppel's
// records on a sample.
func (s *series) findPeers() error {
	s.others = look(peers(s.peers))
	input, err := s.make(sampleSize, false)
	if err != nil {
		return err
	}
	dir, err := s.project("t1")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := run(dir, s.koppel, "run", "--quiet", "--var", "input="+input); err != nil {
		return err
	}
	want := file("koppel's T1", filepath.Join(dir, "out.jsonl"))
	for _, r := range s.others {
		if r.found == "" {
			log.Printf("%s is not on this machine", r.name)
			continue
		}
		if err := s.peerSample(r.peer, input, want); err != nil {
			return err
		}
	}
	return nil
}

// peerSample holds what a peer makes of an input to what it should be.
func (b *bench) peerSample(p peer, input string, want dataset) error {
	dir, err := b.fresh("peer")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := p.run(dir, input); err != nil {
		return err
	}
	return same(want, file(p.name+"'s T1", filepath.Join(dir, "out.jsonl")))
}

// run runs the peer in a folder.
func (p peer) run(dir, input string) (usage, error) {
	link := filepath.Join(dir, "input.jsonl")
	if err := os.Symlink(input, link); err != nil && !errors.Is(err, os.ErrExist) {
		return usage{}, err
	}
	c := command{dir: dir, args: p.args, stdin: p.stdin}
	if p.prints {
		c.stdout = filepath.Join(dir, "out.jsonl")
	}
	return c.run()
}

// runPeers runs each peer once; slow ones on a tenth of the records.
func (s *series) runPeers() error {
	for _, r := range s.others {
		if r.found == "" {
			continue
		}
		n := s.n
		if r.tenth {
			n = max(n/10, 1)
		}
		input, err := s.make(n, false)
		if err != nil {
			return err
		}
		dir, err := s.fresh("peer")
		if err != nil {
			return err
		}
		u, err := r.run(dir, input)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		r.runs = append(r.runs, u)
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// whole is what all records take, from what those that were run took.
func (r *peerResult) whole() usage {
	m := median(r.runs)
	if r.tenth {
		m.wall, m.cpu = 10*m.wall, 10*m.cpu
	}
	return m
}
