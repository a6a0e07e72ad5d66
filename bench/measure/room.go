package main

import (
	"errors"
	"fmt"
	"os"
)

// What the records take on disk, in bytes each.
const (
	dataBytes = 830   // a version of the data
	runBytes  = 1_900 // what runs write at most at one time: databases, state, sorted runs, logs
)

var errRoom = errors.New("too little room on disk")

// need is how many more bytes the disk must hold.
func (b *bench) need() int64 {
	var bytes int64
	for _, n := range b.sizes {
		for _, changed := range []bool{false, true} {
			if _, err := os.Stat(b.dataPath(n, changed)); err != nil {
				bytes += int64(n) * dataBytes
			}
		}
	}
	return bytes + int64(b.sizes[len(b.sizes)-1])*runBytes
}

// room tells whether the disk has room for the data and the runs.
func (b *bench) room() error {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return err
	}
	free, known, err := freeSpace(b.dir)
	if err != nil || !known {
		return err
	}
	return enough(b.dir, b.need(), free)
}

// enough compares what is needed with what is there, in bytes.
func enough(dir string, need, free int64) error {
	if need <= free {
		return nil
	}
	return fmt.Errorf("%w: these sizes need %.1f GB, and %s has %.1f GB free; -d names another folder, -n smaller sizes",
		errRoom, float64(need)/1e9, dir, float64(free)/1e9)
}
