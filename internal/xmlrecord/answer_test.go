package xmlrecord

import (
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// A mark decides how an answer is encoded, then its media type, then what it
// declares.
func TestDecode(t *testing.T) {
	const text = "<a>Zoë</a>"
	for name, c := range map[string]struct {
		e     encoding.Encoding
		head  string
		media string
		want  string // empty: an error
	}{
		"UTF-8":                {encoding.Nop, "", "text/xml", text},
		"marked UTF-8":         {encoding.Nop, "\ufeff", "text/xml; charset=iso-8859-1", text},
		"marked little-endian": {unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "", "text/xml", text},
		"marked big-endian":    {unicode.UTF16(unicode.BigEndian, unicode.UseBOM), "", "text/xml; charset=utf-8", text},
		"named UTF-16":         {unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), "", "text/xml; charset=utf-16le", text},
		"named Latin":          {charmap.ISO8859_1, "", "text/xml; charset=iso-8859-1", text},
		"declared Latin":       {charmap.ISO8859_1, `<?xml version="1.0" encoding="iso-8859-1"?>`, "text/xml", `<?xml version="1.0" encoding="iso-8859-1"?>` + text},
		"odd":                  {unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "", "odd", ""},
	} {
		body, err := c.e.NewEncoder().Bytes([]byte(c.head + text))
		if err != nil {
			t.Fatal(err)
		}
		if c.media == "odd" {
			body = append(body, 0xd8)
		}
		got, err := Decode(body, c.media)
		if string(got) != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, media := range []string{"", "text/xml; charset=utf-16"} {
		if got, err := Decode(nil, media); len(got) > 0 || err != nil {
			t.Errorf("nothing as %q: %q, %v", media, got, err)
		}
	}
}
