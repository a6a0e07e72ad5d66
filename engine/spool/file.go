package spool

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// A file is written once, front to back, and read anywhere. No two bytes of it
// are ever encrypted under the same part of the key stream: the counter is
// made of the file's number within its Dir and of the place in the file.
type file struct {
	dir    *Dir
	fd     *os.File
	name   string
	number uint64
}

func (d *Dir) create(kind string) (*file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serial++
	name := kind + "-" + strconv.FormatUint(d.serial, 10)
	f, err := os.OpenFile(filepath.Join(d.path, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fileError("create", name, err)
	}
	made := &file{dir: d, fd: f, name: name, number: d.serial}
	d.files[made] = struct{}{}
	return made, nil
}

// fileError names the file without its folder.
func fileError(verb, name string, err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%s %s: %w", verb, name, err)
}

// crypt encrypts or decrypts b, which stands at off, in place.
func (f *file) crypt(b []byte, off int64) {
	if f.dir.seal == nil {
		return
	}
	var iv, skipped [16]byte
	binary.BigEndian.PutUint64(iv[:], f.number)
	binary.BigEndian.PutUint64(iv[8:], uint64(off)/16)
	stream := cipher.NewCTR(f.dir.seal, iv[:])
	stream.XORKeyStream(skipped[:off%16], skipped[:off%16])
	stream.XORKeyStream(b, b)
}

// writeAt writes b at off, which must be where the last write ended. b is
// spoiled.
func (f *file) writeAt(b []byte, off int64) error {
	if err := f.dir.stopped(); err != nil {
		return fileError("write", f.name, err)
	}
	f.crypt(b, off)
	if _, err := f.fd.WriteAt(b, off); err != nil {
		return fileError("write", f.name, err)
	}
	return nil
}

// readAt fills b with what stands at off. Less is an error.
func (f *file) readAt(b []byte, off int64) error {
	if err := f.dir.stopped(); err != nil {
		return fileError("read", f.name, err)
	}
	n, err := f.fd.ReadAt(b, off)
	if n < len(b) {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fileError("read", f.name, err)
	}
	f.crypt(b, off)
	return nil
}

// free gives the disk what stands between two offsets, which is not read again.
// Where the system can't, it stays until the file is removed.
func (f *file) free(from, to int64) { _ = punch(f.fd, from, to-from) }

// remove closes and removes the file. It does nothing when its Dir was closed.
func (f *file) remove() error {
	f.dir.mu.Lock()
	defer f.dir.mu.Unlock()
	if _, ok := f.dir.files[f]; !ok {
		return nil
	}
	delete(f.dir.files, f)
	if err := errors.Join(f.fd.Close(), os.Remove(f.fd.Name())); err != nil {
		return fileError("remove", f.name, err)
	}
	return nil
}
