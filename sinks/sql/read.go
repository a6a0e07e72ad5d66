package sql

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"strconv"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
)

// appendAny appends any value as JSON. Bytes that are no text become base64,
// infinities the words.
func appendAny(dst []byte, v sql.Value) []byte {
	if out, ok := sql.AppendJSON(dst, v); ok {
		return out
	}
	if v.Kind == sql.Real {
		return record.AppendString(dst, strconv.FormatFloat(v.Float, 'g', -1, 64))
	}
	if v.Kind == sql.Blob {
		return record.AppendString(dst, base64.StdEncoding.EncodeToString(v.Text))
	}
	return record.AppendString(dst, v.Text)
}

// reading runs f on a copy of the sink that reads a snapshot, and again where
// that can be repeated: f starts over. A database or table that does not exist
// yet has no rows: f is not called.
func (s *sink) reading(ctx context.Context, f func(r *sink) error) error {
	return sql.Repeat(ctx, maxRepeats, func() error { return s.readingOnce(ctx, f) })
}

func (s *sink) readingOnce(ctx context.Context, f func(r *sink) error) error {
	conn, err := s.db.Open(ctx, sql.Read)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return sql.Named(s.config.Connection, err)
	}
	r, err := newSink(s.config, s.db, s.env)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	r.conn = conn
	err = r.snapshot(ctx, func(r *sink) error {
		s.shown.Store(r.table)
		return f(r)
	})
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return errors.Join(err, r.Close())
}

func (s *sink) snapshot(ctx context.Context, f func(r *sink) error) error {
	if err := s.conn.Begin(ctx, false); err != nil {
		return err
	}
	defer s.conn.Rollback()
	t, err := s.db.Dialect.Describe(s.conn, s.name)
	if err != nil || t == nil {
		return err
	}
	if err := s.use(t); err != nil {
		return err
	}
	return f(s)
}

// Check opens the database and looks at the table. A database or table that
// the first write makes is no problem.
func (s *sink) Check(ctx context.Context) error {
	return s.reading(ctx, func(*sink) error { return nil })
}

// Find looks each change up by its key.
func (s *sink) Find(ctx context.Context, batch []record.Change) ([]connector.Found, error) {
	out := make([]connector.Found, len(batch))
	err := s.reading(ctx, func(r *sink) error {
		clear(out)
		v := r.newView()
		st, err := r.conn.Prepare(sql.Select(r.db.Dialect, r.table, v.columns, r.keyAndRows()))
		if err != nil {
			return err
		}
		defer st.Close()
		for i := range batch {
			err := r.bindBefore(st, &batch[i])
			var refused *sql.Error
			if errors.As(err, &refused) && refused.Refused {
				continue // no row can have such a key
			}
			if err == nil {
				err = r.collect(v, st, func(int) *connector.Found { return &out[i] })
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// collect counts the rows of a statement and keeps the first of each.
func (s *sink) collect(v *view, st sql.Stmt, to func(column int) *connector.Found) error {
	for {
		row, err := st.Step()
		if err != nil || !row {
			return err
		}
		f := to(len(v.columns))
		if f.N++; f.N > 1 {
			continue
		}
		f.Key, f.Ref, f.Row = s.found(v, st)
		if f.Answer, err = s.answerOf(v, st); err != nil {
			return err
		}
	}
}

func (s *sink) answerOf(v *view, st sql.Stmt) ([]byte, error) {
	if len(v.answer) == 0 {
		return nil, nil
	}
	b := []byte{'{'}
	for i, p := range v.answer {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(record.AppendString(b, s.config.Answer[i]), ':')
		b = s.appendValue(b, s.table.Column(s.config.Answer[i]), st.Column(p))
	}
	return record.AppendBody(nil, append(b, '}'))
}

// Matching tells whether match is configured.
func (s *sink) Matching() bool { return len(s.config.Match) > 0 }

// Match looks each create up by the match columns, all in one query: the table
// is read once for a batch where no index helps. Values compare as the
// database compares them; null and lists match nothing.
func (s *sink) Match(ctx context.Context, batch []record.Change) ([]connector.Found, error) {
	out := make([]connector.Found, len(batch))
	if !s.Matching() {
		return out, nil
	}
	err := s.reading(ctx, func(r *sink) error {
		clear(out)
		values, places, err := r.matchValues(batch)
		if err != nil || len(places) == 0 {
			return err
		}
		v := r.newView()
		st, err := r.conn.Prepare(r.matchQuery(v))
		if err != nil {
			return err
		}
		defer st.Close()
		st.Bind(1, sql.Value{Kind: sql.Text, Text: values})
		for i, c := range r.rows {
			st.Bind(2+i, c.value)
		}
		return r.collect(v, st, func(ordinal int) *connector.Found { return &out[places[st.Column(ordinal).Int]] })
	})
	return out, err
}

// matchValues makes the JSON list of the lists of values to look for, and
// tells which change each is of.
func (s *sink) matchValues(batch []record.Change) (list []byte, places []int, err error) {
	list = []byte{'['}
	for i := range batch {
		if batch[i].After == nil {
			continue
		}
		if err := s.parse(batch[i].After); err != nil {
			return nil, nil, err
		}
		one, ok := s.matchRow()
		if !ok {
			continue
		}
		if len(places) > 0 {
			list = append(list, ',')
		}
		list = append(list, one...)
		places = append(places, i)
	}
	return append(list, ']'), places, nil
}

// matchRow makes the list of the present record's match values; false when one
// is null, empty or no scalar, or can't be in its column.
func (s *sink) matchRow() ([]byte, bool) {
	b := []byte{'['}
	for n, name := range s.config.Match {
		if n > 0 {
			b = append(b, ',')
		}
		found := false
		for _, c := range s.cells {
			if s.fields[c.field].name != name {
				continue
			}
			v, err := s.value(c)
			if text, ok := v.KeyText(); err != nil || !ok || text == "" {
				return nil, false
			}
			b, found = sql.AppendJSON(b, v)
		}
		if !found {
			return nil, false
		}
	}
	return append(b, ']'), true
}

// List reads all rows within the constants, in no order. Once a row was handed
// over it does not start over.
func (s *sink) List(ctx context.Context, yield func(connector.Row) error) error {
	var broken error
	err := s.reading(ctx, func(r *sink) error {
		begun := false
		err := r.list(func(row connector.Row) error {
			begun = true
			return yield(row)
		})
		if begun {
			broken, err = err, nil
		}
		return err
	})
	return errors.Join(broken, err)
}

func (s *sink) list(yield func(connector.Row) error) error {
	v := s.newView()
	st, err := s.conn.Prepare(sql.Select(s.db.Dialect, s.table, v.columns, s.rowColumns()))
	if err != nil {
		return err
	}
	defer st.Close()
	s.bindRow(st, 0, nil)
	for {
		row, err := st.Step()
		if err != nil || !row {
			return err
		}
		var one connector.Row
		one.Key, one.Ref, one.Body = s.found(v, st)
		if err := yield(one); err != nil {
			return err
		}
	}
}
