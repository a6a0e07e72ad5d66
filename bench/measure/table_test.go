package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// took is what a run of so many milliseconds and mebibytes took.
func took(ms, mib int64) usage {
	wall := time.Duration(ms) * time.Millisecond
	return usage{wall: wall, cpu: wall, peak: mib << 20}
}

func TestTable(t *testing.T) {
	s := &series{bench: &bench{}, n: 1000, all: true}
	s.result("T1", "T1", must{ratio: 2, peak: 64 << 20}).koppel = []usage{took(1800, 70)}
	s.find("T1").floor = []usage{took(1000, 20)}
	s.result("T1, as expr", "T1", must{ratio: 2.5}).koppel = []usage{took(2400, 70)}
	start := &result{title: "version", koppel: []usage{took(10, 15)}, must: must{wall: 30 * time.Millisecond}}
	want := `
| task | koppel | cpu | peak | floor | cpu | peak | ratio | must | met |
|---|---|---|---|---|---|---|---|---|---|
| T1 | 1.80 s | 1.80 s | 70 MiB | 1.00 s | 1.00 s | 20 MiB | 1.80 | 2.0 ×, 64 MiB | **no**: peak |
| T1, as expr | 2.40 s | 2.40 s | 70 MiB | 1.00 s | 1.00 s | 20 MiB | 2.40 | 2.5 × | yes |
| version | 10 ms | 10 ms | 15 MiB | | | | | 30 ms | yes |`
	if diff := cmp.Diff(strings.TrimSpace(want), s.table([]*result{start})); diff != "" {
		t.Errorf("table (-want +got)\n%s", diff)
	}
}

func TestPeersTable(t *testing.T) {
	s := &series{bench: &bench{}, n: 1000, all: true}
	s.result("T1", "T1", must{}).koppel = []usage{took(2000, 60)}
	s.others = []*peerResult{
		{peer: peer{name: "jq", tenth: true}, found: "jq-1.7", runs: []usage{took(8000, 3)}},
		{peer: peer{name: "DuckDB"}, found: "v1", runs: []usage{took(3000, 300)}},
		{peer: peer{name: "Miller", tenth: true}},
	}
	want := `
| T1 by others | wall | cpu | peak | ratio to koppel |
|---|---|---|---|---|
| jq (jq-1.7), from a tenth of the records | ≈ 80.00 s | ≈ 80.00 s | 3 MiB | ≈ 40.00 |
| DuckDB (v1) | 3.00 s | 3.00 s | 300 MiB | 1.50 |
| Miller | not on this machine | | | |`
	if diff := cmp.Diff(strings.TrimSpace(want), s.peersTable()); diff != "" {
		t.Errorf("table (-want +got)\n%s", diff)
	}
}

func TestGrowth(t *testing.T) {
	b := &bench{sizes: []int{1_000_000, 10_000_000}}
	for i, n := range b.sizes {
		s := &series{bench: b, n: n}
		b.series = append(b.series, s)
		s.result("T1", "T1", must{}).koppel = []usage{took([]int64{1000, 20_000}[i], 60)}
		s.result("T2, first load", "T2", must{}).koppel = []usage{took([]int64{5000, 51_000}[i], []int64{100, 300}[i])}
		s.find("T2, first load").floor = []usage{took([]int64{5000, 50_000}[i], 90)}
		s.result("T3, 1 % changed", "T3", must{}).koppel = []usage{took([]int64{2000, 24_000}[i], 100)}
		s.result("T3, nothing changed", "T3", must{}).koppel = []usage{took([]int64{1000, 9000}[i], 100)}
	}
	want := `
| task | records | koppel | cpu | peak | floor | peak | ratio | time a record | must | met |
|---|---|---|---|---|---|---|---|---|---|---|
| T1 | 1000000 | 1.00 s | 1.00 s | 60 MiB | | | | 1.00 µs | | |
| T1 | 10000000 | 20.00 s | 20.00 s | 60 MiB | | | | 2.00 µs, 2.00 × | | |
| T2, first load | 1000000 | 5.00 s | 5.00 s | 100 MiB | 5.00 s | 90 MiB | 1.00 | 5.00 µs | | |
| T2, first load | 10000000 | 51.00 s | 51.00 s | 300 MiB | 50.00 s | 90 MiB | 1.02 | 5.10 µs, 1.02 × | at most 1.15 ×, 256 MiB | **no**: peak |
| T3, 1 % changed | 1000000 | 2.00 s | 2.00 s | 100 MiB | | | | 2.00 µs | | |
| T3, 1 % changed | 10000000 | 24.00 s | 24.00 s | 100 MiB | | | | 2.40 µs, 1.20 × | at most 1.15 ×, 256 MiB | **no**: time |
| T3, nothing changed | 1000000 | 1.00 s | 1.00 s | 100 MiB | | | | 1.00 µs | | |
| T3, nothing changed | 10000000 | 9.00 s | 9.00 s | 100 MiB | | | | 0.90 µs, 0.90 × | | |`
	if diff := cmp.Diff(strings.TrimSpace(want), b.growth()); diff != "" {
		t.Errorf("table (-want +got)\n%s", diff)
	}
}

func TestFloorOfOtherForms(t *testing.T) {
	s := &series{}
	s.result("T1", "T1", must{}).floor = []usage{{wall: time.Second}}
	form, alone := s.result("T1, as expr", "T1", must{}), &result{title: "version"}
	if got := s.floorOf(form); got.wall != time.Second {
		t.Errorf("floor of a form: %v", got)
	}
	if got := s.floorOf(alone); got != (usage{}) {
		t.Errorf("floor of what has none: %v", got)
	}
}
