package connectortest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// recording is a test that notes its failures instead of failing.
type recording struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

func (r *recording) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recording) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recording) Helper() {}

func (r *recording) run(_ string, f func(t tester)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
}

// failuresOf runs a suite and returns what it finds, a line each.
func failuresOf(t *testing.T, suite func(t tester)) string {
	t.Helper()
	r := &recording{TB: t}
	r.run("", suite)
	return strings.Join(r.failures, "\n")
}
