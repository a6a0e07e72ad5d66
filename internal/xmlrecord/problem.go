package xmlrecord

import (
	"errors"
	"fmt"
)

// A Problem says where and why a document is no complete set of records.
type Problem struct {
	Line   int   // from 1; 0: not known
	Offset int64 // in bytes from 0
	Text   string
	Cause  error
}

// Error tells the place and the problem.
func (p *Problem) Error() string {
	s := p.Text
	if p.Line > 0 {
		s = fmt.Sprintf("line %d (byte %d): %s", p.Line, p.Offset, s)
	}
	if p.Cause != nil {
		s += ": " + p.Cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (p *Problem) Unwrap() error { return p.Cause }

// ErrTooLong says that one record is larger than records may be.
var ErrTooLong = errors.New("a record is larger than 64 MiB")

// A syntaxError is a problem at the place where the document is read.
type syntaxError struct{ text string }

func (e *syntaxError) Error() string { return e.text }
