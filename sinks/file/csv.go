package file

import (
	"bytes"
	"fmt"
	"slices"

	"koppel/engine/record"
)

// table writes CSV (RFC 4180) in UTF-8 with commas, line feeds and a header
// row. Null is an empty cell, empty text a pair of quotes, a list or object
// its JSON text. Text that a spreadsheet program would take for a formula gets
// an apostrophe in front, unless it is kept.
type table struct {
	*layout
	keep bool
	text []byte
}

func (t *table) start(dst []byte) []byte {
	for i, f := range t.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendCell(dst, []byte(f.name))
	}
	return append(dst, '\n')
}

func (t *table) record(dst, body []byte, _ int) ([]byte, error) {
	if err := t.scan.Scan(body); err != nil {
		return dst, fmt.Errorf("lay out a record: %w", err)
	}
	from := len(dst)
	for i, f := range t.fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		raw := t.scan.Slot(f.slot)
		switch record.KindOf(raw) {
		case record.Absent, record.Null:
		case record.String:
			t.text = record.AppendUnquoted(t.text[:0], raw)
			if !t.keep && startsFormula(t.text) {
				t.text = slices.Insert(t.text, 0, '\'')
			}
			dst = appendCell(dst, t.text)
		default:
			dst = appendCell(dst, raw)
		}
	}
	if len(dst) == from {
		// A blank line would be no row.
		dst = append(dst, '"', '"')
	}
	return append(dst, '\n'), nil
}

func (t *table) ordered() encoder { return t }

func (t *table) end(dst []byte, _ int) []byte { return dst }

// appendCell appends text, in quotes where a reader needs them. The semicolon
// and the tab get quotes for readers that guess the delimiter.
func appendCell(dst, text []byte) []byte {
	if len(text) > 0 && text[0] > ' ' && text[len(text)-1] != ' ' && !bytes.ContainsAny(text, ",;\t\"\r\n") {
		return append(dst, text...)
	}
	dst = append(dst, '"')
	for {
		q := bytes.IndexByte(text, '"')
		if q < 0 {
			return append(append(dst, text...), '"')
		}
		dst = append(append(dst, text[:q+1]...), '"')
		text = text[q+1:]
	}
}
