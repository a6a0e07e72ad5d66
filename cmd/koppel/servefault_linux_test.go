package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// mount mounts something over a folder until the function that it gives is called, or
// the test ends. It needs the rights of root.
func mount(t *testing.T, source, target, kind string, flags uintptr, data string) (unmount func()) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, data); errors.Is(err, syscall.EPERM) {
		t.Skip("only root may mount")
	} else if err != nil {
		t.Fatal(err)
	}
	mounted := true
	unmount = func() {
		if !mounted {
			return
		}
		mounted = false
		if err := syscall.Unmount(target, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(unmount)
	return unmount
}

// fill leaves no room on the disk of a folder.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(bytes.Repeat([]byte("x"), 4096))
	}
	if closeErr := f.Close(); !errors.Is(err, syscall.ENOSPC) || closeErr != nil {
		t.Fatal(err, closeErr)
	}
}

// TestDiskIsFull fills the disk of the state while deliveries come in. What does
// not fit is refused, what was taken is not lost, and all goes on once there is
// room.
func TestDiskIsFull(t *testing.T) {
	for name, killed := range map[string]bool{"goes on": false, "is killed": true} {
		t.Run(name, func(t *testing.T) {
			h := newHooked(t)
			mount(t, "tmpfs", h.state, "tmpfs", 0, "size=8m,mode=0700")
			h.start()
			if code := h.deliver("first"); code != http.StatusOK {
				t.Fatal(code)
			}
			h.arrive()
			filler := filepath.Join(h.state, "filler")
			fill(t, filler)
			refused, sent := 0, []string{"first"}
			for i := 0; refused < 5 && i < 1000; i++ {
				sent = append(sent, fmt.Sprintf("d%03d", i))
				if code := h.deliver(sent[len(sent)-1]); code == http.StatusServiceUnavailable {
					refused++
				} else if code != http.StatusOK {
					t.Fatalf("delivery %d is answered %d", i, code)
				}
			}
			if refused == 0 {
				t.Fatal("nothing was refused")
			}
			if code, says := h.ready(); code != http.StatusServiceUnavailable || !strings.Contains(says, "no space") {
				t.Errorf("/readyz: %d %s", code, says)
			}
			if log := h.log(); !strings.Contains(log, filepath.Join(h.state, "state.inbox.db")+": there is no room on the disk, make some") {
				t.Errorf("the log does not say what to do:\n%s", log)
			}
			if killed {
				h.end(syscall.SIGKILL)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			if killed {
				h.start()
			}
			h.arrive()
			for _, id := range sent {
				if code := h.deliver(id); code != http.StatusOK {
					t.Errorf("%s with room again: %d", id, code)
				}
			}
			h.arrive()
			h.until("it is ready", func() bool { code, _ := h.ready(); return code == http.StatusOK })
			h.end(syscall.SIGTERM)
		})
	}
}

// TestStateIsReadOnly makes the state's folder read-only while the service runs,
// and before it starts.
func TestStateIsReadOnly(t *testing.T) {
	h := newHooked(t)
	h.start()
	h.deliver("first")
	h.arrive()
	unmount := mount(t, h.state, h.state, "", syscall.MS_BIND, "")
	if err := syscall.Mount("", h.state, "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	h.deliver("second") // into a file that is open already, or not at all
	h.until("the log says what is wrong", func() bool {
		return strings.Contains(h.log(), filepath.Join(h.state, "state.db")+" can't be written; make the file and its folder writable")
	})
	if code, says := h.ready(); code != http.StatusServiceUnavailable || !strings.Contains(says, "read-only file system") {
		t.Errorf("/readyz: %d %s", code, says)
	}
	if code, says := h.refuses(); code != 1 || !strings.Contains(says, "state.db can't be written; make the file and its folder writable") {
		t.Errorf("a start: exit %d, %s", code, says)
	}
	unmount()
	h.arrive()
	if code := h.deliver("third"); code != http.StatusOK {
		t.Errorf("once it can be written again: %d", code)
	}
	h.arrive()
	h.end(syscall.SIGTERM)
}

// TestStateIsMovedAway moves the state's folder away while the service runs, and
// back: meanwhile nothing is taken that nobody would find.
func TestStateIsMovedAway(t *testing.T) {
	h := newHooked(t)
	h.start()
	h.deliver("first")
	h.arrive()
	away := filepath.Join(h.dir, "away")
	if err := os.Rename(h.state, away); err != nil {
		t.Fatal(err)
	}
	if code := h.deliver("second"); code != http.StatusServiceUnavailable {
		t.Errorf("a delivery is answered %d", code)
	}
	if code, says := h.ready(); code != http.StatusServiceUnavailable || !strings.Contains(says, "is not there any more; put it back") {
		t.Errorf("/readyz: %d %s", code, says)
	}
	if _, err := os.Stat(h.state); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made anew: %v", err)
	}
	if err := os.Rename(away, h.state); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"second", "third"} {
		if code := h.deliver(id); code != http.StatusOK {
			t.Errorf("%s, once it is back: %d", id, code)
		}
	}
	h.arrive()
	h.end(syscall.SIGTERM)
}

// TestStateIsHeld has another program hold state and inbox for a while: what
// comes meanwhile waits. A second service says who has the state.
func TestStateIsHeld(t *testing.T) {
	h := newHooked(t)
	h.start()
	h.deliver("first")
	h.arrive()
	for _, name := range []string{"state.db", "state.inbox.db"} {
		c, err := sqlite.OpenConn(filepath.Join(h.state, name), sqlite.OpenReadWrite)
		if err != nil {
			t.Fatal(err)
		}
		if err := sqlitex.ExecuteTransient(c, "BEGIN IMMEDIATE", nil); err != nil {
			t.Fatal(err)
		}
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			if code := h.deliver("during " + name); code != http.StatusOK {
				t.Errorf("%s is held, and a delivery is answered %d", name, code)
			}
		}()
		if name == "state.db" {
			<-answered // another file than the inbox
		}
		if err := sqlitex.ExecuteTransient(c, "ROLLBACK", nil); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		<-answered
		h.arrive()
	}
	if code, says := h.refuses(); code != 7 || !strings.Contains(says, fmt.Sprintf("serve is locked by koppel serve (pid %d on ", h.cmd.Process.Pid)) {
		t.Errorf("a second service: exit %d, %s", code, says)
	}
	h.end(syscall.SIGTERM)
}
