package connectortest

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// tester is a *testing.T, or what the suite's own tests put in its place to
// see that it fails where it must.
type tester interface {
	testing.TB
	run(name string, f func(t tester))
}

type goTest struct{ *testing.T }

func (g goTest) run(name string, f func(t tester)) {
	g.Run(name, func(t *testing.T) { f(goTest{t}) })
}

// errStop is what a reader fails with when the suite stops it.
var errStop = errors.New("the consumer stops here")

// noon is the clock of all connectors under test.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// A journal keeps all that a connector says, to look for secrets in it.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) note(errs ...error) {
	for _, err := range errs {
		if err != nil {
			fmt.Fprintf(j, "%v\n%+v\n", err, err)
		}
	}
}

func (j *journal) contains(s string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Contains(j.text.String(), s)
}

// outfit fills in what an environment lacks.
func (j *journal) outfit(t testing.TB, env connector.Env) connector.Env {
	if env.Dir == "" {
		env.Dir = t.TempDir()
	}
	if env.Spool == "" {
		env.Spool = t.TempDir()
	}
	if env.Now == nil {
		env.Now = noon
	}
	if env.Log == nil {
		env.Log = slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return env
}

// closeIt closes what a connector keeps open beyond its use.
func closeIt(t testing.TB, v any) {
	t.Helper()
	if c, ok := v.(interface{ Close() error }); ok {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

// bodies brings objects into one form and order, so that two sets can be
// compared: members sorted, digits of numbers kept.
func bodies[T ~string | ~[]byte](t testing.TB, objects []T) []string {
	t.Helper()
	out := make([]string, 0, len(objects))
	for _, o := range objects {
		b, err := record.AppendBody(nil, []byte(o))
		if err != nil {
			t.Errorf("%.200q is no strict JSON: %v", o, err)
			continue
		}
		out = append(out, string(b))
	}
	slices.Sort(out)
	return out
}

// sameSet reports a problem when got is not want, each exactly once.
func sameSet[T, U ~string | ~[]byte](t testing.TB, what string, want []T, got []U) {
	t.Helper()
	w, g := bodies(t, want), bodies(t, got)
	if slices.Equal(w, g) {
		return
	}
	if len(w)+len(g) > 2000 {
		t.Errorf("%s: %d are not the %d that were wanted", what, len(g), len(w))
		return
	}
	t.Errorf("%s (-want +got):\n%s", what, cmp.Diff(w, g))
}
