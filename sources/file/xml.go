package file

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"koppel/engine/record"
)

// maxElements is how deep elements may stand in each other. Each gives an
// object and maybe a list, and records have a limit of 256 for both.
const maxElements = 120

// readXML hands over the elements that the path selects, while the document
// streams by. The document must be read to its end: what is malformed or cut
// gives no complete read. A document type that defines anything is refused, so
// entities are those of XML itself, and nothing outside the file is read.
func readXML(text *bufio.Reader, h *handover, path *elementPath) error {
	x := &xmlDocument{h: h, path: path, text: &bounded{Reader: text}}
	x.decoder = xml.NewDecoder(x.text)
	x.decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	x.reach = append(x.reach, start)
	err := x.read()
	if stopped := x.flush(); stopped != nil {
		return stopped
	}
	if err != nil {
		return x.locate(err)
	}
	return nil
}

type xmlDocument struct {
	h       *handover
	path    *elementPath
	text    *bounded
	decoder *xml.Decoder

	reach  []reach // of the document and the open elements
	rooted bool    // the root was seen
	listed bool    // an element was seen that records stand in
	found  int
	open   []*element // of the record that is being read, and room for more
	depth  int        // how many of them are open
	lines  []byte
}

func (x *xmlDocument) read() error {
	for first := true; ; first = false {
		if x.depth == 0 {
			x.text.budget = record.DefaultLimits().Size
		}
		t, err := x.decoder.Token()
		if err == io.EOF {
			return x.verdict()
		}
		if err != nil {
			return err
		}
		if err := x.token(t, first); err != nil {
			return err
		}
	}
}

func (x *xmlDocument) token(t xml.Token, first bool) error {
	switch t := t.(type) {
	case xml.StartElement:
		return x.start(&t)
	case xml.EndElement:
		return x.end(t.Name.Local)
	case xml.CharData:
		if x.depth > 0 {
			e := x.open[x.depth-1]
			e.text = append(e.text, t...)
		} else if len(x.reach) == 1 && len(bytes.TrimSpace(t)) > 0 {
			if x.rooted {
				return &syntaxError{text: "text follows the end of the document"}
			}
			return &syntaxError{text: "text stands before the document"}
		}
	case xml.Directive:
		if x.rooted {
			return &syntaxError{text: "a document type stands inside the document"}
		}
		if bytes.IndexByte(t, '[') >= 0 {
			return &syntaxError{text: "its document type defines entities or defaults, which are not read: remove the part in brackets"}
		}
	case xml.ProcInst:
		if strings.EqualFold(t.Target, "xml") && !first {
			return &syntaxError{text: "an XML declaration stands inside the document"}
		}
	}
	return nil
}

func (x *xmlDocument) start(t *xml.StartElement) error {
	if len(x.reach) == 1 {
		if x.rooted {
			return &syntaxError{text: "another element follows the end of the document"}
		}
		x.rooted = true
	}
	if len(x.reach) > maxElements {
		return &syntaxError{text: fmt.Sprintf("elements are nested more than %d deep", maxElements)}
	}
	r := x.path.into(x.reach[len(x.reach)-1], t)
	x.reach = append(x.reach, r)
	x.listed = x.listed || x.path.holds(r)
	record := x.path.selects(r)
	if record && x.depth > 0 {
		return &syntaxError{text: fmt.Sprintf("records selects <%s> inside of a record", t.Name.Local)}
	}
	if !record && x.depth == 0 {
		return nil
	}
	if x.depth > 0 {
		x.open[x.depth-1].child = true
	}
	return x.push(t)
}

func (x *xmlDocument) push(t *xml.StartElement) error {
	if x.depth == len(x.open) {
		x.open = append(x.open, &element{})
	}
	e := x.open[x.depth]
	e.reset()
	x.depth++
	return e.attributes(t.Attr)
}

// end closes an element: its value goes to the one around it, or out.
func (x *xmlDocument) end(name string) error {
	x.reach = x.reach[:len(x.reach)-1]
	if x.depth == 0 {
		return nil
	}
	x.depth--
	e := x.open[x.depth]
	var err error
	if x.depth > 0 {
		m := x.open[x.depth-1].member(name)
		m.values, err = e.append(m.values, false)
		return err
	}
	from := len(x.lines)
	if x.lines, err = e.append(x.lines, true); err != nil {
		x.lines = x.lines[:from]
		return err
	}
	x.found++
	if x.lines = append(x.lines, '\n'); len(x.lines) < chunkSize {
		return nil
	}
	return x.flush()
}

func (x *xmlDocument) flush() error {
	err := x.h.give(0, x.lines)
	x.lines = x.lines[:0]
	return err
}

// verdict judges the document at its end. That it holds no record counts only
// when what records stand in is there: another document has none either.
func (x *xmlDocument) verdict() error {
	switch {
	case !x.rooted:
		return &problem{text: "it is empty, not an XML document"}
	case x.found == 0 && !x.listed:
		return &problem{text: "no element is what records selects, nor what such elements stand in; so nothing tells that the set is empty"}
	}
	return nil
}

func (x *xmlDocument) locate(err error) error {
	var done *problem
	if errors.As(err, &done) || errors.Is(err, errStopped) {
		return err
	}
	line, _ := x.decoder.InputPos()
	p := &problem{line: line, offset: x.decoder.InputOffset()}
	var ours *syntaxError
	var theirs *xml.SyntaxError
	switch {
	case errors.As(err, &ours):
		p.text = ours.text
	case errors.As(err, &theirs) && theirs.Msg == "unexpected EOF":
		p.text = "the document is not closed: the file breaks off"
	case errors.As(err, &theirs) && strings.HasPrefix(theirs.Msg, "invalid character entity"):
		p.text = theirs.Msg + ": only those of XML itself are known"
	case errors.As(err, &theirs):
		p.text = theirs.Msg
	case errors.Is(err, errTooLong):
		p.text = errTooLong.Error()
	default:
		p.text, p.cause = "read it", err
	}
	return p
}
