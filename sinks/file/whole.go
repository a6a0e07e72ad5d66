package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/klauspost/compress/gzip"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// whole replaces its file by the whole set of records.
type whole struct{ target }

// Traits says that every delivery is the whole set.
func (w *whole) Traits() connector.Traits {
	return connector.Traits{Whole: true, Deletes: true, Identity: w.identity}
}

// Write refuses: a whole set is delivered by Replace.
func (w *whole) Write(context.Context, []record.Change) ([]connector.Outcome, error) {
	return nil, errors.New("write single changes: this file is replaced as a whole")
}

// Stands tells whether the file is there.
func (w *whole) Stands(context.Context) (bool, error) {
	path, name, err := w.path()
	if err != nil {
		return false, err
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("look for %s: %w", name, err)
	}
	return true, nil
}

// Stage starts a file beside the one that stands.
func (w *whole) Stage(ctx context.Context) (connector.Stage, error) {
	if w.env.ReadOnly {
		return nil, errors.New("replace the file: nothing may be written in a plan")
	}
	path, name, err := w.path()
	if err != nil {
		return nil, err
	}
	s := &stage{ctx: ctx, name: name, buf: make([]byte, 0, bufferSize+bufferSize/4)}
	if s.enc, err = newEncoder(w.format(), w.env.Shape, w.config.Formulas == "keep"); err == nil {
		s.file, err = newReplacement(path)
	}
	if err != nil {
		return nil, fmt.Errorf("replace %s: %w", name, err)
	}
	s.out, s.ordered = s.file, s.enc.ordered()
	switch {
	case w.format() == "xlsx":
		b, err := newBook(s.file, sheetName(w.env.Shape.Pipeline))
		if err != nil {
			return nil, fmt.Errorf("replace %s: %w", name, errors.Join(plainCause(err), s.file.abandon()))
		}
		s.zip, s.out = b, b
	case packed(path):
		z := gzip.NewWriter(s.file)
		s.zip, s.out = z, z
	}
	s.buf = s.enc.start(s.buf)
	return s, nil
}

const (
	bufferSize = 256 << 10
	// checkEvery is after how many records a cancellation is looked for.
	checkEvery = 1024
)

// A stage is a set on its way into a file.
type stage struct {
	ctx  context.Context
	name string // of the file, as the user calls it
	enc  encoder
	// ordered is enc for records in the order of the shape.
	ordered encoder
	file    *replacement
	zip     io.Closer // nil: not compressed
	out     io.Writer
	buf     []byte
	n       int
}

// Add takes the next record.
func (s *stage) Add(_ record.Key, body []byte) error { return s.add(s.enc, body) }

// AddOrdered takes the next record, whose members are those of the shape, in
// its order.
func (s *stage) AddOrdered(_ record.Key, body []byte) error { return s.add(s.ordered, body) }

func (s *stage) add(enc encoder, body []byte) error {
	err := s.encode(enc, body)
	if err != nil {
		return fmt.Errorf("replace %s: %w", s.name, err)
	}
	return nil
}

func (s *stage) encode(enc encoder, body []byte) (err error) {
	if s.n%checkEvery == 0 && s.ctx.Err() != nil {
		return s.ctx.Err()
	}
	if s.buf, err = enc.record(s.buf, body, s.n); err != nil {
		return err
	}
	if s.n++; len(s.buf) < bufferSize {
		return nil
	}
	return s.flush()
}

func (s *stage) flush() error {
	_, err := s.out.Write(s.buf)
	s.buf = s.buf[:0]
	return plainCause(err)
}

// Commit puts the file in its place.
func (s *stage) Commit(ctx context.Context) error {
	err := ctx.Err()
	if err == nil {
		s.buf = s.enc.end(s.buf, s.n)
		err = s.flush()
	}
	if err == nil && s.zip != nil {
		err = s.zip.Close()
	}
	if err != nil {
		err = errors.Join(err, s.file.abandon())
	} else {
		err = s.file.commit()
	}
	if err != nil {
		return fmt.Errorf("replace %s: %w", s.name, err)
	}
	return nil
}

// Abandon removes the unfinished file.
func (s *stage) Abandon() error { return s.file.abandon() }
