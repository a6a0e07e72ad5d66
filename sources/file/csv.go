package file

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"koppel/engine/record"
)

// readTable hands over the rows of a CSV file (RFC 4180) as objects by the
// names in its header row. All values are text; an empty cell, quoted or not,
// is null; blank lines are skipped. A row that can't be used is left out and
// makes the read incomplete; a quote out of place ends it, as nobody knows
// which line ends still count. So does a last row without a line end: half a
// value would be delivered as a whole one.
func readTable(w *window, h *handover, delimiter byte) error {
	t := &table{w: w, h: h}
	if err := t.header(delimiter); err != nil {
		return err
	}
	for {
		more, err := t.next()
		if err == nil && more {
			err = t.row()
		}
		if err != nil {
			return t.stop(err)
		}
		if !more {
			break
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	return t.verdict()
}

type table struct {
	w     *window
	h     *handover
	cells cells
	names [][]byte // `{"name":` and `,"name":`
	lines []byte

	bad     *problem // the first row that can't be used
	badRows int
}

// header reads the names of the columns.
func (t *table) header(delimiter byte) error {
	if err := t.w.fill(); err != nil {
		return err
	}
	if len(t.w.data()) == 0 {
		return &problem{text: "it is empty, without even a header row"}
	}
	if delimiter == 0 {
		var err error
		if delimiter, err = guessDelimiter(t.w.data()); err != nil {
			return err
		}
	}
	t.cells.separate(delimiter)
	more, err := t.next()
	if err != nil {
		return err
	}
	if !more {
		return &problem{text: "it holds blank lines only, without a header row"}
	}
	if t.cells.unterminated {
		return &syntaxError{t.cells.size, "the header row has no line end: it may be cut"}
	}
	if err := t.cells.check(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i := range t.cells.list {
		name := string(t.cells.text(i))
		if name == "" {
			return &syntaxError{0, fmt.Sprintf("column %d has no name in the header row", i+1)}
		}
		if seen[name] {
			return &syntaxError{0, fmt.Sprintf("the header row names %q twice", name)}
		}
		seen[name] = true
		start := byte(',')
		if i == 0 {
			start = '{'
		}
		t.names = append(t.names, append(record.AppendString([]byte{start}, name), ':'))
	}
	t.w.take(t.cells.size)
	return nil
}

// next finds the next row, at the start of the window; false at the end.
func (t *table) next() (bool, error) {
	for {
		err := t.cells.split(t.w.data(), t.w.eof)
		if err != nil {
			return false, err
		}
		switch {
		case t.cells.size > t.w.limit:
			return false, errTooLong
		case t.cells.size > 0 && t.cells.blank():
			t.w.take(t.cells.size)
		case t.cells.size > 0:
			return true, nil
		case t.w.eof:
			return false, nil
		default:
			if err := t.w.fill(); err != nil {
				return false, err
			}
		}
	}
}

// row hands over the row that next found.
func (t *table) row() error {
	if t.cells.unterminated {
		return &syntaxError{t.cells.size, "the last row has no line end: its last cell may be cut, so it is not used"}
	}
	err := t.cells.check()
	if err == nil && len(t.cells.list) != len(t.names) {
		err = &syntaxError{0, fmt.Sprintf("the row has %d cells, the header %d", len(t.cells.list), len(t.names))}
	}
	if err != nil {
		if t.badRows++; t.bad == nil {
			t.bad = t.w.locate("", err).(*problem)
		}
		t.w.take(t.cells.size)
		return nil
	}
	for i, name := range t.names {
		t.lines = append(t.lines, name...)
		if text := t.cells.text(i); len(text) == 0 {
			t.lines = append(t.lines, "null"...)
		} else {
			t.lines = record.AppendString(t.lines, text)
		}
	}
	t.lines = append(t.lines, '}', '\n')
	t.w.take(t.cells.size)
	if len(t.lines) < chunkSize {
		return nil
	}
	return t.flush()
}

func (t *table) flush() error {
	err := t.h.give(0, t.lines)
	t.lines = t.lines[:0]
	return err
}

// stop hands over what was read before err.
func (t *table) stop(err error) error {
	located := t.w.locate("", err)
	if stopped := t.flush(); stopped != nil {
		return stopped
	}
	return located
}

// verdict judges the table after its last row.
func (t *table) verdict() error {
	if t.badRows == 0 {
		return nil
	}
	if t.badRows > 1 {
		t.bad.text += fmt.Sprintf(" (and %d further rows can't be used)", t.badRows-1)
	}
	return t.bad
}

// guessDelimiter looks which of comma, semicolon and tab stands outside quotes
// in the header row. Several of them are not guessed at.
func guessDelimiter(b []byte) (byte, error) {
	var found []byte
	quoted := false
	for _, c := range bytes.TrimLeft(b, "\r\n") {
		if c == '"' {
			quoted = !quoted
		} else if quoted {
			continue
		} else if c == '\n' {
			break
		} else if (c == ',' || c == ';' || c == '\t') && bytes.IndexByte(found, c) < 0 {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return ',', nil
	case 1:
		return found[0], nil
	}
	return 0, &syntaxError{0, fmt.Sprintf("the header row holds several of comma, semicolon and tab (%q): say which with delimiter", found)}
}

// check refuses a row whose text is not UTF-8 or holds zero bytes.
func (c *cells) check() error {
	row := c.b[:c.size]
	if !utf8.Valid(row) {
		return &syntaxError{0, `the row is not UTF-8; say what it is, such as encoding = "windows-1252"`}
	}
	if i := bytes.IndexByte(row, 0); i >= 0 {
		return &syntaxError{i, `a zero byte; say what the file is, such as encoding = "utf-16"`}
	}
	return nil
}
