package spool

import (
	"errors"
	"fmt"
	"io"
)

// block is the size of sequential writes, in bytes.
const block = 1 << 20

var errRange = errors.New("the range is not in the log")

// A Log is an append-only sequence of bytes: in memory up to 1 MiB, beyond it
// in a file. One goroutine may append; any number may read while none appends.
type Log struct {
	dir     *Dir
	file    *file
	written int64  // bytes in the file
	tail    []byte // the bytes behind those
	err     error  // of the first write that failed
}

// Log returns an empty log. No file is made before it is needed.
func (d *Dir) Log() *Log { return &Log{dir: d} }

// Append adds a copy of b and returns the offset where it starts. After an
// error no more can be appended.
func (l *Log) Append(b []byte) (off int64, err error) {
	if l.err != nil {
		return 0, l.err
	}
	if len(l.tail) > 0 && len(l.tail)+len(b) > block {
		if l.err = l.flush(); l.err != nil {
			return 0, l.err
		}
	}
	off = l.Size()
	l.tail = append(l.tail, b...)
	return off, nil
}

func (l *Log) flush() error {
	if l.file == nil {
		var err error
		if l.file, err = l.dir.create("log"); err != nil {
			return err
		}
	}
	if err := l.file.writeAt(l.tail, l.written); err != nil {
		return err
	}
	l.written += int64(len(l.tail))
	l.tail = l.tail[:0]
	return nil
}

// ReadAt appends the n bytes at off to dst. A range that is not wholly in the
// log is an error that wraps io.ErrUnexpectedEOF. dst is returned as it was
// when there is an error.
func (l *Log) ReadAt(off int64, n int, dst []byte) ([]byte, error) {
	switch {
	case l.err != nil:
		return dst, l.err
	case off < 0 || n < 0 || off > l.Size()-int64(n):
		return dst, fmt.Errorf("read log: %w: %w", errRange, io.ErrUnexpectedEOF)
	case off >= l.written:
		off -= l.written
		return append(dst, l.tail[off:off+int64(n)]...), nil
	}
	stored := int(min(int64(n), l.written-off))
	start := len(dst)
	out := append(dst, make([]byte, stored)...)
	if err := l.file.readAt(out[start:], off); err != nil {
		return dst, err
	}
	return append(out, l.tail[:n-stored]...), nil
}

// Size is the number of bytes appended.
func (l *Log) Size() int64 { return l.written + int64(len(l.tail)) }

// Close frees the log's memory and disk. It may be called more than once.
func (l *Log) Close() error {
	f := l.file
	*l = Log{dir: l.dir, err: errors.New("read or append to a closed log")}
	if f == nil {
		return nil
	}
	return f.remove()
}
