package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// A usage is what one run of a program took.
type usage struct {
	wall, cpu time.Duration
	peak      int64 // bytes of memory; 0: not known
}

// A command is a program to measure.
type command struct {
	dir           string
	args          []string // the program first
	stdin, stdout string   // paths of files; "": none, and kept for the error
}

// run runs a program in a folder.
func run(dir, program string, args ...string) (usage, error) {
	return command{dir: dir, args: append([]string{program}, args...)}.run()
}

// run runs the program, after what was written earlier is on disk. Its
// temporary files stand in its folder.
func (c command) run() (usage, error) {
	// Only for steadier times, and not there on every system.
	_ = exec.Command("sync").Run()
	cmd := exec.Command(c.args[0], c.args[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), "TMPDIR="+c.dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if c.stdin != "" {
		f, err := os.Open(c.stdin)
		if err != nil {
			return usage{}, err
		}
		defer f.Close()
		cmd.Stdin = f
	}
	if c.stdout != "" {
		f, err := os.Create(c.stdout)
		if err != nil {
			return usage{}, err
		}
		defer f.Close()
		cmd.Stdout = f
	}
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return usage{}, fmt.Errorf("run %v: %w: %s", c.args, err, out.Bytes())
	}
	s := cmd.ProcessState
	return usage{wall: wall, cpu: s.UserTime() + s.SystemTime(), peak: peak(s)}, nil
}
