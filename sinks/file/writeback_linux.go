package file

import (
	"os"

	"golang.org/x/sys/unix"
)

// writeBack asks the system to begin writing n bytes from offset to the disk,
// so that little is left for the Sync at the end. It waits for nothing, and
// promises nothing: an error is Sync's to tell.
func writeBack(f *os.File, offset, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, n, unix.SYNC_FILE_RANGE_WRITE)
}
