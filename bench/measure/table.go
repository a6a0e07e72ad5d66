package main

import (
	"fmt"
	"slices"
	"strings"
)

// report gives all results as Markdown.
func (b *bench) report() string {
	parts := []string{machine() + "."}
	for _, s := range b.series {
		if s.all {
			parts = append(parts, fmt.Sprintf("%d records, medians of %d runs, peaks of all.", s.n, b.runs),
				s.table(b.starts), s.peersTable())
		}
	}
	if len(b.series) > 1 {
		parts = append(parts, fmt.Sprintf("By the number of records, medians of %d runs, peaks of all.", b.runs), b.growth())
	}
	return strings.Join(parts, "\n\n")
}

// rows puts cells into a Markdown table, the first row above the line.
func rows(cells [][]string) string {
	var t strings.Builder
	for i, row := range cells {
		t.WriteString("|")
		for _, c := range row {
			t.WriteString(strings.TrimRight(" "+c, " ") + " |")
		}
		if i == 0 {
			t.WriteString("\n|" + strings.Repeat("---|", len(row)))
		}
		if i < len(cells)-1 {
			t.WriteString("\n")
		}
	}
	return t.String()
}

// table gives the results of a series, and others, beside the floor.
func (s *series) table(others []*result) string {
	cells := [][]string{{"task", "koppel", "cpu", "peak", "floor", "cpu", "peak", "ratio", "must", "met"}}
	for _, r := range slices.Concat(s.results, others) {
		k, f := median(r.koppel), s.floorOf(r)
		row := []string{r.title, seconds(k.wall), r.cpu(k), mebibytes(k.peak), "", "", "", ""}
		if f != (usage{}) {
			copy(row[4:], []string{seconds(f.wall), seconds(f.cpu), mebibytes(f.peak), ratio(k, f)})
		}
		cells = append(cells, append(row, r.must.String(), r.must.verdict(k, f)))
	}
	return rows(cells)
}

func ratio(a, b usage) string {
	return fmt.Sprintf("%.2f", a.wall.Seconds()/b.wall.Seconds())
}

// peersTable gives others' programs for the first task.
func (s *series) peersTable() string {
	cells := [][]string{{"T1 by others", "wall", "cpu", "peak", "ratio to koppel"}}
	koppel := s.usageOf("T1")
	for _, r := range s.others {
		if len(r.runs) == 0 {
			cells = append(cells, []string{r.name, "not on this machine", "", "", ""})
			continue
		}
		u, name, about := r.whole(), r.name+" ("+r.found+")", ""
		if r.tenth {
			name, about = name+", from a tenth of the records", "≈ "
		}
		cells = append(cells, []string{name, about + seconds(u.wall), about + seconds(u.cpu), mebibytes(u.peak), about + ratio(u, koppel)})
	}
	return rows(cells)
}
