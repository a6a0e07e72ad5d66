package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"koppel/engine/record"
)

// A mark says how long the file is and how it ends.
type mark struct {
	Length int64       `json:"length"`
	Tail   record.Hash `json:"tail"` // of the last tailSize bytes
}

const tailSize = 4096

// cut brings the file back to the mark; nil: everything in it stays.
func (j *journal) cut(path string, m *mark) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		j.mark = mark{}
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	length := info.Size()
	switch {
	case length == 0:
	case m == nil:
		if err := wholeLines(f, length); err != nil {
			return err
		}
	case length < m.Length:
		return fmt.Errorf("it has %d bytes, fewer than the %d that were delivered; move it away to start a new one", length, m.Length)
	default:
		if err := shorten(f, *m, length); err != nil {
			return err
		}
		length = m.Length
	}
	j.mark, err = markAt(f, length)
	return err
}

// shorten cuts a file of that length down to the mark, if it is the mark's.
func shorten(f *os.File, m mark, length int64) error {
	now, err := markAt(f, m.Length)
	if err != nil {
		return err
	}
	if now != m {
		return errors.New("it is not the file that was delivered; move it away to start a new one")
	}
	if length == m.Length {
		return nil
	}
	if err := f.Truncate(m.Length); err != nil {
		return err
	}
	return f.Sync()
}

// markAt makes the mark of the first length bytes.
func markAt(f *os.File, length int64) (mark, error) {
	if length == 0 {
		return mark{}, nil
	}
	tail := make([]byte, min(length, tailSize))
	if _, err := f.ReadAt(tail, length-int64(len(tail))); err != nil && err != io.EOF {
		return mark{}, err
	}
	return mark{length, record.NewHasher(nil).Bytes(tail)}, nil
}

// wholeLines refuses a file whose last line has no end.
func wholeLines(f *os.File, length int64) error {
	var last [1]byte
	if _, err := f.ReadAt(last[:], length-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		return errors.New("its last line is not whole; move it away to start a new one")
	}
	return nil
}
