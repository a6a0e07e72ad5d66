package file

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"koppel/engine/record"
)

// row appends the cells of the scanned record; null is none, and empty text
// one of empty text.
func (s *sheet) row(dst []byte, row int) ([]byte, error) {
	dst = strconv.AppendInt(append(dst, `<row r="`...), int64(row), 10)
	dst = append(dst, `">`...)
	for i := range s.fields {
		f := &s.fields[i]
		raw := s.scan.Slot(f.slot)
		switch record.KindOf(raw) {
		case record.Absent, record.Null:
			continue
		case record.Number:
			if survives(raw) {
				s.widen(i, len(raw))
				dst = append(append(appendCellStart(dst, s.columns[i], row, plainStyle, "n"), raw...), `</v></c>`...)
				continue
			}
			s.text = append(s.text[:0], raw...)
		case record.Bool:
			value := byte('0')
			if raw[0] == 't' {
				value = '1'
			}
			dst = append(append(appendCellStart(dst, s.columns[i], row, plainStyle, "b"), value), `</v></c>`...)
			continue
		case record.String:
			s.text = record.AppendUnquoted(s.text[:0], raw)
		default:
			s.text = append(s.text[:0], raw...)
		}
		if serial, style, ok := moment(f.typ, s.text); ok && record.KindOf(raw) == record.String {
			s.widen(i, len(s.text))
			dst = append(append(appendCellStart(dst, s.columns[i], row, style, "n"), serial...), `</v></c>`...)
			continue
		}
		if n := utf16Length(s.text); n > maxText {
			return dst, fmt.Errorf("record %d: the text of %q has %d characters, and a cell holds %d", row-1, f.name, n, maxText)
		}
		s.widen(i, longestLine(s.text))
		style := plainStyle
		if startsFormula(s.text) {
			style = literalStyle
		}
		dst = s.appendText(dst, i, row, style, s.text)
	}
	return append(dst, `</row>`...), nil
}

func appendCellStart(dst []byte, column string, row, style int, kind string) []byte {
	dst = append(append(dst, `<c r="`...), column...)
	dst = strconv.AppendInt(dst, int64(row), 10)
	if style != plainStyle {
		dst = strconv.AppendInt(append(dst, `" s="`...), int64(style), 10)
	}
	if kind != "n" {
		dst = append(append(dst, `" t="`...), kind...)
	}
	if kind == "inlineStr" {
		return append(dst, `"><is><t xml:space="preserve">`...)
	}
	return append(dst, `"><v>`...)
}

// appendText appends a cell of text, which is never taken for a formula.
func (s *sheet) appendText(dst []byte, column, row, style int, text []byte) []byte {
	dst = appendCellStart(dst, s.columns[column], row, style, "inlineStr")
	return append(appendXML(dst, text), `</t></is></c>`...)
}

// spreadsheetDigits is how many digits spreadsheet programs keep of a number.
const spreadsheetDigits = 15

// survives tells whether a number is the same one after a spreadsheet program
// had it.
func survives(lit []byte) bool {
	if bytes.ContainsAny(lit, "eE") {
		return false
	}
	digits := bytes.TrimLeft(lit, "-0.")
	if bytes.IndexByte(lit, '.') >= 0 {
		digits = bytes.TrimRight(digits, "0")
	}
	n := len(digits) - bytes.Count(digits, []byte{'.'})
	return n <= spreadsheetDigits && len(lit) < 300
}

// moment gives the days since 1900 of a text that is an ISO date or date-time
// without a zone or in UTC, unless the field is declared to be something else.
func moment(typ string, text []byte) (serial []byte, style int, ok bool) {
	if typ != "" && typ != "date" && typ != "datetime" || len(text) < 10 || len(text) > 20 || text[4] != '-' {
		return nil, 0, false
	}
	style = datetimeStyle
	t, err := time.Parse("2006-01-02T15:04:05", string(bytes.TrimSuffix(text, []byte{'Z'})))
	if len(text) == 10 {
		style = dateStyle
		t, err = time.Parse(time.DateOnly, string(text))
	}
	// Spreadsheet programs disagree on the days before 1 March 1900.
	if err != nil || t.Before(time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC)) {
		return nil, 0, false
	}
	seconds := t.Unix() - time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC).Unix()
	if style == dateStyle {
		return strconv.AppendInt(nil, seconds/86400, 10), style, true
	}
	return strconv.AppendFloat(nil, float64(seconds)/86400, 'f', -1, 64), style, true
}

// appendXML appends text as content or attribute of an element. Characters
// that XML can't hold become _xHHHH_, and so does what looks like that
// (ECMA-376 part 1, 22.9.2.19).
func appendXML[T ~string | ~[]byte](dst []byte, text T) []byte {
	for i, r := range string(text) {
		switch {
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '"':
			dst = append(dst, "&quot;"...)
		case r == '_' && looksEscaped(string(text[i:min(i+7, len(text))])):
			dst = append(dst, "_x005F_"...)
		case r < ' ' && r != '\n' && r != '\t', r == 0xfffe, r == 0xffff:
			dst = fmt.Appendf(dst, "_x%04X_", r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

func looksEscaped(text string) bool {
	if len(text) < 7 || text[1] != 'x' || text[6] != '_' {
		return false
	}
	_, err := strconv.ParseUint(text[2:6], 16, 16)
	return err == nil
}

func utf16Length(text []byte) int {
	n := 0
	for _, r := range string(text) {
		if n++; r > 0xffff {
			n++
		}
	}
	return n
}

func longestLine(text []byte) int {
	longest := 0
	for line := range bytes.SplitSeq(text, []byte{'\n'}) {
		longest = max(longest, utf8.RuneCount(line))
	}
	return longest
}
