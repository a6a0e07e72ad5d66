package sqlite

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"koppel/engine/state"
)

// newKey makes a state key.
func newKey() []byte {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return key
}

// readKey reads a key file: the key in hexadecimal digits. The error wraps
// fs.ErrNotExist when there is no such file.
func readKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the state key: %w", err)
	}
	key, err := hex.DecodeString(string(bytes.TrimSpace(text)))
	if err != nil || len(key) < minKey {
		return nil, fmt.Errorf("read the state key: %w: %s does not hold %d or more bytes in hexadecimal digits",
			state.ErrKey, filepath.Base(path), minKey)
	}
	return key, nil
}

// makeKey writes key to a new file that only its owner can read. When another
// process was first, its key is the one that counts and is returned.
func makeKey(path string, key []byte) ([]byte, error) {
	temp := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	if err := writeKey(temp, key); err != nil {
		return nil, err
	}
	err := os.Link(temp, path)
	if rm := os.Remove(temp); rm != nil && err == nil {
		err = rm
	}
	if errors.Is(err, fs.ErrExist) {
		return readKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("make the state key: %w", err)
	}
	return key, syncDir(filepath.Dir(path))
}

// nextKey ends the name of the file that holds the next key while rows are
// sealed again under it.
const nextKey = ".next"

func promoteKey(path string) error {
	if err := os.Rename(path+nextKey, path); err != nil {
		return fmt.Errorf("replace the state key: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func writeKey(path string, key []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write the state key: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write the state key: %w", err)
	}
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if cl := f.Close(); err == nil {
		err = cl
	}
	if err != nil {
		return fmt.Errorf("write the state key: %w", err)
	}
	return nil
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("make %s durable: %w", filepath.Base(dir), err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("make %s durable: %w", filepath.Base(dir), err)
	}
	return nil
}
