package spool_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// onDisk is how many bytes the files of a folder take there.
func onDisk(t *testing.T, dir string) (n int64) {
	t.Helper()
	for _, name := range names(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		n += info.Sys().(*syscall.Stat_t).Blocks * 512
	}
	return n
}

// TestDrainFreesTheDisk looks at what the runs take when all but the last of
// their blocks were passed.
func TestDrainFreesTheDisk(t *testing.T) {
	d := open(t, false)
	s := d.Sorter(4 << 20)
	payload := make([]byte, 1000)
	for i := range 20_000 {
		if err := s.Add(fmt.Appendf(nil, "%06d", i*7919%20_000), payload); err != nil {
			t.Fatal(err)
		}
	}
	it, err := s.Drain()
	if err != nil {
		t.Fatal(err)
	}
	before := onDisk(t, d.Path())
	for it.Next() {
	}
	if it.Err() != nil {
		t.Fatal(it.Err())
	}
	if after := onDisk(t, d.Path()); before < 16<<20 || after > before/2 {
		t.Errorf("%d bytes before, %d bytes after", before, after)
	}
}
