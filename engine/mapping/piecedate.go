package mapping

import "koppel/engine/record"

// datePiece is date(x).
func datePiece(arg piece) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		from := len(dst)
		dst, kind := arg(e, dst)
		switch {
		case kind != record.String:
			return dst, nullOrDeclined(kind)
		case !startsWithDate(dst[from:]):
			return dst, record.Absent
		}
		return dst[:from+10], kind
	}
}

// startsWithDate reports whether text is an ISO date or date-time: its first
// ten bytes are then the date as it is written.
func startsWithDate(s []byte) bool {
	if len(s) == 10 {
		return isPlainDate(s)
	}
	_, ok := readMoment(s)
	return ok
}

// isPlainDate reports whether text is an ISO date without a time.
func isPlainDate(s []byte) bool {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return false
	}
	y, ok1 := number2(s, 0, 4)
	m, ok2 := number2(s, 5, 2)
	d, ok3 := number2(s, 8, 2)
	return ok1 && ok2 && ok3 && isDay(y, m, d)
}

// A datePart is what stands in a layout: text, or digits of an ISO date.
type datePart struct {
	text     string
	from, to int  // of the date, where text is empty
	short    bool // without a leading zero
}

// formatdate is the call with a constant layout of the numbers of a date. Without
// a zone they are those that are written, whatever the offset is.
func (s *shape) formatdate() piece {
	if len(s.args) != 2 || !s.args[0].isConstText() {
		return nil
	}
	parts, arg := dateParts(s.args[0].value.b), s.args[1].piece()
	if parts == nil || arg == nil {
		return nil
	}
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		from := len(dst)
		dst, kind := arg(e, dst)
		switch {
		case kind != record.String:
			return dst, nullOrDeclined(kind)
		case !startsWithDate(dst[from:]):
			return dst, record.Absent
		}
		var date [10]byte
		copy(date[:], dst[from:])
		if dst = appendDate(dst[:from], parts, &date); !e.take(len(dst) - from) {
			return dst, record.Absent
		}
		return dst, kind
	}
}

func appendDate(dst []byte, parts []datePart, date *[10]byte) []byte {
	for i := range parts {
		switch p := &parts[i]; {
		case p.text != "":
			dst = append(dst, p.text...)
		case p.short && date[p.from] == '0':
			dst = append(dst, date[p.from+1])
		default:
			dst = append(dst, date[p.from:p.to]...)
		}
	}
	return dst
}

// dateParts reads a layout; nil when it is empty or has more than text and the
// numbers of a date.
func dateParts(layout []byte) []datePart {
	var parts []datePart
	for len(layout) > 0 {
		token, rest, verbatim, ok := nextToken(layout)
		if !ok || verbatim && !isClean(token) {
			return nil
		}
		layout = rest
		if verbatim {
			if len(token) > 0 {
				parts = append(parts, datePart{text: string(token)})
			}
			continue
		}
		p, ok := dateNumber(string(token))
		if !ok {
			return nil
		}
		parts = append(parts, p)
	}
	return parts
}

func dateNumber(token string) (datePart, bool) {
	switch token {
	case "YYYY":
		return datePart{from: 0, to: 4}, true
	case "YY":
		return datePart{from: 2, to: 4}, true
	case "MM", "M":
		return datePart{from: 5, to: 7, short: token == "M"}, true
	case "DD", "D":
		return datePart{from: 8, to: 10, short: token == "D"}, true
	}
	return datePart{}, false
}
