package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// A replacement is a new file beside the one whose place it takes. That one has
// its old content or the new one at any moment, also after a power failure. The
// permissions of an earlier file are kept, and a symbolic link goes on pointing
// at the file.
type replacement struct {
	*os.File
	path string
	old  os.FileInfo // nil: there is none
	// made are the folders that were made for it, the innermost first.
	made []string
	// written counts the bytes, and begun those that are on their way to the disk.
	written, begun int64
}

// writeBackSize is how much is written before the system is asked to begin
// with the disk.
const writeBackSize = 8 << 20

// Write adds to the file.
func (r *replacement) Write(b []byte) (int, error) {
	n, err := r.File.Write(b)
	r.written += int64(n)
	if r.written-r.begun >= writeBackSize {
		writeBack(r.File, r.begun, r.written-r.begun)
		r.begun = r.written
	}
	return n, err
}

// newReplacement starts a file beside the one at path. A folder that another
// sink made, and removes because nothing came into it, is made again.
func newReplacement(path string) (*replacement, error) {
	r, err := beginReplacement(path)
	for again := 0; again < 100 && errors.Is(err, fs.ErrNotExist); again++ {
		r, err = beginReplacement(path)
	}
	return r, err
}

func beginReplacement(path string) (*replacement, error) {
	path, old, err := resolve(path)
	if err != nil {
		return nil, err
	}
	made := missing(filepath.Dir(path))
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	folder, name := filepath.Split(path)
	if err := removeLeftovers(folder, name); err != nil {
		return nil, err
	}
	mode := fs.FileMode(0o666)
	if old != nil {
		mode = old.Mode().Perm()
	}
	temp := filepath.Join(folder, fmt.Sprintf("%s%d%s", tempPrefix(name), os.Getpid(), tempSuffix))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return nil, plainCause(err)
	}
	return &replacement{File: f, path: path, old: old, made: made}, nil
}

// commit puts the file in its place.
func (r *replacement) commit() (err error) {
	if r.old != nil {
		// The mode given on creating was narrowed by the umask.
		err = r.Chmod(r.old.Mode().Perm())
	}
	if err == nil {
		err = r.Sync()
	}
	if closed := r.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(r.Name(), r.path)
	}
	if err != nil {
		_ = os.Remove(r.Name()) // the next delivery removes it otherwise
		return plainCause(err)
	}
	return syncFolder(filepath.Dir(r.path))
}

// abandon removes the file, and the folders that were made for it unless
// something else stands there by now.
func (r *replacement) abandon() error {
	closed := r.Close()
	err := errors.Join(closed, plainCause(os.Remove(r.Name())))
	for _, folder := range r.made {
		if os.Remove(folder) != nil {
			break
		}
	}
	return err
}

// missing lists a folder and those above it that are not there, the innermost
// first.
func missing(folder string) (list []string) {
	for {
		if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(folder) == folder {
			return list
		}
		list = append(list, folder)
		folder = filepath.Dir(folder)
	}
}

// resolve follows a symbolic link and tells what stands at the path; nil when
// nothing does.
func resolve(path string) (string, os.FileInfo, error) {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil, nil
	}
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			info, err = os.Stat(path)
		}
	}
	if err != nil {
		return "", nil, plainCause(err)
	}
	if !info.Mode().IsRegular() {
		return "", nil, errors.New("it is no regular file")
	}
	return path, info, nil
}

const tempSuffix = ".tmp"

// tempPrefix starts the names of unfinished files: hidden, and matched by no
// pattern that looks for the extension.
func tempPrefix(name string) string { return "." + name + ".koppel-" }

// removeLeftovers removes what a run that was killed left behind.
func removeLeftovers(folder, name string) error {
	entries, err := os.ReadDir(filepath.Clean(folder))
	if err != nil {
		return plainCause(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix(name)) && strings.HasSuffix(e.Name(), tempSuffix) {
			if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
				return fmt.Errorf("remove what a killed run left: %w", plainCause(err))
			}
		}
	}
	return nil
}

// makeFolder makes a folder and those above it, durably, where they are
// missing.
func makeFolder(folder string) error {
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		return plainCause(err)
	}
	above := filepath.Dir(folder)
	if above == folder {
		return fs.ErrNotExist
	}
	if err := makeFolder(above); err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return plainCause(err)
	}
	return syncFolder(above)
}

// syncFolder makes names in the folder durable. Windows has no such call.
func syncFolder(folder string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(filepath.Clean(folder))
	if err != nil {
		return plainCause(err)
	}
	err = d.Sync()
	if closed := d.Close(); err == nil {
		err = closed
	}
	return plainCause(err)
}

// plainCause leaves out the operation and the absolute paths that the
// operating system's errors carry; the caller names the file as configured.
func plainCause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}
