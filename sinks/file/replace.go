package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// replaceFile writes a new file beside path and renames it, durably: path has
// its old content or the new one at any moment, also after a power failure.
// The permissions of an earlier file are kept, and a symbolic link goes on
// pointing at the file.
func replaceFile(path string, write func(io.Writer) error) error {
	path, old, err := resolve(path)
	if err != nil {
		return err
	}
	folder, name := filepath.Split(path)
	if err := removeLeftovers(folder, name); err != nil {
		return err
	}
	mode := fs.FileMode(0o666)
	if old != nil {
		mode = old.Mode().Perm()
	}
	temp := filepath.Join(folder, fmt.Sprintf("%s%d%s", tempPrefix(name), os.Getpid(), tempSuffix))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return plainCause(err)
	}
	defer os.Remove(temp)
	if err := fillFile(f, old, write); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return plainCause(err)
	}
	return syncFolder(folder)
}

func fillFile(f *os.File, old os.FileInfo, write func(io.Writer) error) error {
	err := write(f)
	if err == nil && old != nil {
		// The mode given on creating was narrowed by the umask.
		err = f.Chmod(old.Mode().Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return plainCause(err)
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
