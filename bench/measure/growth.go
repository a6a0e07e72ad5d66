package main

import "fmt"

const (
	manyRecordsSize = 10_000_000
	manyRecordsPeak = 256 << 20
	linearWithin    = 0.15
)

// A stage is a task whose results are shown by the number of records.
type stage struct {
	title string
	must  bool // linear in time, and bounded in memory
}

// growth gives time and memory by the number of records.
func (b *bench) growth() string {
	cells := [][]string{{"task", "records", "koppel", "cpu", "peak", "floor", "peak", "ratio", "time a record", "must", "met"}}
	for _, stage := range []stage{{"T1", false}, {"T2, first load", true}, {"T3, 1 % changed", true}, {"T3, nothing changed", false}} {
		var last perRecord
		for _, s := range b.series {
			k, f := s.usageOf(stage.title), s.floorOf(s.find(stage.title))
			now := perRecord{usage: k, n: s.n}
			row := []string{stage.title, fmt.Sprint(s.n), seconds(k.wall), seconds(k.cpu), mebibytes(k.peak), "", "", "", now.against(last)}
			if f != (usage{}) {
				copy(row[5:], []string{seconds(f.wall), mebibytes(f.peak), ratio(k, f)})
			}
			if stage.must {
				row = append(row, now.must(last)...)
			} else {
				row = append(row, "", "")
			}
			cells, last = append(cells, row), now
		}
	}
	return rows(cells)
}

// A perRecord is what a number of records took.
type perRecord struct {
	usage
	n int
}

// growth is the wall time of a record as a part of that with fewer records.
func (p perRecord) growth(fewer perRecord) float64 {
	return p.wall.Seconds() / float64(p.n) * float64(fewer.n) / fewer.wall.Seconds()
}

// against gives the wall time of one record, and what that is of the time of
// one among fewer records.
func (p perRecord) against(fewer perRecord) string {
	text := fmt.Sprintf("%.2f µs", p.wall.Seconds()*1e6/float64(p.n))
	if fewer.n > 0 {
		text += fmt.Sprintf(", %.2f ×", p.growth(fewer))
	}
	return text
}

// must gives the figure to reach and whether it is. A record may take less
// time among more records: what a start takes is shared.
func (p perRecord) must(fewer perRecord) []string {
	var missed, unknown []string
	text := ""
	if fewer.n > 0 {
		text = fmt.Sprintf("at most %.2f ×", 1+linearWithin)
		if p.growth(fewer) > 1+linearWithin {
			missed = append(missed, "time")
		}
	}
	if p.n >= manyRecordsSize {
		if text != "" {
			text += ", "
		}
		text += mebibytes(manyRecordsPeak)
		if p.peak == 0 {
			unknown = append(unknown, "peak")
		} else if p.peak > manyRecordsPeak {
			missed = append(missed, "peak")
		}
	}
	return []string{text, verdict(text != "", missed, unknown)}
}
