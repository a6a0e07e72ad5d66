package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
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
}

// result finds or makes the result of a task.
func (b *bench) result(title, task string) *result {
	for _, r := range b.results {
		if r.title == title {
			return r
		}
	}
	r := &result{title: title, task: task}
	b.results = append(b.results, r)
	return r
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

// table gives all results as Markdown.
func (b *bench) table() string {
	var t strings.Builder
	fmt.Fprintf(&t, "%s. %d records, medians of %d runs, peaks of all.\n\n", machine(), b.n, b.runs)
	t.WriteString("| task | koppel | cpu | peak | floor | cpu | peak | ratio |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range b.results {
		k, f := median(r.koppel), b.floorOf(r)
		fmt.Fprintf(&t, "| %s | %s | %s | %s |", r.title, seconds(k.wall), r.cpu(k), mebibytes(k.peak))
		if f == (usage{}) {
			t.WriteString(" | | | |\n")
			continue
		}
		fmt.Fprintf(&t, " %s | %s | %s | %.2f |\n", seconds(f.wall), seconds(f.cpu), mebibytes(f.peak), k.wall.Seconds()/f.wall.Seconds())
	}
	return t.String()
}

// floorOf is what a result is held against: the floor's run of the same task,
// or of the one that the task is a form of.
func (b *bench) floorOf(r *result) usage {
	for _, other := range b.results {
		if r.task != "" && other.task == r.task && len(other.floor) > 0 {
			return median(other.floor)
		}
	}
	return usage{}
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

// machine says where and when, and how busy it was.
func machine() string {
	parts := []string{time.Now().UTC().Format("2006-01-02 15:04 UTC"), fmt.Sprintf("%d cores", runtime.NumCPU())}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, model, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				parts = append(parts, strings.TrimSpace(model))
				break
			}
		}
	}
	parts = append(parts, runtime.GOOS+"/"+runtime.GOARCH, runtime.Version())
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		if f := strings.Fields(string(load)); len(f) > 2 {
			parts = append(parts, "load "+strings.Join(f[:3], " "))
		}
	}
	if out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		parts = append(parts, "commit "+strings.TrimSpace(string(out)))
	}
	return strings.Join(parts, ", ")
}

// The marks between which the table stands in a Markdown file.
const (
	tableBegin = "<!-- measured: begin -->\n"
	tableEnd   = "<!-- measured: end -->"
)

var errMarks = errors.New("the marks of the table are not there")

// rewrite puts text between the marks of a file.
func rewrite(path, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, found := bytes.Cut(old, []byte(tableBegin))
	_, tail, ended := bytes.Cut(rest, []byte(tableEnd))
	if !found || !ended {
		return fmt.Errorf("rewrite %s: %w", path, errMarks)
	}
	return os.WriteFile(path, slices.Concat(head, []byte(tableBegin+"\n"+text+"\n"+tableEnd), tail), 0o644)
}
