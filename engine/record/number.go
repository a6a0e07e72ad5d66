package record

import (
	"bytes"
	"math/big"
	"strconv"
)

// plainDigits is the longest decimal that an exponent is expanded to.
const plainDigits = 400

// AppendNumber appends a checked number literal as a plain decimal with the
// digits it was given: 1e3 becomes 1000, 1E-2 becomes 0.01, -0 becomes 0, and
// 12.50 stays. Where the decimal would have more than 400 digits the exponent
// stays, in the form 1.5e400.
func AppendNumber(dst, lit []byte) []byte {
	exponent := bytes.IndexByte(lit, 'e') >= 0 || bytes.IndexByte(lit, 'E') >= 0
	switch {
	case exponent:
		return appendDecimal(dst, lit, false)
	case lit[0] == '-' && !bytes.ContainsAny(lit, "123456789"):
		return append(dst, lit[1:]...)
	}
	return append(dst, lit...)
}

// AppendCanonicalNumber appends a checked number literal in the one form that
// all literals of an equal number share: as AppendNumber does, without zeros
// at the end of a fraction, and with an exponent for every number of more than
// 400 digits.
func AppendCanonicalNumber(dst, lit []byte) []byte {
	if IsCanonicalNumber(lit) {
		return append(dst, lit...)
	}
	return appendDecimal(dst, lit, true)
}

// IsCanonicalNumber reports whether a checked number literal is known to be in
// the form of AppendCanonicalNumber; it knows all that have no exponent.
func IsCanonicalNumber(lit []byte) bool {
	if len(lit) > plainDigits {
		return false
	}
	point := false
	for _, c := range lit {
		if c|0x20 == 'e' {
			return false
		}
		point = point || c == '.'
	}
	if point {
		return lit[len(lit)-1] != '0'
	}
	return lit[0] != '-' || lit[1] != '0'
}

// appendDecimal writes a literal that has an exponent, or any literal in
// canonical form.
func appendDecimal(dst, lit []byte, canonical bool) []byte {
	var room [48]byte
	negative := lit[0] == '-'
	if negative {
		lit = lit[1:]
	}
	var exponent []byte
	if i := bytes.IndexAny(lit, "eE"); i >= 0 {
		lit, exponent = lit[:i], lit[i+1:]
	}
	whole, fraction, _ := bytes.Cut(lit, []byte{'.'})
	all := append(append(room[:0], whole...), fraction...)
	ds := bytes.TrimLeft(all, "0")
	if len(ds) == 0 {
		return append(dst, '0')
	}
	// The number is 0.ds times ten to the power of point (and of exponent).
	point := len(whole) - (len(all) - len(ds))
	if canonical {
		ds = bytes.TrimRight(ds, "0")
	}
	if negative {
		dst = append(dst, '-')
	}
	shift, ok := smallExponent(exponent)
	if ok {
		point += shift
	}
	switch {
	case !ok:
		return appendScientific(dst, ds, addExponent(exponent, point-1))
	case max(point, len(ds), len(ds)-point) > plainDigits:
		return appendScientific(dst, ds, strconv.AppendInt(nil, int64(point)-1, 10))
	case point <= 0:
		dst = append(dst, '0', '.')
		return append(appendZeros(dst, -point), ds...)
	case point >= len(ds):
		return appendZeros(append(dst, ds...), point-len(ds))
	}
	dst = append(append(dst, ds[:point]...), '.')
	return append(dst, ds[point:]...)
}

func appendScientific(dst, ds, exponent []byte) []byte {
	dst = append(dst, ds[0])
	if len(ds) > 1 {
		dst = append(append(dst, '.'), ds[1:]...)
	}
	return append(append(dst, 'e'), exponent...)
}

func appendZeros(dst []byte, n int) []byte {
	for ; n > 0; n-- {
		dst = append(dst, '0')
	}
	return dst
}

// smallExponent reads an exponent that surely fits; an empty one is 0.
func smallExponent(text []byte) (int, bool) {
	if len(text) == 0 {
		return 0, true
	}
	const fits = 1 << 30
	n, err := strconv.ParseInt(string(text), 10, 64)
	return int(n), err == nil && -fits < n && n < fits
}

// addExponent adds to an exponent of any length.
func addExponent(text []byte, n int) []byte {
	e, _ := new(big.Int).SetString(string(bytes.TrimPrefix(text, []byte("+"))), 10)
	return e.Add(e, big.NewInt(int64(n))).Append(nil, 10)
}
