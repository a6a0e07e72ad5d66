package sql

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
)

// encodeCursor writes a cursor as a JSON list of the highest value of each
// field; nil when there is none.
func encodeCursor(values []sql.Value) connector.Cursor {
	if !slices.ContainsFunc(values, func(v sql.Value) bool { return v.Kind != sql.Null }) {
		return nil
	}
	b := []byte{'['}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		out, ok := sql.AppendJSON(b, v)
		if !ok {
			out = append(b, "null"...)
		}
		b = out
	}
	return append(b, ']')
}

func decodeCursor(c connector.Cursor, fields int) ([]sql.Value, bool) {
	list, err := record.Decode(c)
	parts, ok := list.([]any)
	if err != nil || !ok || len(parts) != fields {
		return nil, false
	}
	values := make([]sql.Value, fields)
	for i, p := range parts {
		if values[i], err = sql.FromAny(p); err != nil {
			return nil, false
		}
		values[i].Text = slices.Clone(values[i].Text)
	}
	return values, true
}

// higher gives the higher of two values: numbers by size, text by its bytes
// and above numbers. What is neither counts as nothing. Text is copied.
func higher(a, b sql.Value) sql.Value {
	switch {
	case rank(b) < rank(a) || rank(b) == 0:
		return a
	case rank(b) == rank(a) && compare(b, a) <= 0:
		return a
	}
	b.Text = slices.Clone(b.Text)
	return b
}

func rank(v sql.Value) int {
	switch v.Kind {
	case sql.Bool, sql.Integer, sql.Real:
		return 1
	case sql.Text:
		return 2
	}
	return 0
}

func compare(a, b sql.Value) int {
	switch {
	case a.Kind == sql.Text:
		return bytes.Compare(a.Text, b.Text)
	case a.Kind != sql.Real && b.Kind != sql.Real:
		return cmp.Compare(a.Int, b.Int)
	}
	return cmp.Compare(float(a), float(b))
}

func float(v sql.Value) float64 {
	if v.Kind == sql.Real {
		return v.Float
	}
	return float64(v.Int)
}

// bounds takes the overlap off each cursor value.
func (s *source) bounds(earlier []sql.Value) ([]sql.Value, error) {
	from := slices.Clone(earlier)
	for i, v := range from {
		var err error
		if from[i], err = minus(v, time.Duration(s.config.Incremental.Overlap)); err != nil {
			return nil, fmt.Errorf("take the overlap off the cursor %q: %w", s.config.Incremental.Cursor[i], err)
		}
	}
	return from, nil
}

// minus counts d back: in time for ISO dates and date-times (a date without a
// time goes back to the day in which the moment lies), in seconds for numbers.
func minus(v sql.Value, d time.Duration) (sql.Value, error) {
	switch {
	case d == 0 || v.Kind == sql.Null:
		return v, nil
	case v.Kind == sql.Integer:
		v.Int -= int64((d + time.Second - 1) / time.Second)
		return v, nil
	case v.Kind == sql.Real:
		v.Float -= d.Seconds()
		return v, nil
	}
	text := string(v.Text)
	if earlier, ok := connector.Earlier(text, d); ok {
		v.Text = []byte(earlier)
		return v, nil
	}
	return v, fmt.Errorf("%q is no ISO date or date-time and no number", text)
}
