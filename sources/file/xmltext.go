package file

import (
	"bufio"
	"io"

	"golang.org/x/text/transform"

	"koppel/internal/xmlrecord"
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
	e, err := xmlrecord.Declared(head)
	if err != nil || e == nil {
		return b, err
	}
	return bufio.NewReaderSize(&decodedReader{r: transform.NewReader(b, e.NewDecoder())}, 64<<10), nil
}
