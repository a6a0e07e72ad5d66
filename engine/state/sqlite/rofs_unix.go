//go:build unix

package sqlite

import (
	"errors"
	"syscall"
)

// isReadOnlyFS tells whether the file system takes no writes.
func isReadOnlyFS(err error) bool { return errors.Is(err, syscall.EROFS) }
