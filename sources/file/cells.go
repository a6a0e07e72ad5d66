package file

import "bytes"

// cells splits rows of CSV. The slices are reused from row to row.
type cells struct {
	b            []byte
	list         []cell
	size         int  // bytes of the row with its line end; 0: b ends before it
	unterminated bool // the row ends with the file instead
	stops        [256]bool
	delimiter    byte
	scratch      []byte
}

type cell struct {
	from, to int
	quoted   bool
	doubled  bool // holds doubled quotes
}

func (c *cells) separate(delimiter byte) {
	c.delimiter = delimiter
	for _, b := range []byte{delimiter, '"', '\r', '\n'} {
		c.stops[b] = true
	}
}

// split finds the cells of the row that b starts with. Unless b is the last of
// the file, a row that may go on behind it has size 0. Its error is a
// *syntaxError.
func (c *cells) split(b []byte, last bool) error {
	c.b, c.list, c.size, c.unterminated = b, c.list[:0], 0, false
	for i := 0; ; {
		end, err := c.cell(i, last)
		if err != nil || end < 0 {
			return err
		}
		if end == len(b) {
			if last {
				c.size, c.unterminated = len(b), true
			}
			return nil
		}
		switch b[end] {
		case c.delimiter:
			i = end + 1
			continue
		case '\n':
			c.size = end + 1
			return nil
		}
		return c.carriageReturn(end, last)
	}
}

// cell finds the cell at i and returns the place behind it, which is that of a
// delimiter, a line end or the end of b; -1 when b ends inside quotes.
func (c *cells) cell(i int, last bool) (int, error) {
	if i < len(c.b) && c.b[i] == '"' {
		return c.quoted(i, last)
	}
	end := i
	for end < len(c.b) && !c.stops[c.b[end]] {
		end++
	}
	if end < len(c.b) && c.b[end] == '"' {
		return 0, &syntaxError{end, "a quote inside a cell that does not start with one"}
	}
	c.list = append(c.list, cell{from: i, to: end})
	return end, nil
}

func (c *cells) quoted(i int, last bool) (int, error) {
	found := cell{from: i + 1, quoted: true}
	for j := i + 1; ; {
		n := bytes.IndexByte(c.b[j:], '"')
		if n < 0 {
			if last {
				return 0, &syntaxError{i, "a quote opens that is never closed"}
			}
			return -1, nil
		}
		found.to = j + n
		j = found.to + 1
		if j < len(c.b) && c.b[j] == '"' {
			found.doubled = true
			j++
			continue
		}
		if j < len(c.b) && c.b[j] != c.delimiter && c.b[j] != '\r' && c.b[j] != '\n' {
			return 0, &syntaxError{j, "text behind a closing quote"}
		}
		c.list = append(c.list, found)
		return j, nil
	}
}

// carriageReturn ends the row at the carriage return at i, when a line feed
// follows.
func (c *cells) carriageReturn(i int, last bool) error {
	switch {
	case i+1 < len(c.b) && c.b[i+1] == '\n':
		c.size = i + 2
	case i+1 < len(c.b):
		return &syntaxError{i, "a carriage return without a line feed outside quotes"}
	case last:
		c.size, c.unterminated = len(c.b), true
	}
	return nil
}

// blank tells whether the row is an empty line.
func (c *cells) blank() bool {
	return len(c.list) == 1 && !c.list[0].quoted && c.list[0].from == c.list[0].to
}

// text is the text of a cell, valid until the next call.
func (c *cells) text(i int) []byte {
	l := c.list[i]
	raw := c.b[l.from:l.to]
	if !l.doubled {
		return raw
	}
	c.scratch = c.scratch[:0]
	for {
		q := bytes.IndexByte(raw, '"')
		if q < 0 {
			c.scratch = append(c.scratch, raw...)
			return c.scratch
		}
		c.scratch = append(c.scratch, raw[:q+1]...)
		raw = raw[q+2:]
	}
}
