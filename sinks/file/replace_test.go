package file

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestReplacementsShareAFolder: one that is given up removes the folder that it
// made, which another is about to use.
func TestReplacementsShareAFolder(t *testing.T) {
	dir := t.TempDir()
	done := make(chan error)
	for name := range 4 {
		go func() {
			var err error
			for range 300 {
				r, begun := newReplacement(filepath.Join(dir, "a", "b", fmt.Sprint(name)))
				if begun != nil {
					err = begun
					break
				}
				if err = r.abandon(); err != nil {
					break
				}
			}
			done <- err
		}()
	}
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
