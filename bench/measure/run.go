package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// A usage is what one run of a program took.
type usage struct {
	wall, cpu time.Duration
	peak      int64 // bytes of memory; 0: not known
}

// run runs a program in a folder, after what was written earlier is on disk.
func run(dir, program string, args ...string) (usage, error) {
	// Only for steadier times, and not there on every system.
	_ = exec.Command("sync").Run()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return usage{}, fmt.Errorf("%s %v: %w: %s", program, args, err, out.Bytes())
	}
	s := cmd.ProcessState
	return usage{wall: wall, cpu: s.UserTime() + s.SystemTime(), peak: peak(s)}, nil
}

// sameLines tells that two files have equally many lines.
func sameLines(a, b string) error {
	n, err := lines(a)
	if err != nil {
		return err
	}
	m, err := lines(b)
	if err == nil && n != m {
		err = fmt.Errorf("koppel wrote %d records and the floor %d", n, m)
	}
	return err
}

func lines(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r, n := bufio.NewReaderSize(f, 1<<20), 0
	for {
		chunk, err := r.ReadSlice('\n')
		if len(chunk) > 0 && chunk[len(chunk)-1] == '\n' {
			n++
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil && err != bufio.ErrBufferFull {
			return n, err
		}
	}
}
