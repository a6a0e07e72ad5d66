package soap

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// earliest is what {cursor} is where everything is read: services want a time
// in its place.
const earliest = "1970-01-01T00:00:00Z"

// A tide follows the highest value of each cursor field.
type tide struct {
	fields  []string
	slots   []int
	scanner *record.Scanner
	highest []string
}

func newTide(fields, from []string) *tide {
	t := &tide{fields: fields, highest: make([]string, len(fields))}
	copy(t.highest, from)
	tree := record.NewTree()
	for _, f := range fields {
		t.slots = append(t.slots, tree.Want(strings.Split(f, ".")...))
	}
	t.scanner = record.NewScanner(tree, record.DefaultLimits())
	return t
}

// note looks at whole lines.
func (t *tide) note(lines []byte) error {
	for len(t.fields) > 0 && len(lines) > 0 {
		line, rest, _ := bytes.Cut(lines, []byte{'\n'})
		lines = rest
		if err := t.scanner.Scan(line); err != nil {
			continue // the engine tells it
		}
		for i, slot := range t.slots {
			text, ok := record.Text(t.scanner.Slot(slot))
			if kind := record.KindOf(t.scanner.Slot(slot)); !ok && kind != record.Absent && kind != record.Null {
				return fmt.Errorf("the cursor field %q is a %s, not a text", t.fields[i], kind)
			}
			if ok && higher(text, t.highest[i]) {
				t.highest[i] = strings.Clone(text)
			}
		}
	}
	return nil
}

// encode writes a cursor; nil: there is none yet.
func (t *tide) encode() connector.Cursor {
	values := make([]any, len(t.highest))
	for i, v := range t.highest {
		if v == "" {
			return nil
		}
		values[i] = v
	}
	b, err := record.Append(nil, values)
	if err != nil || len(values) == 0 {
		return nil
	}
	return b
}

// decodeCursor reads a cursor; nil: it is none of this many fields.
func decodeCursor(c connector.Cursor, fields int) []string {
	v, err := record.Decode(c)
	list, ok := v.([]any)
	if err != nil || !ok || len(list) != fields {
		return nil
	}
	out := make([]string, fields)
	for i, one := range list {
		if out[i], ok = one.(string); !ok || out[i] == "" {
			return nil
		}
	}
	return out
}

// higher compares moments as such, numbers by size, and other texts by their
// bytes.
func higher(a, b string) bool {
	if b == "" {
		return true
	}
	at, aTime := moment(a)
	bt, bTime := moment(b)
	if aTime && bTime {
		return at.After(bt)
	}
	an, aErr := strconv.ParseInt(a, 10, 64)
	bn, bErr := strconv.ParseInt(b, 10, 64)
	if aErr == nil && bErr == nil {
		return an > bn
	}
	return a > b
}

// moment reads an ISO date or date-time.
func moment(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// bound is the lowest of the cursors, less the overlap: of several fields none
// is missed.
func bound(values []string, overlap time.Duration) (string, error) {
	lowest := ""
	for _, v := range values {
		if overlap > 0 {
			earlier, isTime := connector.Earlier(v, overlap)
			n, err := strconv.ParseInt(v, 10, 64)
			switch {
			case err == nil: // which eight digits may be as well
				v = strconv.FormatInt(n-int64((overlap+time.Second-1)/time.Second), 10)
			case isTime:
				v = earlier
			default:
				return "", fmt.Errorf("take the overlap off the cursor: it is no ISO date or date-time and no number")
			}
		}
		if lowest == "" || higher(lowest, v) {
			lowest = v
		}
	}
	return lowest, nil
}
