package file

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"

	"koppel/engine/record"
)

// readList hands over one record per file of a folder, of a pattern, or of the
// one path: {path, name, ext, size, modified, sha256}. path is as configured,
// with slashes; ext is in small letters and without the point; modified is in
// UTC and whole seconds. Hidden files, folders and what is no regular file are
// left out. A file that can't be read makes the list incomplete.
func (s *source) readList(h *handover) error {
	parts, err := s.listed()
	if err != nil {
		return err
	}
	var bad error
	var lines []byte
	for _, p := range parts {
		line, err := fileRecord(p, h)
		if h.err = h.ctx.Err(); h.err != nil {
			return errStopped
		}
		if err != nil {
			bad = cmp.Or(bad, err)
			continue
		}
		if lines = append(append(lines, line...), '\n'); len(lines) >= chunkSize {
			if err := h.give(0, lines); err != nil {
				return err
			}
			lines = lines[:0]
		}
	}
	if err := h.give(0, lines); err != nil {
		return err
	}
	return bad
}

// listed finds the files in order of their paths.
func (s *source) listed() ([]part, error) {
	folder, pattern := s.path, "*"
	if isPattern(s.path) {
		folder, pattern = doublestar.SplitPattern(filepath.ToSlash(s.path))
	}
	root := s.resolve(folder)
	info, err := os.Stat(root)
	switch {
	case err != nil:
		return nil, &problem{file: s.path, text: absent("folder " + folder), cause: err}
	case !info.IsDir() && isPattern(s.path):
		return nil, &problem{file: s.path, text: folder + " is not a folder"}
	case !info.IsDir():
		return []part{{name: filepath.ToSlash(s.path), path: root}}, nil
	}
	names, err := doublestar.Glob(os.DirFS(root), pattern, doublestar.WithFailOnIOErrors(), doublestar.WithNoHidden())
	if err != nil {
		return nil, &problem{file: s.path, text: "list its files", cause: err}
	}
	slices.Sort(names)
	var parts []part
	for _, n := range slices.Compact(names) {
		p := part{name: path.Join(filepath.ToSlash(folder), n), path: filepath.Join(root, filepath.FromSlash(n))}
		if info, err := os.Stat(p.path); err == nil && !info.Mode().IsRegular() {
			continue
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return nil, &problem{file: s.path, text: "there is no file to list. " + advice}
	}
	return parts, nil
}

// fileRecord is the record of one file.
func fileRecord(p part, h *handover) ([]byte, error) {
	if !utf8.ValidString(p.name) {
		return nil, &problem{file: strings.ToValidUTF8(p.name, "?"), text: "its name is not UTF-8"}
	}
	in, err := openRegular(p)
	if err != nil {
		return nil, err
	}
	defer in.close()
	sum := sha256.New()
	if _, err := io.Copy(sum, cancellable{h, in.file}); errors.Is(err, errStopped) {
		return nil, err
	} else if err != nil {
		return nil, &problem{file: p.name, text: "read it", cause: err}
	}
	if err := in.unchanged(); err != nil {
		return nil, err
	}
	line := record.AppendString([]byte(`{"path":`), p.name)
	name := path.Base(p.name)
	line = record.AppendString(append(line, `,"name":`...), name)
	line = record.AppendString(append(line, `,"ext":`...), extension(name))
	line = strconv.AppendInt(append(line, `,"size":`...), in.info.Size(), 10)
	modified := in.info.ModTime().UTC().Truncate(time.Second).Format(time.RFC3339)
	line = record.AppendString(append(line, `,"modified":`...), modified)
	line = record.AppendString(append(line, `,"sha256":`...), hex.EncodeToString(sum.Sum(nil)))
	return append(line, '}'), nil
}

// extension is what stands behind the last point of a name, in small letters.
func extension(name string) string {
	return strings.ToLower(strings.TrimPrefix(path.Ext(strings.TrimLeft(name, ".")), "."))
}

// cancellable stops reading a file when the run ends.
type cancellable struct {
	h *handover
	r io.Reader
}

func (c cancellable) Read(b []byte) (int, error) {
	if c.h.ctx.Err() != nil {
		return 0, errStopped
	}
	return c.r.Read(b)
}
