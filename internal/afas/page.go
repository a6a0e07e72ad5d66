package afas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"

	"koppel/engine/record"
	"koppel/internal/httpclient"
)

// A Page is one answer of a GetConnector. Its rows are JSON objects as AFAS
// wrote them, each on a line of its own; numbers that are no JSON (-.5, of
// Profit before 7) are completed.
type Page struct {
	Lines []byte   // all rows, each ended by a newline
	Rows  [][]byte // views of Lines, without the newline
	Start []int    // where each row begins in Lines
	Take  int      // as AFAS understood it; -1: it does not say
	Skip  int      // the same
}

// Rows asks a GetConnector for rows. into is a buffer that may be used, and
// whose bytes the page may hold; nil: there is none.
func (c *Client) Rows(ctx context.Context, connector string, q Query, into []byte) (*Page, error) {
	query, err := q.Encode()
	if err != nil {
		return nil, err
	}
	path := "/connectors/" + url.PathEscape(connector)
	resp, err := c.Do(ctx, &httpclient.Request{Path: path + "?" + query, Title: path, Into: into})
	if err != nil {
		return nil, err
	}
	page, err := ParsePage(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return page, nil
}

var errNoRows = errors.New("the answer has no rows: it is not that of a GetConnector; check the url of the connection")

// ParsePage reads the body of an answer, which it changes and keeps. It finds
// where the rows are; whether each is JSON is for who scans it.
func ParsePage(body []byte) (*Page, error) {
	if hasBareNumber(body) {
		body = completeNumbers(body)
	}
	s := splitter{b: bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))}
	p := &Page{Take: -1, Skip: -1}
	if !s.take('{') {
		return nil, errNoRows
	}
	found := false
	for !s.take('}') {
		name, value, err := s.member(func(name []byte) error {
			if string(name) != `"rows"` {
				return nil
			}
			if found {
				return errCut
			}
			found = true
			return s.rows(p)
		})
		if err != nil {
			return nil, err
		}
		switch string(name) {
		case `"skip"`:
			p.Skip = number(value)
		case `"take"`:
			p.Take = number(value)
		}
		s.take(',')
	}
	if s.space(); s.i < len(s.b) {
		return nil, fmt.Errorf("the answer goes on behind its end")
	}
	if !found {
		return nil, errNoRows
	}
	return p, nil
}

// number reads a whole number of at most nine digits; -1: it is none.
func number(text []byte) int {
	if len(text) == 0 || len(text) > 9 {
		return -1
	}
	n := 0
	for _, c := range text {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// A splitter finds where values end. It does not check what is inside of rows:
// that is for those who look at them.
type splitter struct {
	b []byte
	i int
}

var errCut = errors.New("the answer is cut")

func (s *splitter) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\r' || s.b[s.i] == '\t') {
		s.i++
	}
}

// take goes over a character, when it is the next.
func (s *splitter) take(c byte) bool {
	s.space()
	if s.i >= len(s.b) || s.b[s.i] != c {
		return false
	}
	s.i++
	return true
}

// member goes over a name, a colon and a value. known may go over the value
// itself.
func (s *splitter) member(known func(name []byte) error) (name, value []byte, err error) {
	s.space()
	if name, err = s.value(); err != nil {
		return nil, nil, err
	}
	if len(name) == 0 || name[0] != '"' || !s.take(':') {
		return nil, nil, errCut
	}
	s.space()
	before := s.i
	if err := known(name); err != nil {
		return nil, nil, err
	}
	if s.i > before {
		return name, nil, nil
	}
	value, err = s.value()
	return name, value, err
}

// value goes over one value.
func (s *splitter) value() ([]byte, error) {
	from, depth := s.i, 0
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case '"':
			if s.text(); s.i > len(s.b) {
				return nil, errCut
			}
		case '{', '[':
			depth++
			s.i++
			continue
		case '}', ']':
			if depth--; depth < 0 {
				return s.b[from:s.i], nil
			}
			s.i++
		case ',', ':', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return s.b[from:s.i], nil
			}
			s.i++
			continue
		default:
			s.i++
			continue
		}
		if depth == 0 {
			return s.b[from:s.i], nil
		}
	}
	if depth > 0 || from == s.i {
		return nil, errCut
	}
	return s.b[from:s.i], nil
}

