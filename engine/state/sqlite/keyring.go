package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"koppel/engine/state"
)

// A keyring knows where the state key comes from.
type keyring struct {
	mu    sync.Mutex
	given []byte // by the options
	file  string
	fresh []byte // made, and not yet in the file
}

// load gives the key. The error wraps fs.ErrNotExist when none was made yet.
func (k *keyring) load() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.given != nil {
		return k.given, nil
	}
	if k.fresh != nil {
		return k.fresh, nil
	}
	return readKey(k.file)
}

// loadNext gives the key that a rekey which was cut off may have been about to
// put in place; nil: none.
func (k *keyring) loadNext() []byte {
	if k.given != nil {
		return nil
	}
	key, err := readKey(k.file + nextKey)
	if err != nil {
		return nil
	}
	return key
}

// draft gives the key, a new one when there is none; save writes that one.
func (k *keyring) draft() ([]byte, error) {
	key, err := k.load()
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fresh = newKey()
	return k.fresh, nil
}

// save makes the key file of a drafted key. It is cheap when there is nothing
// to do.
func (k *keyring) save() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fresh == nil {
		return nil
	}
	key, err := makeKey(k.file, k.fresh)
	if err != nil {
		return err
	}
	if !bytes.Equal(key, k.fresh) {
		return fmt.Errorf("make the state key: %w: another process made %s first; start again",
			state.ErrKey, filepath.Base(k.file))
	}
	k.fresh = nil
	return nil
}

// inFile tells whether the key lives in the key file.
func (k *keyring) inFile() bool { return k.given == nil }

// origin names the key's origin, for hints.
func (k *keyring) origin() string {
	if k.given != nil {
		return "the key that the configuration gives"
	}
	return "the key in " + filepath.Base(k.file)
}
