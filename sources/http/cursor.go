package http

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// A tide follows the highest values of the cursor fields. It is for one
// goroutine.
type tide struct {
	fields  []string
	slots   []int
	scanner *record.Scanner
	highest []any  // nil, string or number, by field
	met     []bool // a record had the field
}

// newTide starts at earlier values; nil fields follow nothing.
func newTide(fields []string, earlier []any) *tide {
	t := &tide{fields: fields, highest: make([]any, len(fields)), met: make([]bool, len(fields))}
	copy(t.highest, earlier)
	tree := record.NewTree()
	for _, f := range fields {
		t.slots = append(t.slots, tree.Want(strings.Split(f, ".")...))
	}
	t.scanner = record.NewScanner(tree, record.DefaultLimits())
	return t
}

// note looks at the records of whole lines.
func (t *tide) note(lines []byte) error {
	for len(t.fields) > 0 && len(lines) > 0 {
		line, rest, _ := bytes.Cut(lines, []byte{'\n'})
		lines = rest
		if err := t.scanner.Scan(line); err != nil {
			continue // the engine tells it
		}
		for i, slot := range t.slots {
			raw := t.scanner.Slot(slot)
			t.met[i] = t.met[i] || raw != nil
			switch record.KindOf(raw) {
			case record.String, record.Number:
				t.highest[i] = higher(t.highest[i], record.DecodeTrusted(raw))
			case record.Absent, record.Null:
			default:
				return fmt.Errorf("the cursor field %q holds neither a text nor a number", t.fields[i])
			}
		}
	}
	return nil
}

// missing is a field that no record had; empty: there is none.
func (t *tide) missing() string {
	if i := slices.Index(t.met, false); i >= 0 {
		return t.fields[i]
	}
	return ""
}

// encode writes a cursor as a JSON list; nil when there is none.
func (t *tide) encode() connector.Cursor {
	if !slices.ContainsFunc(t.highest, func(v any) bool { return v != nil }) {
		return nil
	}
	b, err := record.Append(nil, t.highest)
	if err != nil {
		return nil
	}
	return b
}

func decodeCursor(c connector.Cursor, fields int) ([]any, bool) {
	v, err := record.Decode(c)
	list, ok := v.([]any)
	return list, err == nil && ok && len(list) == fields
}

// higher gives the higher of two values: numbers by size, text by its bytes
// and above numbers.
func higher(a, b any) any {
	if a == nil {
		return b
	}
	at, aText := a.(string)
	bt, bText := b.(string)
	switch {
	case aText && bText:
		return max(at, bt)
	case aText:
		return a
	case bText:
		return b
	case float(b) > float(a), float(b) == float(a) && isInt(b) && isInt(a) && b.(int) > a.(int):
		return b
	}
	return a
}

func isInt(v any) bool { _, ok := v.(int); return ok }

func float(v any) float64 {
	switch x := v.(type) {
	case int:
		return float64(x)
	case float64:
		return x
	case json.Number:
		f, _ := x.Float64()
		return f
	}
	return 0
}

// bound is the lowest cursor value that a delta read asks for, as text: of
// several fields the lowest, so that none is missed.
func bound(values []any, overlap time.Duration) (string, error) {
	lowest, from := "", any(nil)
	for i, v := range values {
		if v == nil {
			return "", nil
		}
		text, err := minus(v, overlap)
		if err != nil {
			return "", err
		}
		if i == 0 || lower(v, text, from, lowest) {
			lowest, from = text, v
		}
	}
	return lowest, nil
}

// lower compares two cursor values that read as at and bt less the overlap:
// numbers by size, anything else by these texts.
func lower(a any, at string, b any, bt string) bool {
	_, aText := a.(string)
	_, bText := b.(string)
	if aText || bText {
		return at < bt
	}
	return a != b && higher(a, b) == b
}

// minus counts d back: in time for ISO dates and date-times (a date without a
// time goes back to the day in which the moment lies), in seconds for numbers.
func minus(v any, d time.Duration) (string, error) {
	text, isText := v.(string)
	if !isText {
		if n, ok := v.(int); ok {
			v = n - int((d+time.Second-1)/time.Second)
		} else if d > 0 {
			v = float(v) - d.Seconds()
		}
		b, err := record.Append(nil, v)
		return string(b), err
	}
	if d == 0 {
		return text, nil
	}
	if earlier, ok := connector.Earlier(text, d); ok {
		return earlier, nil
	}
	return "", fmt.Errorf("take the overlap off the cursor: %q is no ISO date or date-time and no number", text)
}
