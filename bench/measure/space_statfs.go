//go:build linux || darwin

package main

import (
	"fmt"
	"syscall"
)

// freeSpace is how many bytes the disk of a folder has room for.
func freeSpace(dir string) (bytes int64, known bool, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false, fmt.Errorf("look how much room %s has: %w", dir, err)
	}
	return int64(s.Bavail) * int64(s.Bsize), true, nil
}
