package file

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sort"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/text/encoding"

	"koppel/engine/connector"
	"koppel/internal/xmlrecord"
)

type source struct {
	dir       string
	path      string
	format    string
	spool     string
	records   connector.Program
	selector  *string         // records, where it is a text; nil: none is known
	elements  *xmlrecord.Path // xml
	header    int             // xlsx; 0: the first row that is not empty
	delimiter byte
	encoding  encoding.Encoding // nil: UTF-8

	// plainOnly: Open found plain UTF-8 only and promised to read it again.
	plainOnly bool
}

// A part is one partition: one file.
type part struct {
	id   string // "", or the path below the folder that the pattern starts in
	name string // as configured, for messages
	path string // to open
}

// Read hands over the file, or one partition for each file of the pattern. A
// pattern whose files can't be listed is one partition that can't be read.
func (s *source) Read(ctx context.Context, out connector.Reader) error {
	if s.format == "list" {
		return s.readPart(ctx, part{name: s.path}, out)
	}
	parts, err := s.parts()
	if err != nil {
		return out.Fail("", err)
	}
	return s.readParts(ctx, parts, out)
}

func (s *source) readParts(ctx context.Context, parts []part, out connector.Reader) error {
	ids := make([]string, len(parts))
	for i, p := range parts {
		ids[i] = p.id
	}
	if err := out.Parts(ids); err != nil {
		return err
	}
	for _, p := range parts {
		if err := s.readPart(ctx, p, out); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) readPart(ctx context.Context, p part, out connector.Reader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := out.Begin(p.id, connector.Full); err != nil {
		return err
	}
	h := &handover{ctx: ctx, out: out, part: p.id, offsets: s.plainOnly}
	var err error
	switch s.format {
	case "list":
		err = s.readList(h)
	case "xlsx":
		err = s.readWorkbook(p, h)
	default:
		err = s.readFile(p, h)
	}
	switch {
	case h.err != nil:
		return h.err
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return out.Fail(p.id, err)
	}
	return out.End(p.id, nil, connector.Interval{})
}

func (s *source) readFile(p part, h *handover) error {
	in, err := openInput(p, s.encoding)
	if err != nil {
		return err
	}
	defer in.close()
	if s.plainOnly && !in.plain {
		return &problem{file: p.name, text: "it was replaced by another file while it was read"}
	}
	if s.format == "xml" {
		err = s.readDocumentElements(in, h)
	} else {
		err = s.readRecords(in, h)
	}
	if err != nil {
		return err
	}
	return in.unchanged()
}

func (s *source) readDocumentElements(in *input, h *handover) error {
	text, err := xmlText(in)
	if err == nil {
		err = xmlrecord.Read(text, xmlrecord.Options{Path: s.elements}, func(lines []byte) error { return h.give(0, lines) })
	}
	var known *xmlrecord.Problem
	if errors.As(err, &known) {
		return &problem{file: in.part.name, line: known.Line, offset: known.Offset, text: known.Text, cause: known.Cause}
	}
	if err != nil && h.err == nil {
		return &problem{file: in.part.name, text: "read its start", cause: err}
	}
	return err
}

func (s *source) readRecords(in *input, h *handover) (err error) {
	w := newWindow(in.text, in.base)
	switch {
	case s.format == "jsonl":
		err = readLines(w, h)
	case s.format == "csv":
		err = readTable(w, h, s.delimiter)
	case s.records != nil:
		err = readDocument(w, h, s.records)
	default:
		err = readArray(w, h)
	}
	if err != nil {
		return w.locate(in.part.name, err)
	}
	return nil
}

// parts lists the files. A pattern that matches nothing is an error, not an
// empty list: an empty folder looks the same as a share that is not mounted,
// and an empty list would prove that all records are gone.
func (s *source) parts() ([]part, error) {
	if !isPattern(s.path) {
		return []part{{name: s.path, path: s.resolve(s.path)}}, nil
	}
	base, pattern := doublestar.SplitPattern(filepath.ToSlash(s.path))
	root := s.resolve(base)
	if info, err := os.Stat(root); err != nil {
		return nil, &problem{file: s.path, text: absent("folder " + base), cause: err}
	} else if !info.IsDir() {
		return nil, &problem{file: s.path, text: base + " is not a folder"}
	}
	names, err := doublestar.Glob(os.DirFS(root), pattern, doublestar.WithFailOnIOErrors())
	if err != nil {
		return nil, &problem{file: s.path, text: "list its files", cause: err}
	}
	sort.Strings(names)
	var parts []part
	for _, n := range names {
		path := filepath.Join(root, filepath.FromSlash(n))
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			continue
		}
		parts = append(parts, part{id: n, name: base + "/" + n, path: path})
	}
	if len(parts) == 0 {
		return nil, &problem{file: s.path, text: "no file matches the pattern. " + advice}
	}
	return parts, nil
}

func (s *source) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(s.dir, path)
}

// A handover gives records of one partition to the reader, and tells errors of
// the reader from those of the file.
type handover struct {
	ctx     context.Context
	out     connector.Reader
	part    string
	offsets bool // the offsets are those in the file, for Reread
	err     error
}

var errStopped = errors.New("the reader stopped")

// give hands over whole lines that start at base.
func (h *handover) give(base int64, jsonl []byte) error {
	if len(jsonl) == 0 {
		return nil
	}
	if h.err = h.ctx.Err(); h.err != nil {
		return errStopped
	}
	if !h.offsets {
		base = 0
	}
	if h.err = h.out.Records(h.part, base, jsonl); h.err != nil {
		return errStopped
	}
	return nil
}