// text goes over a string; beyond the end when it does not end.
func (s *splitter) text() {
	for s.i++; s.i <= len(s.b); {
		n := bytes.IndexByte(s.b[s.i:], '"')
		if n < 0 {
			s.i = len(s.b) + 1
			return
		}
		s.i += n + 1
		slashes := 0
		for s.b[s.i-2-slashes] == '\\' {
			slashes++
		}
		if slashes&1 == 0 {
			return
		}
	}
}

// rows goes over the list of rows. What stands between them is overwritten, so
// that each has a line of its own; a line end within one is a blank there, as
// none can stand in a text.
func (s *splitter) rows(p *Page) error {
	if !s.take('[') {
		return errNoRows
	}
	from := s.i
	at := from // where the next line is put
	for last := s.take(']'); !last; {
		if s.space(); s.i >= len(s.b) || s.b[s.i] != '{' {
			return errCut
		}
		row, err := s.value()
		if err != nil {
			return err
		}
		end := s.i
		s.space()
		if s.i >= len(s.b) || s.b[s.i] != ',' && s.b[s.i] != ']' {
			return errCut
		}
		last = s.b[s.i] == ']'
		s.i++
		oneLine(row)
		n := copy(s.b[at:end], row)
		p.Rows, p.Start = append(p.Rows, s.b[at:at+n:at+n]), append(p.Start, at-from)
		at += n
		s.b[at] = '\n' // over a comma or the bracket, which was read
		at++
	}
	p.Lines = s.b[from:at:at]
	return nil
}

func oneLine(row []byte) {
	if bytes.IndexByte(row, '\n') < 0 && bytes.IndexByte(row, '\r') < 0 {
		return
	}
	for i, c := range row {
		if c == '\n' || c == '\r' {
			row[i] = ' '
		}
	}
}

// hasBareNumber tells whether there is a point before a digit and behind none,
// perhaps in a text.
func hasBareNumber(body []byte) bool {
	for i := 0; ; i++ {
		n := bytes.IndexByte(body[i:], '.')
		if n < 0 {
			return false
		}
		if i += n; isBare(body, i) {
			return true
		}
	}
}

func isBare(body []byte, point int) bool {
	return point > 0 && !isDigit(body[point-1]) && point+1 < len(body) && isDigit(body[point+1])
}

// completeNumbers writes the zero that is missing before the point of a number.
func completeNumbers(body []byte) []byte {
	var out []byte
	kept := 0
	s := splitter{b: body}
	for s.i < len(body) {
		switch c := body[s.i]; {
		case c == '"':
			s.text()
		case c == '.' && isBare(body, s.i):
			out = append(append(out, body[kept:s.i]...), '0')
			kept = s.i
			s.i++
		default:
			s.i++
		}
	}
	if out == nil {
		return body
	}
	return append(out, body[kept:]...)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// Scanner gives the values of a row at columns, checked strictly.
type Scanner struct {
	scanner *record.Scanner
	slots   []int
}

// NewScanner makes a scanner for columns.
func NewScanner(columns []string) *Scanner {
	tree := record.NewTree()
	s := &Scanner{}
	for _, name := range columns {
		s.slots = append(s.slots, tree.Want(name))
	}
	s.scanner = record.NewScanner(tree, record.Limits{})
	return s
}

// Scan checks a row. Its values are asked for with At until the next Scan.
func (s *Scanner) Scan(row []byte) error { return s.scanner.Scan(row) }

// At gives the raw value of the column at place i of those asked for; nil: the
// row has no such column.
func (s *Scanner) At(i int) []byte { return s.scanner.Slot(s.slots[i]) }
