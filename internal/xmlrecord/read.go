package xmlrecord

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

// chunkSize is how many bytes are handed over at once, about.
const chunkSize = 1 << 20

// Options say what is read.
type Options struct {
	Path *Path
	// Lists names the elements that are lists also where one stands alone.
	Lists []string
}

// Read hands over the elements that the path selects, as whole lines of JSON,
// while the document streams by: an object by local names, with @name for
// attributes and #text for text beside them; a text alone is a string, and
// nothing at all null; what is repeated is a list. The text is UTF-8; what the
// document declares is not looked at. give may keep nothing of what it gets.
//
// The document must be read to its end: what is malformed or cut gives no
// complete read. A document type that defines anything is refused, so entities
// are those of XML itself, and nothing outside is read. Errors are those of give,
// or a *Problem.
func Read(text *bufio.Reader, o Options, give func(jsonl []byte) error) error {
	x := &document{give: give, path: o.Path, text: &Bounded{Reader: text}}
	if len(o.Lists) > 0 {
		x.lists = map[string]bool{}
		for _, name := range o.Lists {
			x.lists[name] = true
		}
	}
	x.decoder = xml.NewDecoder(x.text)
	x.decoder.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	x.reach = append(x.reach, start)
	err := x.read()
	if x.stopped != nil {
		return x.stopped
	}
	if stopped := x.flush(); stopped != nil {
		return stopped
	}
	if err != nil {
		return x.locate(err)
	}
	return nil
}

type document struct {
	give    func([]byte) error
	path    *Path
	lists   map[string]bool
	text    *Bounded
	decoder *xml.Decoder
	stopped error // of give

	reach  []reach // of the document and the open elements
	rooted bool    // the root was seen
	listed bool    // an element was seen that records stand in
	found  int
	// While no record was found: the last element of another name that stands
	// where records would, and one of those names that came twice in a row.
	other, repeated string

	open  []*element // of the record that is being read, and room for more
	depth int        // how many of them are open
	lines []byte
}

func (x *document) read() error {
	for first := true; ; first = false {
		if x.depth == 0 {
			x.text.Budget = record.DefaultLimits().Size
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

func (x *document) token(t xml.Token, first bool) error {
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
		if !plainDoctype(t) {
			return &syntaxError{text: "its document type defines entities or defaults, which are not read: remove the part in brackets"}
		}
	case xml.ProcInst:
		if strings.EqualFold(t.Target, "xml") && !first {
			return &syntaxError{text: "an XML declaration stands inside the document"}
		}
	}
	return nil
}

func (x *document) start(t *xml.StartElement) error {
	if len(x.reach) == 1 {
		if x.rooted {
			return &syntaxError{text: "another element follows the end of the document"}
		}
		x.rooted = true
	}
	if len(x.reach) > maxElements {
		return &syntaxError{text: fmt.Sprintf("elements are nested more than %d deep", maxElements)}
	}
	around := x.reach[len(x.reach)-1]
	if x.found == 0 && x.path.holds(around) && !x.path.names(t.Name) {
		if x.other == t.Name.Local {
			x.repeated = x.other
		}
		x.other = t.Name.Local
	}
	r := x.path.into(around, t)
	x.reach = append(x.reach, r)
	if x.path.holds(r) {
		x.listed, x.other = true, ""
	}
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

func (x *document) push(t *xml.StartElement) error {
	if x.depth == len(x.open) {
		x.open = append(x.open, &element{lists: x.lists})
	}
	e := x.open[x.depth]
	e.reset()
	x.depth++
	return e.attributes(t.Attr)
}

// end closes an element: its value goes to the one around it, or out.
func (x *document) end(name string) error {
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

func (x *document) flush() error {
	if len(x.lines) == 0 {
		return nil
	}
	x.stopped = x.give(x.lines)
	x.lines = x.lines[:0]
	return x.stopped
}

// verdict judges the document at its end. That it holds no record counts only
// when what records stand in is there, and holds no others: another document
// has none either, and what is called otherwise may be the records.
func (x *document) verdict() error {
	switch {
	case !x.rooted:
		return &Problem{Text: "it is empty, not an XML document"}
	case x.found == 0 && !x.listed:
		return &Problem{Text: "no element is what records selects, nor what such elements stand in; so nothing tells that the set is empty"}
	case x.found == 0 && x.repeated != "":
		return &Problem{Text: fmt.Sprintf("no element is what records selects, but several <%s> stand where they would: an element that was renamed, or a slip in records, is no empty set", x.repeated)}
	}
	return nil
}

func (x *document) locate(err error) error {
	var done *Problem
	if errors.As(err, &done) {
		return err
	}
	line, _ := x.decoder.InputPos()
	p := &Problem{Line: line, Offset: x.decoder.InputOffset()}
	var ours *syntaxError
	var theirs *xml.SyntaxError
	switch {
	case errors.As(err, &ours):
		p.Text = ours.text
	case errors.As(err, &theirs) && theirs.Msg == "unexpected EOF":
		p.Text = "the document is not closed: it breaks off"
	case errors.As(err, &theirs) && strings.HasPrefix(theirs.Msg, "invalid character entity"):
		p.Text = theirs.Msg + ": only those of XML itself are known"
	case errors.As(err, &theirs):
		p.Text = theirs.Msg
	case errors.Is(err, ErrTooLong):
		p.Text = ErrTooLong.Error()
	default:
		p.Text, p.Cause = "read it", err
	}
	return p
}
