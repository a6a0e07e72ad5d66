package file

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// xmlText gives the text of an XML document as UTF-8. A byte order mark
// decides, then the argument encoding, then the document's declaration.
func xmlText(in *input) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(in.text, 64<<10)
	if in.known {
		return b, nil
	}
	head, err := b.Peek(512)
	if err != nil && err != io.EOF {
		return nil, err
	}
	e, err := declared(head)
	if err != nil || e == nil {
		return b, err
	}
	return bufio.NewReaderSize(&decodedReader{r: transform.NewReader(b, e.NewDecoder())}, 64<<10), nil
}

// declared is the encoding that the start of a document shows or names; nil
// is UTF-8.
func declared(head []byte) (encoding.Encoding, error) {
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
	e, err := charset(name)
	if err == nil {
		return e, nil
	}
	if e, err = ianaindex.IANA.Encoding(name); err != nil || e == nil {
		return nil, &problem{text: fmt.Sprintf("its declaration names the encoding %q, which is unknown", name)}
	}
	return e, nil
}

// A bounded reader gives an error when more is read than its budget, which is
// set anew with each record.
type bounded struct {
	*bufio.Reader
	budget int
}

// ReadByte is the method that an xml.Decoder reads by.
func (b *bounded) ReadByte() (byte, error) {
	if b.budget--; b.budget < 0 {
		return 0, errTooLong
	}
	return b.Reader.ReadByte()
}
