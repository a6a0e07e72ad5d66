package xmlrecord

import (
	"bufio"
	"bytes"
	"errors"
	"mime"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
)

// Decode gives the body of an answer as UTF-8: a byte order mark decides, then
// mediaType, which is its Content-Type (RFC 7303, section 3), then the
// document's declaration.
func Decode(body []byte, mediaType string) ([]byte, error) {
	if rest, marked := bytes.CutPrefix(body, []byte("\xef\xbb\xbf")); marked {
		return rest, nil
	}
	if bytes.HasPrefix(body, []byte{0xff, 0xfe}) || bytes.HasPrefix(body, []byte{0xfe, 0xff}) {
		return converted(body, unicode.UTF16(unicode.BigEndian, unicode.UseBOM))
	}
	e, err := Declared(body[:min(len(body), 512)])
	if err != nil {
		return nil, err
	}
	if _, params, mediaErr := mime.ParseMediaType(mediaType); mediaErr == nil && params["charset"] != "" {
		if named, err := htmlindex.Get(params["charset"]); err == nil {
			if e = named; strings.EqualFold(params["charset"], "utf-8") || strings.HasPrefix(strings.ToLower(params["charset"]), "utf-16") && bytes.HasPrefix(body, []byte{'<'}) && !bytes.Contains(body[:min(len(body), 4)], []byte{0}) {
				e = nil
			}
		}
	}
	if e == nil {
		return body, nil
	}
	return converted(body, e)
}

func converted(body []byte, from encoding.Encoding) ([]byte, error) {
	text, err := from.NewDecoder().Bytes(body)
	if err != nil || bytes.Contains(text, []byte("\ufffd")) {
		return nil, errors.New("its bytes are no text in the encoding that it names")
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), nil
}

// All gives the elements that the path selects in a text that is UTF-8, as lines
// of JSON. Its errors are those of Read.
func All(text []byte, o Options) (lines []byte, err error) {
	err = Read(bufio.NewReader(bytes.NewReader(text)), o, func(more []byte) error {
		lines = append(lines, more...)
		return nil
	})
	return lines, err
}
