package afasget

import (
	"encoding/json"
	"time"

	"koppel/engine/connector"
	"koppel/internal/afas"
)

const (
	// leastOverlap is by how much times are wrong that AFAS shows: rounded to a
	// second, while what filters compare is not (seen by users).
	leastOverlap = 2 * time.Second
	// usualOverlap leaves room for transactions that are committed late.
	usualOverlap = time.Minute
	// firstTime lies before all that AFAS knows.
	firstTime = "1900-01-01T00:00:00"
	layout    = "2006-01-02T15:04:05"
)

// encodeCursor writes the latest time of each cursor column, as the wall in
// Amsterdam showed it; empty texts where none was seen. Nil: none was at all.
func encodeCursor(latest []string) connector.Cursor {
	for _, text := range latest {
		if text == "" {
			continue
		}
		b, err := json.Marshal(latest)
		if err != nil {
			return nil // texts always can be written
		}
		return b
	}
	return nil
}

// decodeCursor reads a cursor of that many columns; false: it is none.
func decodeCursor(c connector.Cursor, columns int) ([]string, bool) {
	var latest []string
	if json.Unmarshal(c, &latest) != nil || len(latest) != columns {
		return nil, false
	}
	for _, text := range latest {
		if _, ok := afas.ParseShown(text); !ok && text != "" {
			return nil, false
		}
	}
	return latest, true
}

// since asks for rows in which any cursor column moved since a cursor.
func (s *source) since(latest []string) afas.Or {
	overlap := time.Duration(s.config.Incremental.Overlap)
	if overlap == 0 {
		overlap = usualOverlap
	}
	overlap = max(overlap, leastOverlap)
	var anyOf afas.Or
	for i, field := range s.config.Incremental.Cursor {
		from := firstTime
		if t, ok := afas.ParseShown(latest[i]); ok {
			from = afas.Before(t, overlap).Format(layout)
		}
		anyOf = append(anyOf, []afas.Condition{{Field: field, Op: ">=", Value: from}})
	}
	return anyOf
}

// window asks for rows inside the window of the source, whose sides are times
// of UTC. It asks for a little more, which is judged by who looks at the rows:
// as AFAS rounds, and as the wall shows an hour twice when summer time ends. With a cursor the
// rows that come into the window later, without a change, must be known as
// well: it then reaches as far ahead as the next full read.
func (s *source) window() (asked afas.Or, covers connector.Interval) {
	if s.env.Window == nil || s.env.WindowField == "" {
		return nil, covers
	}
	covers.From, covers.To = s.env.Window()
	var and []afas.Condition
	if t, err := time.Parse(time.RFC3339, covers.From); err == nil {
		and = append(and, afas.Condition{Field: s.env.WindowField, Op: ">=", Value: wall(t.Add(-leastOverlap), -time.Hour)})
	}
	if t, err := time.Parse(time.RFC3339, covers.To); err == nil {
		if inc := s.config.Incremental; inc != nil {
			t = t.Add(time.Duration(inc.FullEvery))
		}
		if inc := s.config.Incremental; inc == nil || inc.FullEvery > 0 {
			and = append(and, afas.Condition{Field: s.env.WindowField, Op: "<=", Value: wall(t.Add(leastOverlap), time.Hour)})
		}
	}
	if len(and) == 0 {
		return nil, covers
	}
	return afas.Or{and}, covers
}

// wall is what the clock on the wall in Amsterdam shows at a moment, moved by
// more.
func wall(t time.Time, more time.Duration) string {
	shown, err := time.Parse(layout, afas.Local(t))
	if err != nil {
		return afas.Local(t) // it always can be read
	}
	return shown.Add(more).Format(layout)
}
