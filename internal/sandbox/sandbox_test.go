package sandbox_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"koppel/internal/sandbox"
	"koppel/internal/sandbox/afas"
	"koppel/internal/sandbox/traffic"
)

func start(t *testing.T, o sandbox.Options) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s
}

func get(t *testing.T, s *sandbox.Sandbox, path string) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL("afas")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", afas.Authorization(s.AFAS.Token))
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		resp.Body.Close()
	}
	return resp, err
}

func TestStartAndStop(t *testing.T) {
	before := goleak.IgnoreCurrent()
	s, err := sandbox.Start(t.Context(), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := get(t, s, "/metainfo"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%v %v", resp, err)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t, s, "/metainfo"); err == nil {
		t.Error("it answers after Stop")
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

// TestSameSeed: equal seeds give equal credentials and data.
func TestSameSeed(t *testing.T) {
	now := func() time.Time { return time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC) }
	one, two, other := start(t, sandbox.Options{Now: now}), start(t, sandbox.Options{Now: now}), start(t, sandbox.Options{Now: now, Seed: 7})
	text := func(s *sandbox.Sandbox) string {
		list := []any{s.AFAS.Credentials, s.AlleyOop.Credentials, s.REST.Credentials, s.SOAP.Credentials, s.Graph.Credentials}
		for _, system := range s.Systems() {
			for _, name := range system.Data.Names() {
				for _, row := range system.Data.Rows(name) {
					list = append(list, row)
				}
			}
		}
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if text(one) != text(two) || text(one) == text(other) {
		t.Errorf("equal seeds: %v; another seed: %v", text(one) == text(two), text(one) == text(other))
	}
}

// TestLog: what was done stands in the log, also where the answer was lost.
func TestLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calls.jsonl")
	s := start(t, sandbox.Options{Log: path})
	if err := s.AFAS.Traffic.Fail(traffic.Fault{Kind: traffic.LostAnswer, Path: "/metainfo"}); err != nil {
		t.Fatal(err)
	}
	_, _ = get(t, s, "/metainfo")
	_, _ = get(t, s, "/profitversion")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	faults := 0
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var c traffic.Call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil || c.System != "afas" {
			t.Errorf("%s: %v", lines.Text(), err)
		}
		if c.Fault == traffic.LostAnswer {
			faults++
		}
	}
	if faults != 1 {
		t.Errorf("%d calls with a lost answer are in the log", faults)
	}
}
