package file

import (
	"bytes"
	"errors"
	"io"

	"koppel/engine/record"
	"koppel/internal/xmlrecord"
)

// A window is the part of a text that is in memory: whole records are taken
// from its start, and it grows only while one record does not fit.
type window struct {
	r        io.Reader
	buf      []byte
	from, to int
	offset   int64 // of buf[from]
	line     int   // of buf[from], from 1
	eof      bool
	chunk    int // bytes that are read at once
	limit    int // bytes of one record
}

const (
	// chunkSize is how much is read at once.
	chunkSize = 1 << 20
	// firstSize is how much is read first: many files are small.
	firstSize = 32 << 10
)

func newWindow(r io.Reader, offset int64) *window {
	return &window{r: r, offset: offset, line: 1, chunk: chunkSize, limit: record.DefaultLimits().Size}
}

// data is what was read and not taken yet.
func (w *window) data() []byte { return w.buf[w.from:w.to] }

// take moves the start of the window n bytes on.
func (w *window) take(n int) {
	w.line += bytes.Count(w.buf[w.from:w.from+n], []byte{'\n'})
	w.offset += int64(n)
	w.from += n
}

var errTooLong = xmlrecord.ErrTooLong

// fill reads on until a chunk is full; at the end of the text it sets eof.
// Data that was read before an error stays in the window.
func (w *window) fill() error {
	if w.eof {
		return nil
	}
	if w.to-w.from > w.limit {
		return errTooLong
	}
	if w.from > 0 {
		copy(w.buf, w.buf[w.from:w.to])
		w.from, w.to = 0, w.to-w.from
	}
	if len(w.buf)-w.to < w.chunk/2 {
		size := firstSize
		if len(w.buf) > 0 {
			size = max(w.chunk, 2*len(w.buf))
		}
		grown := make([]byte, size)
		copy(grown, w.buf[:w.to])
		w.buf = grown
	}
	for empty := 0; w.to < len(w.buf); {
		n, err := w.r.Read(w.buf[w.to:])
		w.to += n
		if err == io.EOF {
			w.eof = true
			return nil
		}
		if err != nil {
			return err
		}
		if n > 0 {
			empty = 0
		} else if empty++; empty > 100 {
			return io.ErrNoProgress
		}
	}
	return nil
}

// A syntaxError is a problem at a place of the window: at bytes from its
// start.
type syntaxError struct {
	at   int
	text string
}

func (e *syntaxError) Error() string { return e.text }

// locate turns an error in reading into a problem with a place.
func (w *window) locate(file string, err error) error {
	var done *problem
	if errors.As(err, &done) {
		done.file = file
		return done
	}
	p := &problem{file: file, line: w.line, offset: w.offset}
	var s *syntaxError
	if errors.As(err, &s) {
		p.text = s.text
		at := min(s.at, w.to-w.from)
		p.line += bytes.Count(w.data()[:at], []byte{'\n'})
		p.offset += int64(at)
		return p
	}
	if errors.Is(err, errTooLong) {
		p.text = errTooLong.Error()
		return p
	}
	p.line += bytes.Count(w.data(), []byte{'\n'})
	p.offset += int64(w.to - w.from)
	p.text, p.cause = "read it", err
	return p
}
