package sql

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// appendArray turns the text of an array, such as {a,"b c",NULL} or
// [0:1]={1,2}, into a JSON list; false: an element has no JSON form.
// https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
func appendArray(dst, text []byte, elem pgForm) ([]byte, bool) {
	if text[0] == '[' {
		text = text[bytes.IndexByte(text, '=')+1:]
	}
	for len(text) > 0 {
		switch c := text[0]; c {
		case '{':
			dst, text = append(dst, '['), text[1:]
		case '}':
			dst, text = append(dst, ']'), text[1:]
		case ',':
			dst, text = append(dst, ','), text[1:]
		default:
			var one []byte
			var quoted, ok bool
			if one, text, quoted = element(text); !quoted && string(one) == "NULL" {
				dst = append(dst, "null"...)
				continue
			}
			v, _ := pgType{form: elem}.value(one, nil)
			if dst, ok = AppendJSON(dst, v); !ok {
				return dst, false
			}
		}
	}
	return dst, true
}

// element cuts the first element off the text of an array.
func element(text []byte) (one, rest []byte, quoted bool) {
	if text[0] != '"' {
		n := bytes.IndexAny(text, ",}")
		if n < 0 {
			n = len(text)
		}
		return text[:n], text[n:], false
	}
	i := 1
	for ; i < len(text) && text[i] != '"'; i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		one = append(one, text[i])
	}
	return one, text[min(i+1, len(text)):], true
}

// errNested says why an array can't hold a list in a list.
var errNested = errors.New("would lose an empty list inside the list")

// arrayText turns a JSON list into the text of an array whose elements fit c,
// the column of an element.
func arrayText(dst, list []byte, c *Column, depth int) ([]byte, error) {
	dst = append(dst, '{')
	var elements []json.RawMessage
	if err := json.Unmarshal(list, &elements); err != nil {
		return dst, err
	}
	if len(elements) == 0 && depth > 0 {
		return dst, errNested
	}
	for i, raw := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = elementText(dst, raw, c, depth); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func elementText(dst, raw []byte, c *Column, depth int) ([]byte, error) {
	v, _, err := FromJSON(raw, nil)
	own := c.Base == "json" || c.Base == "jsonb"
	switch {
	case err != nil:
		return dst, err
	case v.Kind == Null:
		return append(dst, "NULL"...), nil
	case v.Kind == JSON && raw[0] == '[' && !own:
		return arrayText(dst, raw, c, depth+1)
	case v.Kind == JSON && !own:
		return dst, fmt.Errorf("column %q is %s[] and takes no objects in its list", c.Name, c.Base)
	}
	if v, err = (postgresDialect{}).Fit(c, v); err != nil {
		return dst, err
	}
	dst = append(dst, '"')
	for _, b := range appendPostgres(nil, v, 0) {
		if b == '"' || b == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, b)
	}
	return append(dst, '"'), nil
}

// elementColumn is the column that an array's elements would be in.
func elementColumn(c *Column) *Column {
	one := *c
	one.Base = strings.TrimSuffix(c.Base, "[]")
	return &one
}
