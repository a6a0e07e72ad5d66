package file

import (
	"errors"
	"fmt"
	"io/fs"

	"koppel/engine/connector"
)

// A problem says where and why a file is no complete set of records.
type problem struct {
	file   string // as configured
	line   int    // from 1; 0: not known
	offset int64  // in the decoded text, in bytes from 0
	text   string
	cause  error
}

func (p *problem) Error() string {
	s := p.file
	if p.line > 0 {
		s += fmt.Sprintf(": line %d (byte %d)", p.line, p.offset)
	}
	s += ": " + p.text
	if p.cause != nil && !errors.Is(p.cause, fs.ErrNotExist) {
		s += ": " + plainCause(p.cause).Error()
	}
	return s
}

// advice goes with everything that is not there: an empty folder looks the
// same as a share that is not mounted.
const advice = "Nothing is deleted for it. Check the path and whether its folder is mounted"

// absent says that what the path names is not there.
func absent(what string) string { return "there is no " + what + ". " + advice }

// Unwrap makes every problem of a file one of completeness.
func (p *problem) Unwrap() []error {
	if p.cause == nil {
		return []error{connector.ErrIncomplete}
	}
	return []error{connector.ErrIncomplete, p.cause}
}

// plainCause leaves out the operation and the absolute path that the
// operating system's errors carry; the problem names the file as configured.
func plainCause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
