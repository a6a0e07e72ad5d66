package record

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Decode checks b as Valid does with the default limits and returns its value:
// nil, bool, int, float64, json.Number, string, []any or map[string]any. Its
// error is a *SyntaxError.
func Decode(b []byte) (any, error) {
	if err := Valid(b, Limits{}); err != nil {
		return nil, err
	}
	return DecodeTrusted(b), nil
}

// DecodeTrusted returns the value of bytes that were checked, as Decode does.
// It does not keep b. No bytes give nil.
func DecodeTrusted(b []byte) any {
	v, _ := decodeValue(b, space(b, 0))
	return v
}

func decodeValue(b []byte, i int) (any, int) {
	if i >= len(b) {
		return nil, i
	}
	switch b[i] {
	case '{':
		return decodeObject(b, i)
	case '[':
		return decodeList(b, i)
	case '"':
		end := skipString(b, i)
		return decodeString(b[i:end]), end
	case 't':
		return true, i + 4
	case 'f':
		return false, i + 5
	case 'n':
		return nil, i + 4
	}
	end := Skip(b, i)
	return decodeNumber(b[i:end]), end
}

func decodeObject(b []byte, i int) (any, int) {
	m := map[string]any{}
	for i = space(b, i+1); i < len(b) && b[i] != '}'; {
		end := skipString(b, i)
		name := decodeString(b[i:end])
		m[name], i = decodeValue(b, space(b, space(b, end)+1))
		if i = space(b, i); i < len(b) && b[i] == ',' {
			i = space(b, i+1)
		}
	}
	return m, i + 1
}

func decodeList(b []byte, i int) (any, int) {
	list := []any{}
	for i = space(b, i+1); i < len(b) && b[i] != ']'; {
		var v any
		v, i = decodeValue(b, i)
		list = append(list, v)
		if i = space(b, i); i < len(b) && b[i] == ',' {
			i = space(b, i+1)
		}
	}
	return list, i + 1
}

func decodeString(lit []byte) string {
	inner := lit[1 : len(lit)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	return string(appendUnescaped(nil, inner))
}

// decodeNumber chooses the type by what keeps all digits.
func decodeNumber(lit []byte) any {
	var room [32]byte
	plain := AppendNumber(room[:0], lit)
	if bytes.IndexByte(plain, 'e') >= 0 {
		return json.Number(plain)
	}
	point := bytes.IndexByte(plain, '.') >= 0
	if !point && len(plain) <= 20 {
		if n, err := strconv.Atoi(string(plain)); err == nil {
			return n
		}
	}
	f, err := strconv.ParseFloat(string(plain), 64)
	if err != nil {
		return json.Number(plain)
	}
	// Fifteen digits are always told apart, and print as they are.
	if point && len(plain) <= 16 && plain[len(plain)-1] != '0' {
		return f
	}
	var back [512]byte
	if bytes.Equal(strconv.AppendFloat(back[:0], f, 'f', -1, 64), plain) {
		return f
	}
	return json.Number(plain)
}
