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

// Replace writes the set beside the file and puts it in its place.
func (w *whole) Replace(ctx context.Context, count int, each func(func(record.Key, []byte) error) error) error {
	if w.env.ReadOnly {
		return errors.New("replace the file: nothing may be written in a plan")
	}
	path, name, err := w.path()
	if err != nil {
		return err
	}
	enc, err := newEncoder(w.format(), w.env.Shape)
	if err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	err = replaceFile(path, func(out io.Writer) error {
		if !packed(path) {
			return writeSet(ctx, out, enc, count, each)
		}
		z := gzip.NewWriter(out)
		if err := writeSet(ctx, z, enc, count, each); err != nil {
			return err
		}
		return z.Close()
	})
	if err != nil {
		return fmt.Errorf("replace %s: %w", name, err)
	}
	return nil
}

const (
	bufferSize = 256 << 10
	// checkEvery is after how many records a cancellation is looked for.
	checkEvery = 1024
)

func writeSet(ctx context.Context, out io.Writer, enc encoder, count int, each func(func(record.Key, []byte) error) error) error {
	buf := enc.start(make([]byte, 0, bufferSize+bufferSize/4))
	n := 0
	err := each(func(_ record.Key, body []byte) error {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		var err error
		if buf, err = enc.record(buf, body, n); err != nil {
			return err
		}
		if n++; len(buf) < bufferSize {
			return nil
		}
		_, err = out.Write(buf)
		buf = buf[:0]
		return err
	})
	if err != nil {
		return err
	}
	if n != count {
		return fmt.Errorf("the set has %d records, and %d were announced", n, count)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err = out.Write(enc.end(buf, n))
	return err
}
