package connectortest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// recording is a test that notes its failures instead of failing.
type recording struct {
	testing.TB
	failures *[]string
	mu       *sync.Mutex
}

func (r recording) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*r.failures = append(*r.failures, fmt.Sprintf(format, args...))
}

func (r recording) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r recording) Helper() {}

func (r recording) run(_ string, f func(t tester)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
}

// failuresOf runs a suite and returns what it finds.
func failuresOf(t *testing.T, suite func(t tester)) string {
	t.Helper()
	r := recording{TB: t, failures: &[]string{}, mu: &sync.Mutex{}}
	r.run("", suite)
	return strings.Join(*r.failures, "\n")
}

// stock is a source that reads a list, page by page, and can be broken.
type stock struct {
	Name  string           `hcl:"name" doc:"anything but empty"`
	Token connector.Secret `hcl:"token,optional" doc:"lets in"`

	world *world
}

// world is what a stock's outside system holds, and what is wrong with the
// source that reads it.
type world struct {
	records []string
	failAt  int // the page that fails, from 1; 0: none
	bug     string
	rereads bool
}

var errPage = errors.New("a page is missing")

const pageSize = 10

// Read is right when no bug is planted.
func (s *stockSource) Read(ctx context.Context, out connector.Reader) error {
	w := s.world
	if w.bug == "leak" {
		go func() { <-s.forever }()
	}
	if w.bug != "no begin" {
		if _, err := out.Begin("", connector.Full); err != nil {
			return err
		}
	}
	page := 0
	for from := 0; from < len(w.records); from += pageSize {
		if page++; page == w.failAt && w.bug != "fault unseen" {
			return out.Fail("", fmt.Errorf("%w at %s", errPage, s.address()))
		} else if page == w.failAt {
			break
		}
		if err := ctx.Err(); err != nil && w.bug != "deaf" {
			return err
		}
		err := s.give(out, w.records[from:min(from+pageSize, len(w.records))])
		if err != nil && w.bug == "goes on" {
			continue
		}
		if err != nil {
			return err
		}
	}
	return out.End("", nil, connector.Interval{})
}

type stockSource struct {
	stock
	forever chan struct{}
}

func (s *stockSource) address() string {
	if s.world.bug == "tells" {
		return "https://shop.example/?token=" + string([]byte(s.Token))
	}
	return "https://shop.example/"
}

// give hands over one page, with the bug that is planted in it.
func (s *stockSource) give(out connector.Reader, page []string) error {
	text := strings.Join(page, "\n") + "\n"
	switch s.world.bug {
	case "last of page":
		text = strings.Join(page[:len(page)-1], "\n") + "\n"
	case "twice":
		text += page[len(page)-1] + "\n"
	case "floats":
		text = strings.ReplaceAll(text, "9007199254740993", "9007199254740992")
	case "nulls":
		text = strings.ReplaceAll(text, `"none":null,`, "")
	case "open line":
		text = strings.TrimSuffix(text, "\n")
	}
	if text == "\n" {
		return nil
	}
	base := s.offset
	s.offset += int64(len(text))
	return out.Records("", base, []byte(text))
}

// rereading gives records again.
type rereading struct{ *stockSource }

func (r rereading) Reread(_ string, offset int64, length int, _ []byte) ([]byte, error) {
	all := []byte(strings.Join(r.world.records, "\n") + "\n")
	if r.world.bug == "other offset" {
		offset++
	}
	return bytes.Clone(all[offset:min(offset+int64(length), int64(len(all)))]), nil
}
