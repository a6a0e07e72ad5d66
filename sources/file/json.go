package file

import (
	"bytes"

	"koppel/engine/record"
)

// readArray hands over the elements of a JSON array of any size one by one, or
// the one object that the document is. It cuts; whether each object is valid
// is the engine's to check.
func readArray(w *window, h *handover) error {
	c, err := nextByte(w)
	if err != nil {
		return err
	}
	o := &objects{w: w, h: h}
	switch {
	case w.eof && len(w.data()) == 0:
		return &problem{text: "it is empty, not a JSON document"}
	case c == '{':
		if err := o.next(); err != nil {
			return err
		}
	case c == '[':
		w.take(1)
		if err := o.elements(); err != nil {
			return err
		}
	default:
		return &syntaxError{0, "neither a JSON array nor an object starts here"}
	}
	if err := o.flush(); err != nil {
		return err
	}
	return documentEnd(w, c)
}

// nextByte takes white space and shows the byte behind it; 0 at the end.
func nextByte(w *window) (byte, error) {
	for {
		for i, c := range w.data() {
			if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
				w.take(i)
				return c, nil
			}
		}
		w.take(len(w.data()))
		if w.eof {
			return 0, nil
		}
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
}

func documentEnd(w *window, start byte) error {
	c, err := nextByte(w)
	if err != nil {
		return err
	}
	if len(w.data()) == 0 {
		return nil
	}
	if start == '{' && c == '{' {
		return &syntaxError{0, `another object follows the document; for one object a line say format = "jsonl"`}
	}
	return &syntaxError{0, "something follows the end of the document"}
}

// objects collects objects as lines.
type objects struct {
	w     *window
	h     *handover
	lines []byte
	scan  objectScan
}

// elements takes the array behind its opening bracket.
func (o *objects) elements() error {
	c, err := nextByte(o.w)
	if err != nil {
		return err
	}
	if c == ']' {
		o.w.take(1)
		return nil
	}
	for {
		if err := o.next(); err != nil {
			return err
		}
		if c, err = nextByte(o.w); err != nil {
			return o.stop(err)
		}
		switch {
		case len(o.w.data()) == 0:
			return o.stop(&syntaxError{0, "the array is not closed: the file breaks off"})
		case c == ']':
			o.w.take(1)
			return nil
		case c != ',':
			return o.stop(&syntaxError{0, "neither a comma nor the end of the array follows the element"})
		}
		o.w.take(1)
		if _, err := nextByte(o.w); err != nil {
			return o.stop(err)
		}
	}
}

// next takes one object, at the start of the window.
func (o *objects) next() error {
	for {
		n, err := o.scan.end(o.w.data())
		if err != nil {
			return o.stop(err)
		}
		if n > 0 {
			return o.add(n)
		}
		if o.w.eof {
			return o.stop(&syntaxError{len(o.w.data()), "the document is not closed: the file breaks off"})
		}
		if err := o.w.fill(); err != nil {
			return o.stop(err)
		}
	}
}

// stop hands over what was read before err.
func (o *objects) stop(err error) error {
	if stopped := o.flush(); stopped != nil {
		return stopped
	}
	return err
}

func (o *objects) add(n int) error {
	if n > o.w.limit {
		return o.stop(errTooLong)
	}
	o.lines = appendOneLine(o.lines, o.w.data()[:n])
	o.w.take(n)
	if len(o.lines) < chunkSize {
		return nil
	}
	return o.flush()
}

func (o *objects) flush() error {
	err := o.h.give(0, o.lines)
	o.lines = o.lines[:0]
	return err
}

// appendOneLine appends an object as one line: each line end with the
// indentation behind it becomes a space. There are none inside strings.
func appendOneLine(dst, object []byte) []byte {
	for {
		i := bytes.IndexByte(object, '\n')
		if i < 0 {
			return append(append(dst, object...), '\n')
		}
		dst = append(append(dst, bytes.TrimSuffix(object[:i], []byte{'\r'})...), ' ')
		object = bytes.TrimLeft(object[i+1:], " \t\r\n")
	}
}

// An objectScan finds the end of an object by its brackets and strings.
type objectScan struct{ open []byte }

// end returns the length of the object that b starts with; 0 when b ends
// before it. Its error is a *syntaxError.
func (s *objectScan) end(b []byte) (int, error) {
	s.open = s.open[:0]
	if len(b) > 0 && b[0] != '{' {
		return 0, &syntaxError{0, "the element is not an object"}
	}
	for i := 0; i < len(b); i++ {
		switch c := b[i]; c {
		case '"':
			n, broken := stringEnd(b[i+1:])
			if broken {
				return 0, &syntaxError{i + 1 + n, "a line ends inside a string"}
			}
			if n < 0 {
				return 0, nil
			}
			i += n
		case '{', '[':
			if s.open = append(s.open, c+2); len(s.open) > record.DefaultLimits().Depth {
				return 0, &syntaxError{i, "lists and objects are nested too deeply"}
			}
		case '}', ']':
			last := len(s.open) - 1
			if s.open[last] != c {
				return 0, &syntaxError{i, "a bracket closes that was not opened"}
			}
			if s.open = s.open[:last]; last == 0 {
				return i + 1, nil
			}
		}
	}
	return 0, nil
}

// stringEnd returns the length of a string up to and with its closing quote;
// -1 when b ends before it. broken: a line end stands in it, at n.
func stringEnd(b []byte) (n int, broken bool) {
	for i := 0; ; {
		q := bytes.IndexByte(b[i:], '"')
		to := len(b)
		if q >= 0 {
			to = i + q
		}
		if nl := bytes.IndexByte(b[i:to], '\n'); nl >= 0 {
			return i + nl, true
		}
		if q < 0 {
			return -1, false
		}
		slashes := 0
		for to-1-slashes >= 0 && b[to-1-slashes] == '\\' {
			slashes++
		}
		if i = to + 1; slashes%2 == 0 {
			return i, false
		}
	}
}
