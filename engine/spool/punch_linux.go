package spool

import (
	"os"

	"golang.org/x/sys/unix"
)

// punch frees n bytes of a file from off on. Its size stays.
func punch(f *os.File, off, n int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
}
