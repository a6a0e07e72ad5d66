package record_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// strict is the slow reference: the standard library's syntax, and the rules
// that it does not have, each checked on its own.
func strict(b []byte, depth int) bool {
	return json.Valid(b) && utf8.Valid(b) && wholePairs(string(b)) && uniqueNames(b, depth)
}

// wholePairs looks for escapes of half a surrogate pair in valid JSON, where a
// backslash stands in strings only.
func wholePairs(s string) bool {
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 {
			return true
		}
		if s[i+1] != 'u' {
			s = s[i+2:]
			continue
		}
		n, _ := strconv.ParseUint(s[i+2:i+6], 16, 32)
		s = s[i+6:]
		if n < 0xd800 || n > 0xdfff {
			continue
		}
		if n > 0xdbff || len(s) < 6 || s[:2] != `\u` {
			return false
		}
		low, err := strconv.ParseUint(s[2:6], 16, 32)
		if err != nil || low < 0xdc00 || low > 0xdfff {
			return false
		}
		s = s[6:]
	}
}

func uniqueNames(b []byte, depth int) bool {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var value func(depth int) bool
	value = func(depth int) bool {
		tok, _ := dec.Token()
		switch tok {
		case json.Delim('{'):
			names := map[string]bool{}
			for dec.More() {
				tok, _ := dec.Token()
				name := tok.(string)
				if names[name] || !value(depth-1) {
					return false
				}
				names[name] = true
			}
		case json.Delim('['):
			for dec.More() {
				if !value(depth - 1) {
					return false
				}
			}
		default:
			return true
		}
		dec.Token()
		return depth > 0
	}
	return value(depth)
}

// slot is the reference for the member at path.
func slot(b []byte, path ...string) []byte {
	b = bytes.Trim(b, " \t\r\n")
	for _, name := range path {
		var m map[string]json.RawMessage
		if json.Unmarshal(b, &m) != nil {
			return nil
		}
		raw, ok := m[name]
		if !ok {
			return nil
		}
		b = raw
	}
	return b
}

// drawJSON draws a value as text: white space, escapes and all spellings of
// numbers; now and then a name twice.
func drawJSON(t *rapid.T, depth int) string {
	space := func() string { return rapid.SampledFrom([]string{"", "", "", " ", "\n\t"}).Draw(t, "space") }
	kinds := 7
	if depth == 0 {
		kinds = 5
	}
	var text string
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		text = rapid.SampledFrom([]string{"null", "true", "false"}).Draw(t, "word")
	case 1:
		text = rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "number")
	case 2, 3, 4:
		text = drawText(t, rapid.String().Draw(t, "text"))
	case 5:
		var elems []string
		for range rapid.IntRange(0, 4).Draw(t, "elements") {
			elems = append(elems, drawJSON(t, depth-1))
		}
		text = "[" + space() + strings.Join(elems, ",") + "]"
	default:
		var members []string
		for range rapid.IntRange(0, 6).Draw(t, "members") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			members = append(members, space()+drawText(t, name)+space()+":"+drawJSON(t, depth-1))
		}
		text = "{" + space() + strings.Join(members, ",") + "}"
	}
	return space() + text + space()
}

var names = []string{"a", "b", "c", "d", "employeeNumber", "é", `q"`, "", "\u0001", "z\U0001F600", "longer than eight bytes"}

// drawText spells a text as a literal: each rune as it is or escaped.
func drawText(t *rapid.T, s string) string {
	lit, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if rapid.IntRange(0, 3).Draw(t, "spelling") > 0 {
		return string(lit)
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if r > 0xffff {
			r -= 0x10000
			b.WriteString(`\u` + strconv.FormatInt(int64(0xd800+r>>10), 16) + `\u` + strconv.FormatInt(int64(0xdc00+r&0x3ff), 16))
			continue
		}
		b.WriteString(`\u` + strings.ToUpper(strconv.FormatInt(int64(0x10000+r), 16)[1:]))
	}
	return b.String() + `"`
}
