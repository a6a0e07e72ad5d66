package sql

import (
	"context"
	"io"
	"strings"
)

// Worth rests on five round trips for any number of rows.
func (p *pgConn) Worth() int { return 16 }

// stage is the temporary table that rows are copied into.
const stage = `pg_temp."koppel_stage"`

// BulkUpsert copies the rows beside the table and merges them in one
// statement.
func (p *pgConn) BulkUpsert(t *Table, columns, key, set []string, rows Rows) (int, error) {
	d := postgresDialect{}
	return p.bulk(t, columns, rows, "INSERT INTO "+TableName(d, t.Name)+" ("+d.list(columns)+") SELECT "+d.list(columns)+
		" FROM "+stage+d.onConflict(key, set))
}

// BulkUpdate goes by the key's columns of both sides.
func (p *pgConn) BulkUpdate(t *Table, set, key []string, rows Rows) (int, error) {
	d := postgresDialect{}
	sets := make([]string, len(set))
	for i, c := range set {
		sets[i] = d.Quote(c) + " = s." + d.Quote(c)
	}
	columns := append([]string{}, set...)
	return p.bulk(t, append(columns, key...), rows, "UPDATE "+TableName(d, t.Name)+" AS t SET "+strings.Join(sets, ", ")+
		" FROM "+stage+" AS s WHERE "+d.same(key))
}

// BulkDelete goes by the key's columns.
func (p *pgConn) BulkDelete(t *Table, key []string, rows Rows) (int, error) {
	d := postgresDialect{}
	return p.bulk(t, key, rows, "DELETE FROM "+TableName(d, t.Name)+" AS t USING "+stage+" AS s WHERE "+d.same(key))
}

// same says that the rows t and s have one key.
func (d postgresDialect) same(key []string) string {
	terms := make([]string, len(key))
	for i, c := range key {
		terms[i] = "t." + d.Quote(c) + " = s." + d.Quote(c)
	}
	return strings.Join(terms, " AND ")
}

func (p *pgConn) bulk(t *Table, columns []string, rows Rows, merge string) (int, error) {
	d := postgresDialect{}
	list := d.list(columns)
	open := innerSavepoint + "; CREATE TEMPORARY TABLE koppel_stage ON COMMIT DROP AS SELECT " + list +
		" FROM " + TableName(d, t.Name) + " WITH NO DATA"
	if err := p.simple(p.ctx, open); err != nil {
		return 0, p.undo(err)
	}
	if err := p.copy("COPY "+stage+" ("+list+") FROM STDIN", rows); err != nil {
		return 0, p.undo(err)
	}
	results, err := p.c.Exec(p.ctx, merge+"; DROP TABLE "+stage+"; "+innerRelease).ReadAll()
	if err != nil {
		return 0, p.undo(p.fail(err))
	}
	return int(results[0].CommandTag.RowsAffected()), nil
}

// copyChunk is how much is handed to the connection at once.
const copyChunk = 64 << 10

// copy sends rows in the text format of COPY. An error of rows cuts it off.
func (p *pgConn) copy(query string, rows Rows) error {
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	r, w := io.Pipe()
	failed := make(chan error, 1)
	go func() {
		buf := make([]byte, 0, copyChunk+copyChunk/4)
		err := rows(func(values []Value) error {
			buf = appendCopy(buf, values)
			if len(buf) < copyChunk {
				return nil
			}
			_, err := w.Write(buf)
			buf = buf[:0]
			return err
		})
		if err == nil && len(buf) > 0 {
			_, err = w.Write(buf)
		}
		failed <- err
		// A reader that has gone does not mind.
		_ = w.CloseWithError(err)
	}()
	_, err := p.c.CopyFrom(ctx, r, query)
	_ = r.CloseWithError(io.ErrClosedPipe)
	if inner := <-failed; inner != nil && inner != io.ErrClosedPipe {
		return inner
	}
	if err != nil {
		return p.fail(err)
	}
	return nil
}

// appendCopy writes a line:
// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2
func appendCopy(dst []byte, values []Value) []byte {
	var buf [32]byte
	for i, v := range values {
		if i > 0 {
			dst = append(dst, '\t')
		}
		switch v.Kind {
		case Null:
			dst = append(dst, `\N`...)
		case Text, JSON, Decimal, Blob:
			dst = appendEscaped(dst, v.Text)
		default:
			dst = append(dst, appendPostgres(buf[:0], v, 0)...)
		}
	}
	return append(dst, '\n')
}

func appendEscaped(dst, text []byte) []byte {
	from := 0
	for i, c := range text {
		var mark byte
		switch c {
		case '\\':
			mark = '\\'
		case '\n':
			mark = 'n'
		case '\r':
			mark = 'r'
		case '\t':
			mark = 't'
		default:
			continue
		}
		dst = append(append(dst, text[from:i]...), '\\', mark)
		from = i + 1
	}
	return append(dst, text[from:]...)
}
