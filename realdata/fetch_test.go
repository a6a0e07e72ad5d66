package realdata_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// absent skips the test; where nothing may be absent it fails.
func absent(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("KOPPEL_CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// fetch gives the path of the release's file, from the cache or the registry.
func fetch(t *testing.T, r release) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = t.TempDir()
	}
	path := filepath.Join(cache, "koppel-realdata", r.pack+"-"+r.version+"-"+r.file)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	dir := t.TempDir()
	cmd := exec.Command("npm", "pack", r.pack+"@"+r.version, "--silent", "--pack-destination", dir)
	cmd.Dir = dir
	if err := cmd.Run(); err != nil {
		absent(t, fmt.Sprintf("%s %s can't be fetched: %v", r.pack, r.version, err))
	}
	if err := extract(filepath.Join(dir, r.pack+"-"+r.version+".tgz"), "package/"+r.file, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// extract copies one file of a package; the copy is there whole or not at all.
func extract(pack, name, path string) (err error) {
	f, err := os.Open(pack)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("unpack %s: %w", pack, err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("find %s in %s: %w", name, pack, os.ErrNotExist)
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", pack, err)
		}
		if h.Name == name {
			return save(r, path)
		}
	}
}

func save(r io.Reader, path string) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	part := path + ".part"
	if err := os.WriteFile(part, text, 0o644); err != nil {
		return err
	}
	return os.Rename(part, path)
}
