package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/engine/state"
)

// maxLine bounds one line of an import, in bytes.
const maxLine = 256 << 20

// Import replaces the state with the lines that Export wrote, in one
// transaction, after every row was checked. A state that is sealed, or is to
// be, stays so: clear rows are sealed and their hashes forgotten. A sealed
// export needs its own key. Errors wrap state.ErrNewer, state.ErrCorrupt or
// state.ErrKey where those say it.
func (s *Store) Import(ctx context.Context, r io.Reader) error {
	if s.writer == nil {
		return fmt.Errorf("import the state: %w", errReadOnly)
	}
	if err := s.takeWriter(ctx); err != nil {
		return err
	}
	defer s.giveWriter()
	s.writer.within(ctx)
	defer s.writer.SetInterrupt(nil)
	before := s.seal.Load()
	if err := s.replaceAll(ctx, r); err != nil {
		s.seal.Store(before)
		return fmt.Errorf("import: %w", err)
	}
	s.writer.SetInterrupt(nil)
	if s.Sealed() {
		if err := s.writer.pragma("secure_delete=ON"); err != nil {
			return problem("import", err)
		}
	}
	return s.scrubPending()
}

func (s *Store) replaceAll(ctx context.Context, r io.Reader) (err error) {
	c := s.writer
	in := &importer{c: c, lines: bufio.NewReaderSize(r, 1<<16), inserts: map[string]insert{}}
	header, err := in.header(exportSchema)
	if err != nil {
		return err
	}
	end, err := sqlitex.ImmediateTransaction(c.Conn)
	if err != nil {
		return stopped(ctx, "write", err)
	}
	defer end(&err)
	sealedAs, err := s.currentSeal(c)
	if err != nil {
		return err
	}
	for _, table := range append(exportedTables(), "recent", "overlay") {
		if err := c.exec("DELETE FROM " + table); err != nil {
			return stopped(ctx, "write", err)
		}
	}
	if err := markSealed(c, header.Sealed); err != nil {
		return stopped(ctx, "write", err)
	}
	if err := in.rows(); err != nil {
		return err
	}
	seal, err := s.currentSeal(c)
	if err != nil {
		return err
	}
	if err := s.validate(ctx, c, seal); err != nil {
		return err
	}
	return s.sealImported(c, sealedAs, seal)
}

// sealImported seals clear rows when the state was sealed or is to be.
func (s *Store) sealImported(c *conn, was, is *sealer) error {
	if is != nil {
		return nil
	}
	if was == nil && !s.opts.Seal {
		s.seal.Store(nil)
		return nil
	}
	if was == nil {
		key, err := s.keys.draft()
		if err == nil {
			err = s.keys.save()
		}
		if err != nil {
			return err
		}
		if was, err = newSealer(key); err != nil {
			return err
		}
	}
	seal := *was // its check changes
	if err := reseal(c, nil, &seal); err != nil {
		return err
	}
	s.seal.Store(&seal)
	return nil
}

// An importer reads the lines of an export into the tables.
type importer struct {
	c       *conn
	lines   *bufio.Reader
	line    int
	inserts map[string]insert
}

// An insert is the statement for one table, and the types of its columns.
type insert struct {
	query          string
	columns, types []string
}

// fail says what is wrong with the present line. It never shows its content.
func (in *importer) fail(format string, args ...any) error {
	return fmt.Errorf("line %d: %w: %w", in.line, state.ErrCorrupt, fmt.Errorf(format, args...))
}

func (in *importer) header(schema int) (h exportHeader, err error) {
	line, err := in.next()
	if err != nil {
		return h, err
	}
	// Only the version is read first: a newer header may have other members.
	var version struct {
		FormatVersion int `json:"format_version"`
		Schema        int `json:"schema"`
	}
	if err := json.Unmarshal(line, &version); err != nil || version.FormatVersion < 1 || version.Schema < 1 {
		return h, in.fail("no header of an exported state")
	}
	if version.FormatVersion > exportVersion || version.Schema > schema {
		return h, fmt.Errorf("%w: format %d, schema %d; this version knows %d and %d",
			state.ErrNewer, version.FormatVersion, version.Schema, exportVersion, schema)
	}
	if version.Schema < importSchema {
		return h, fmt.Errorf("the export has schema %d and this version needs %d: import it with the version that wrote it", version.Schema, importSchema)
	}
	return h, in.strict(line, &h)
}

