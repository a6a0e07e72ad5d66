package mapping

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf8"

	"koppel/engine/record"
)

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// casePiece maps the case of ASCII text, where it stands.
func casePiece(arg piece, ascii func([]byte) (found, ok bool)) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		from := len(dst)
		dst, kind := arg(e, dst)
		if kind != record.String {
			return dst, nullOrDeclined(kind)
		}
		found, ok := ascii(dst[from:])
		if !ok || found && !e.take(len(dst)-from) {
			return dst, record.Absent
		}
		return dst, kind
	}
}

// nullOrDeclined is what functions of text make of other kinds.
func nullOrDeclined(kind record.Kind) record.Kind {
	if kind == record.Null {
		return kind
	}
	return record.Absent
}

func lowerASCII(s []byte) (found, ok bool) { return mapASCII(s, 'A', 'Z') }
func upperASCII(s []byte) (found, ok bool) { return mapASCII(s, 'a', 'z') }

// mapASCII turns the case of the letters from first to last, eight bytes at a
// time. found says that there were any; ok is false for what is not ASCII, of
// which part may then be turned.
func mapASCII(s []byte, first, last byte) (found, ok bool) {
	reach, beyond := ones*uint64(0x80-first), ones*uint64(0x7f-last)
	any := uint64(0)
	for len(s) >= 8 {
		x := binary.LittleEndian.Uint64(s)
		if x&tops != 0 {
			return false, false
		}
		letters := (x + reach) &^ (x + beyond) & tops
		any |= letters
		binary.LittleEndian.PutUint64(s, x^letters>>2)
		s = s[8:]
	}
	for i, c := range s {
		switch {
		case c >= utf8.RuneSelf:
			return false, false
		case first <= c && c <= last:
			s[i], any = c^0x20, 1
		}
	}
	return any != 0, true
}

func trimPiece(arg piece) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		from := len(dst)
		dst, kind := arg(e, dst)
		if kind != record.String {
			return dst, nullOrDeclined(kind)
		}
		dst = e.tidied(dst, from, from)
		if !e.take(len(dst) - from) {
			return dst, record.Absent
		}
		return dst, kind
	}
}

func wordsPiece(args []piece) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		start := len(dst)
		for _, arg := range args {
			before := len(dst)
			if before > start {
				dst = append(dst, ' ')
			}
			from := len(dst)
			var kind record.Kind
			if dst, kind = arg(e, dst); kind == record.Absent {
				return dst, kind
			}
			if len(dst) == from {
				dst = dst[:before]
			} else {
				dst = e.tidied(dst, before, from)
			}
		}
		switch {
		case len(dst) == start:
			return dst, record.Null
		case !e.take(len(dst) - start):
			return dst, record.Absent
		}
		return dst, record.String
	}
}

// tidied folds the white space of dst[from:] as words and trim do. What stands
// in dst[before:from] separates it from other words, and goes when it has none.
func (e *Evaluator) tidied(dst []byte, before, from int) []byte {
	if isTidy(dst[from:]) {
		return dst
	}
	e.scratch = append(e.scratch[:0], dst[from:]...)
	if dst = appendWords(dst[:from], from, e.scratch); len(dst) == from {
		dst = dst[:before]
	}
	return dst
}

// isTidy reports whether text has single spaces between its words and no other
// white space. It may say no to text beyond ASCII that is.
func isTidy(s []byte) bool {
	space := true // one before s would be doubled
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c > ' ' && c < utf8.RuneSelf:
			space = false
		case c == ' ':
			if space {
				return false
			}
			space = true
		case c < ' ':
			return false
		default:
			r, n := utf8.DecodeRune(s[i:])
			if unicode.IsSpace(r) {
				return false
			}
			space = false
			i += n - 1
		}
	}
	return !space || len(s) == 0
}

// join joins by a constant separator: one list, or texts.
func (s *shape) join() piece {
	if len(s.args) < 2 || !s.args[0].isConstText() || !isClean(s.args[0].value.b) {
		return nil
	}
	sep := s.args[0].value.b
	if len(s.args) == 2 && s.args[1].op == shapeSource {
		return joinList(sep, s.args[1].slot, s.op == shapeJoin)
	}
	if s.op == shapeJoin {
		return nil
	}
	args := s.pieces()
	if args == nil {
		return nil
	}
	return joinTexts(sep, args[1:])
}

// joinList joins the texts of a list. Any other value is left to the code when
// it must be a list, and else is its own join.
func joinList(sep []byte, slot int, must bool) piece {
	single := joinTexts(sep, []piece{sourcePiece(slot)})
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		raw, kind, _ := e.scan.Clean(slot)
		if kind != record.List {
			if must {
				return dst, record.Absent
			}
			return single(e, dst)
		}
		from := len(dst)
		dst, ok := appendJoined(dst, sep, raw)
		if !ok || e.spend(len(raw)>>6) != nil || !e.take(len(dst)-from) {
			return dst, record.Absent
		}
		return dst, record.String
	}
}

// appendJoined joins the elements of a list that holds nothing but texts without
// escapes and nulls; ok is false for any other.
func appendJoined(dst, sep, list []byte) (out []byte, ok bool) {
	if bytes.IndexByte(list, '\\') >= 0 {
		return dst, false
	}
	n := 0
	for i := blank(list, 1); i < len(list) && list[i] != ']'; {
		switch list[i] {
		case '"':
			if n++; n > 1 {
				dst = append(dst, sep...)
			}
			end := i + 1 + bytes.IndexByte(list[i+1:], '"')
			dst = append(dst, list[i+1:end]...)
			i = end + 1
		case 'n':
			i += len("null")
		default:
			return dst, false
		}
		if i = blank(list, i); list[i] == ',' {
			i = blank(list, i+1)
		}
	}
	return dst, true
}

func joinTexts(sep []byte, args []piece) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		n, all := 0, true
		for _, arg := range args {
			before := len(dst)
			if n > 0 {
				dst = append(dst, sep...)
			}
			var kind record.Kind
			switch dst, kind = arg(e, dst); kind {
			case record.Absent:
				return dst, kind
			case record.Null:
				dst = dst[:before]
				continue
			}
			n, all = n+1, false
			if !e.take(len(dst) - before) {
				return dst, record.Absent
			}
		}
		if all {
			return dst, record.Null
		}
		return dst, record.String
	}
}
