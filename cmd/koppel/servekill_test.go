//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// number reads a count from the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// journalled also appends each change to a file, where one that came twice would
// show.
const journalled = `
sink "file" "journal" {
  path    = "journal.jsonl"
  changes = true
}
pipeline "journal" {
  from = source.webhook.people
  into = sink.file.journal
  map { id = src.id }
}
`

// A flood is deliveries that come in from many senders, each again and again
// until it is answered with 200, whichever process serves at the time.
type flood struct {
	h     *hooked
	url   atomic.Pointer[string] // of the service that was started last
	taken atomic.Int64           // deliveries that were answered with 200
	again atomic.Int64
	marks chan struct{} // a token for each mark that taken passes
	every int64         // deliveries between two marks
}

// send delivers once and again.
func (f *flood) send(id string) {
	pause := time.NewTicker(5 * time.Millisecond)
	defer pause.Stop()
	for f.h.t.Context().Err() == nil {
		status, err := f.h.post(*f.url.Load(), id)
		if err == nil && status == http.StatusOK {
			if n := f.taken.Add(1); n%f.every == 0 {
				f.marks <- struct{}{}
			}
			return
		}
		if err == nil && status != http.StatusServiceUnavailable {
			f.h.t.Errorf("%s is answered %d", id, status)
			return
		}
		f.again.Add(1)
		select {
		case <-pause.C:
		case <-f.h.t.Context().Done():
		}
	}
}

// TestServeIsKilledAmidDeliveries kills the service while deliveries come in and
// pipelines run: each delivery that was answered with 200 reaches both targets once.
func TestServeIsKilledAmidDeliveries(t *testing.T) {
	kills, total := number(t, "KOPPEL_KILLS", 20), number(t, "KOPPEL_HOOKS", 2000)
	h := newHooked(t)
	h.size = 200
	writeFiles(t, h.dir, map[string]string{"main.hcl": hookedPeople + journalled})
	f := &flood{h: h, marks: make(chan struct{}, total), every: int64(max(1, total/(kills+1)))}
	h.start()
	url := h.url
	f.url.Store(&url)
	ids := make(chan string)
	var senders sync.WaitGroup
	for range 16 {
		senders.Go(func() {
			for id := range ids {
				f.send(id)
			}
		})
	}
	go func() {
		for i := range total {
			ids <- fmt.Sprintf("d%06d", i)
		}
		close(ids)
	}()
	r := rand.New(rand.NewPCG(11, 13))
	for range kills {
		<-f.marks
		moment := time.NewTimer(time.Duration(r.Int64N(int64(20 * time.Millisecond)))) // a run goes on, or ends, or a commit
		<-moment.C
		h.end(syscall.SIGKILL)
		h.start()
		url := h.url
		f.url.Store(&url)
	}
	senders.Wait()
	http.DefaultClient.CloseIdleConnections()
	for i := range total {
		h.delivered[fmt.Sprintf("d%06d", i)] = true
	}
	h.arrive()
	h.until("the journal is whole", func() bool { return len(h.journal()) >= total })
	h.end(syscall.SIGTERM)
	h.arrive()
	times := map[string]int{}
	for _, id := range h.journal() {
		times[id]++
	}
	for id := range h.delivered {
		if times[id] != 1 {
			t.Errorf("%s is in the journal %d times", id, times[id])
		}
	}
	t.Logf("%d deliveries, %d of them repeated, %d kills: %d rows, %d lines", total, f.again.Load(), kills, len(h.rows()), len(h.journal()))
}

// journal lists the ids of the lines that are whole.
func (h *hooked) journal() (ids []string) {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, "journal.jsonl"))
	if err != nil && !os.IsNotExist(err) {
		h.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var change struct{ After struct{ ID string } }
		if strings.HasSuffix(line, "\n") {
			if err := json.Unmarshal([]byte(line), &change); err != nil {
				h.t.Fatal(err)
			}
			ids = append(ids, change.After.ID)
		}
	}
	return ids
}
