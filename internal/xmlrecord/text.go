// Package xmlrecord turns the elements of an XML document into records.
package xmlrecord

import (
	"bufio"
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
)

// Declared is the encoding that the start of a document shows or names; nil is
// UTF-8. The error is a *Problem.
func Declared(head []byte) (encoding.Encoding, error) {
	switch {
	case bytes.HasPrefix(head, []byte("<\x00?\x00")):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), nil
	case bytes.HasPrefix(head, []byte("\x00<\x00?")):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), nil
	}
	found := regexp.MustCompile(`^<\?xml\s[^>]*?\sencoding\s*=\s*["']([^"'>]*)["']`).FindSubmatch(head)
	if found == nil {
		return nil, nil
	}
	name := string(found[1])
	if strings.HasPrefix(strings.ToLower(name), "utf-16") {
		// The declaration itself is in single bytes, so the text is not what
		// it says: programs that convert a text forget to change the word.
		return nil, nil
	}
	e, err := htmlindex.Get(name)
	if e == unicode.UTF8 {
		return nil, nil
	}
	if err == nil && e != encoding.Replacement {
		return e, nil
	}
	if e, err = ianaindex.IANA.Encoding(name); err != nil || e == nil {
		return nil, &Problem{Text: fmt.Sprintf("its declaration names the encoding %q, which is unknown", name)}
	}
	return e, nil
}

// A Bounded reader gives ErrTooLong when more is read than its budget, which is
// set anew with each record.
type Bounded struct {
	*bufio.Reader
	Budget int
}

// ReadByte is the method that an xml.Decoder reads by.
func (b *Bounded) ReadByte() (byte, error) {
	if b.Budget--; b.Budget < 0 {
		return 0, ErrTooLong
	}
	return b.Reader.ReadByte()
}
