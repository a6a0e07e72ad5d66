package httpclient

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// windows hands out the stretches of time in which a code is good, each once:
// servers take a code once (RFC 6238, section 5.2). What was handed out is
// noted in the system's folder for temporary files, by empty files with the
// number of the window in their names, so that other connections by the same
// account and other processes of this machine send no code again either. Where
// nothing can be written there, it is known to this connection only.
type windows struct {
	prefix string // of those files
	now    func() time.Time
	log    *slog.Logger

	mu    sync.Mutex
	taken map[int64]bool
}

// newWindows makes those of an account. Its name, which the place of the login
// belongs to, can't be told from the files.
func newWindows(key []byte, account string, now func() time.Time, log *slog.Logger) *windows {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("koppel code\n" + account))
	return &windows{
		prefix: filepath.Join(os.TempDir(), "koppel-code-"+hex.EncodeToString(mac.Sum(nil)[:12])+"-"),
		now:    now, log: log, taken: map[int64]bool{},
	}
}

// at is the window of a moment.
func (w *windows) at(t time.Time) int64 { return t.Unix() / int64(period/time.Second) }

// next waits for the first window whose code nobody was given, and gives its
// number.
func (w *windows) next(ctx context.Context) (int64, error) {
	now := w.now()
	window := w.claim(w.at(now))
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if wait := time.Unix(window*int64(period/time.Second), 0).Sub(now); wait > 0 {
		w.log.InfoContext(ctx, "a login waits for a one-time code that was not sent yet", "for", wait.Round(time.Second))
		return window, sleep(ctx, wait)
	}
	return window, nil
}

// claim takes the first free window from one on.
func (w *windows) claim(window int64) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	for past := range w.taken {
		if past < window {
			delete(w.taken, past)
		}
	}
	w.forget(window)
	for w.taken[window] || w.isTaken(window) {
		window++
	}
	w.taken[window] = true
	return window
}

// isTaken tells whether another connection or process has a window; if not, it
// is ours from now on.
func (w *windows) isTaken(window int64) bool {
	f, err := os.OpenFile(w.prefix+strconv.FormatInt(window, 10), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = f.Close()
	}
	return errors.Is(err, fs.ErrExist)
}

// forget removes the files of windows before one.
func (w *windows) forget(before int64) {
	files, err := filepath.Glob(w.prefix + "*")
	if err != nil {
		return // the folder's name is no pattern
	}
	for _, name := range files {
		if n, err := strconv.ParseInt(strings.TrimPrefix(name, w.prefix), 10, 64); err == nil && n < before {
			_ = os.Remove(name) // another process was faster, or it is another user's
		}
	}
}
