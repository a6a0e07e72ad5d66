package file

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"koppel/engine/connector"
)

// maxSniffed bounds how many files of a pattern are looked at on opening.
const maxSniffed = 1000

// rereadable tells whether records are the files' own bytes: JSON Lines in
// UTF-8 that are not compressed. What can't be looked at yet counts as such;
// Read tells what is wrong with it.
func (s *source) rereadable() bool {
	if s.format != "jsonl" || s.encoding != nil {
		return false
	}
	parts, err := s.parts()
	if err != nil || len(parts) > maxSniffed {
		return false
	}
	for _, p := range parts {
		in, err := openInput(p, nil)
		if err != nil {
			continue
		}
		plain := in.plain
		in.close()
		if !plain {
			return false
		}
	}
	s.plainOnly = true
	return true
}

// A rereader reads plain files, and parts of them again.
type rereader struct {
	*source
	mu    sync.Mutex
	files map[string]part
	open  string // the partition that file belongs to
	file  *os.File
}

// Read hands over the files and remembers where they are.
func (r *rereader) Read(ctx context.Context, out connector.Reader) error {
	parts, err := r.parts()
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.files = make(map[string]part, len(parts))
	for _, p := range parts {
		r.files[p.id] = p
	}
	r.mu.Unlock()
	return r.readParts(ctx, parts, out)
}

// Reread appends the length bytes at offset of a partition's file to dst[:0].
// The line end that a last line may lack is put there, as Read did.
func (r *rereader) Reread(part string, offset int64, length int, dst []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := r.fileOf(part)
	if err != nil {
		return nil, err
	}
	if cap(dst) < length {
		dst = make([]byte, length)
	}
	dst = dst[:length]
	n, err := f.ReadAt(dst, offset)
	if err == io.EOF && n == length-1 && n > 0 && dst[n-1] != '\n' {
		dst[n] = '\n'
		n++
	}
	if n < length {
		return nil, fmt.Errorf("read %s again at byte %d: %w", r.files[part].name, offset, plainCause(err))
	}
	return dst, nil
}

// Close closes the file that was read again last.
func (r *rereader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

func (r *rereader) fileOf(id string) (*os.File, error) {
	if r.file != nil && r.open == id {
		return r.file, nil
	}
	p, ok := r.files[id]
	if !ok {
		return nil, fmt.Errorf("read %q again: it was not read before", id)
	}
	f, err := os.Open(p.path)
	if err != nil {
		return nil, fmt.Errorf("read %s again: %w", p.name, plainCause(err))
	}
	if r.file != nil {
		r.file.Close()
	}
	r.file, r.open = f, id
	return f, nil
}
