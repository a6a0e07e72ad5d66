package mapping

import (
	"bytes"
	"math"
	"strconv"

	"koppel/engine/record"
)

// asInt gives a number as an int64 when it is exactly one. ok is false for
// fractions and for what does not fit.
func asInt(v val) (i int64, ok bool) {
	switch v.form {
	case integer:
		return int64(v.n), true
	case floating:
		f := v.float()
		return int64(f), f == math.Trunc(f) && math.Abs(f) < 1<<63
	}
	if i, ok := shortInt(v.b); ok {
		return i, true
	}
	i, err := strconv.ParseInt(stringOf(v.b), 10, 64)
	if err == nil {
		return i, true
	}
	i, err = strconv.ParseInt(string(record.AppendCanonicalNumber(nil, v.b)), 10, 64)
	return i, err == nil
}

// shortInt reads an integer literal of at most 18 digits.
func shortInt(b []byte) (int64, bool) {
	digits := b
	if len(b) > 0 && b[0] == '-' {
		digits = b[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if len(digits) < len(b) {
		n = -n
	}
	return n, true
}

// isWhole tells whether a number is written without a fraction, whether or not
// it fits an int64. Arithmetic on such numbers is exact.
func isWhole(v val) bool {
	switch v.form {
	case integer:
		return true
	case floating:
		return false
	}
	return !bytes.ContainsAny(v.b, ".eE")
}

// asFloat gives the nearest float64.
func asFloat(v val) float64 {
	switch v.form {
	case integer:
		return float64(int64(v.n))
	case floating:
		return v.float()
	}
	f, _ := strconv.ParseFloat(stringOf(v.b), 64)
	return f
}

// compareNumbers orders two numbers exactly: -1, 0, 1.
func compareNumbers(a, b val) int {
	if i, p, ok := scaled(a); ok {
		if j, q, ok := scaled(b); ok {
			tens := [...]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}
			return compareInts(i*tens[q], j*tens[p])
		}
	}
	if i, ok := quickInt(a); ok {
		if j, ok := quickInt(b); ok {
			switch {
			case i < j:
				return -1
			case i > j:
				return 1
			}
			return 0
		}
	}
	if shortDecimal(a) && shortDecimal(b) {
		x, y := asFloat(a), asFloat(b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	return decimalOf(a).compare(decimalOf(b))
}

// scaled reads a number of at most nine characters without an exponent: its
// digits as a whole number, and how many of them stand behind the point.
func scaled(v val) (n int64, places int, ok bool) {
	if v.form != literal {
		n = int64(v.n)
		return n, 0, v.form == integer && -1e9 < n && n < 1e9
	}
	b := v.b
	if len(b) == 0 || len(b) > 9 {
		return 0, 0, false
	}
	negative := b[0] == '-'
	if negative {
		b = b[1:]
	}
	for i, c := range b {
		switch {
		case '0' <= c && c <= '9':
			n = n*10 + int64(c-'0')
		case c == '.':
			places = len(b) - 1 - i
		default:
			return 0, 0, false
		}
	}
	if negative {
		n = -n
	}
	return n, places, true
}

// shortDecimal tells whether a number has so few digits that no other such
// number has the same float64.
func shortDecimal(v val) bool {
	switch v.form {
	case integer:
		return int64(v.n) > -1e15 && int64(v.n) < 1e15
	case floating:
		return false
	}
	return len(v.b) <= 15 && bytes.IndexByte(v.b, 'e') < 0 && bytes.IndexByte(v.b, 'E') < 0
}

func quickInt(v val) (int64, bool) {
	switch v.form {
	case integer:
		return int64(v.n), true
	case literal:
		return shortInt(v.b)
	}
	return 0, false
}

// A decimal is 0.digits × 10^exp, without zeros at either end of digits; zero
// has none.
type decimal struct {
	negative bool
	digits   []byte
	exp      int64
}

func decimalOf(v val) decimal {
	lit := v.b
	switch v.form {
	case integer:
		lit = strconv.AppendInt(nil, int64(v.n), 10)
	case floating:
		lit = strconv.AppendFloat(nil, v.float(), 'e', -1, 64)
	}
	return parseDecimal(lit)
}

// parseDecimal reads a number literal. Exponents beyond 18 digits are held at
// that size, where no two finite literals of any length meet.
func parseDecimal(lit []byte) decimal {
	var d decimal
	if lit[0] == '-' {
		d.negative, lit = true, lit[1:]
	}
	if i := bytes.IndexAny(lit, "eE"); i >= 0 {
		d.exp = exponent(lit[i+1:])
		lit = lit[:i]
	}
	whole, fraction, _ := bytes.Cut(lit, []byte{'.'})
	d.digits = append(append(make([]byte, 0, len(lit)), whole...), fraction...)
	d.exp += int64(len(whole))
	lead := len(d.digits) - len(bytes.TrimLeft(d.digits, "0"))
	d.digits = bytes.TrimRight(d.digits[lead:], "0")
	d.exp -= int64(lead)
	if len(d.digits) == 0 {
		return decimal{}
	}
	return d
}

func exponent(b []byte) int64 {
	n, err := strconv.ParseInt(string(b), 10, 64)
	const most = 1e18
	switch {
	case err != nil && b[0] == '-' || n < -most:
		return -most
	case err != nil || n > most:
		return most
	}
	return n
}

func (d decimal) compare(o decimal) int {
	if s, t := d.sign(), o.sign(); s != t {
		return compareInts(int64(s), int64(t))
	}
	c := compareInts(d.exp, o.exp)
	if c == 0 {
		c = bytes.Compare(d.digits, o.digits)
	}
	return c * d.sign()
}

func (d decimal) sign() int {
	switch {
	case len(d.digits) == 0:
		return 0
	case d.negative:
		return -1
	}
	return 1
}

func compareInts(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func compareText(a, b string) int { return bytes.Compare(bytesOf(a), bytesOf(b)) }
