package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A result is what the runs of one task took.
type result struct {
	title         string
	task          string // the floor's task that the ratio is taken against
	koppel, floor []usage
	records       int // to give the processor's time per record; 0: not given
	must          must
}

// A must is a figure to reach. What is 0 is not asked.
type must struct {
	ratio float64 // koppel's wall time to the floor's
	wall  time.Duration
	peak  int64 // bytes
}

// String gives the parts of the figure.
func (m must) String() string {
	var parts []string
	if m.ratio > 0 {
		parts = append(parts, fmt.Sprintf("%.1f ×", m.ratio))
	}
	if m.wall > 0 {
		parts = append(parts, seconds(m.wall))
	}
	if m.peak > 0 {
		parts = append(parts, mebibytes(m.peak))
	}
	return strings.Join(parts, ", ")
}

// verdict tells whether what koppel took, beside the floor, meets the figure.
func (m must) verdict(koppel, floor usage) string {
	var missed, unknown []string
	if m.ratio > 0 && floor.wall == 0 {
		unknown = append(unknown, "ratio")
	} else if m.ratio > 0 && koppel.wall.Seconds()/floor.wall.Seconds() > m.ratio {
		missed = append(missed, "ratio")
	}
	if m.wall > 0 && koppel.wall > m.wall {
		missed = append(missed, "time")
	}
	if m.peak > 0 && koppel.peak == 0 {
		unknown = append(unknown, "peak")
	} else if koppel.peak > m.peak && m.peak > 0 {
		missed = append(missed, "peak")
	}
	return verdict(m != must{}, missed, unknown)
}

// verdict puts the answer into words.
func verdict(asked bool, missed, unknown []string) string {
	switch {
	case !asked:
		return ""
	case len(missed) > 0:
		return "**no**: " + strings.Join(missed, ", ")
	case len(unknown) > 0:
		return "not known: " + strings.Join(unknown, ", ")
	}
	return "yes"
}

// median gives the run in the middle, by wall time, with the highest peak.
func median(runs []usage) usage {
	if len(runs) == 0 {
		return usage{}
	}
	sorted := slices.Clone(runs)
	slices.SortFunc(sorted, func(a, b usage) int { return int(a.wall - b.wall) })
	m := sorted[len(sorted)/2]
	for _, u := range runs {
		m.peak = max(m.peak, u.peak)
	}
	return m
}

func (r *result) cpu(u usage) string {
	if r.records == 0 {
		return seconds(u.cpu)
	}
	return fmt.Sprintf("%s, %.2f µs a record", seconds(u.cpu), float64(u.cpu.Nanoseconds())/1e3/float64(r.records))
}

func seconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func mebibytes(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