// rows inserts all rows and demands the end.
func (in *importer) rows() error {
	for n := int64(0); ; n++ {
		text, err := in.next()
		if err != nil {
			return err
		}
		var line exportLine
		if err := in.strict(text, &line); err != nil {
			return err
		}
		if line.End != nil {
			if *line.End != n || line.Table != "" {
				return in.fail("the number of rows at the end is %d, and there were %d", *line.End, n)
			}
			if _, err := in.next(); !errors.Is(err, errCut) {
				return in.fail("text after the end")
			}
			return nil
		}
		if err := in.insert(line); err != nil {
			return err
		}
	}
}

var errCut = errors.New("the export ends early")

// next gives the next line that is not empty. errCut: there is none.
func (in *importer) next() ([]byte, error) {
	for {
		in.line++
		var line []byte
		for {
			piece, err := in.lines.ReadSlice('\n')
			line = append(line, piece...)
			if len(line) > maxLine {
				return nil, in.fail("it is longer than %d bytes", maxLine)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("read line %d: %w", in.line, err)
			}
			if len(bytes.TrimSpace(line)) == 0 && err != nil {
				return nil, fmt.Errorf("%w: %w", state.ErrCorrupt, errCut)
			}
			break
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

func (in *importer) strict(line []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return in.fail("no line of an exported state")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return in.fail("more than one value")
	}
	return nil
}

func (in *importer) insert(line exportLine) error {
	ins, ok := in.inserts[line.Table]
	if !ok {
		var err error
		if ins, err = in.prepare(line.Table); err != nil {
			return err
		}
		in.inserts[line.Table] = ins
	}
	if len(line.Row) != len(ins.columns) {
		return in.fail("table %s has %d columns, the row %d", line.Table, len(ins.columns), len(line.Row))
	}
	args := make([]any, len(ins.columns))
	for i, name := range ins.columns {
		text, ok := line.Row[name]
		if !ok {
			return in.fail("table %s: no column %s", line.Table, name)
		}
		v, err := importValue(text, ins.types[i])
		if err != nil {
			return in.fail("table %s: column %s is no %s", line.Table, name, strings.ToLower(ins.types[i]))
		}
		args[i] = v
	}
	if line.Table == "meta" && args[slices.Index(ins.columns, "name")] != metaSeal {
		return in.fail("an unknown entry in table meta")
	}
	err := in.c.exec(ins.query, args...)
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultConstraint {
		return in.fail("table %s does not take the row: %w", line.Table, err)
	}
	return problem("write", err)
}

func (in *importer) prepare(table string) (ins insert, err error) {
	if !slices.Contains(exportedTables(), table) {
		return ins, in.fail("an unknown table")
	}
	err = in.c.each("SELECT name, type FROM pragma_table_info(?)", []any{table}, func(st *sqlite.Stmt) error {
		ins.columns = append(ins.columns, st.ColumnText(0))
		ins.types = append(ins.types, st.ColumnText(1))
		return nil
	})
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(ins.columns)), ", ")
	ins.query = fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(ins.columns, ", "), marks)
	return ins, problem("read", err)
}

// importValue is the reverse of exportValue.
func importValue(text json.RawMessage, kind string) (any, error) {
	if string(text) == "null" {
		return []byte(nil), nil
	}
	switch kind {
	case "INTEGER":
		var n int64
		err := json.Unmarshal(text, &n)
		return n, err
	case "TEXT":
		var raw rawText
		if text[0] == '{' {
			err := json.Unmarshal(text, &raw)
			return string(raw.Bytes), err
		}
		var s string
		err := json.Unmarshal(text, &s)
		return s, err
	default:
		var b []byte
		err := json.Unmarshal(text, &b)
		return blob(b), err
	}
}
