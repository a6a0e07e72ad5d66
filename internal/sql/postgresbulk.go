package sql

import (
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Worth rests on five round trips for any number of rows. A role that may make
// no temporary table writes one by one.
func (p *pgConn) Worth() int {
	if p.stages == nil {
		err := rows(p, "SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'TEMPORARY')", nil, func(s Stmt) {
			may := s.Column(0).Int != 0
			p.stages = &may
		})
		if err != nil || p.stages == nil {
			return math.MaxInt // what is written next meets the error too
		}
	}
	if !*p.stages {
		return math.MaxInt
	}
	return 16
}

// stage is the temporary table that rows are copied into.
const stage = `pg_temp."koppel_stage"`

// mergesAfter is how many upserts go the way of the merge once the short way
// met a row that was there, as after a crash or in a set that is written again.
const mergesAfter = 16

// BulkUpsert copies the rows into the table. Where one of them is there, or the
// table is such that COPY would do other than INSERT, it copies them beside the
// table and merges them in one statement.
func (p *pgConn) BulkUpsert(t *Table, columns, key, set []string, rows Rows) (int, error) {
	d := postgresDialect{}
	if p.merges > 0 {
		p.merges--
	} else if changed, done, err := p.append(t, columns, rows); done || err != nil {
		return changed, err
	}
	return p.bulk(t, columns, rows, "INSERT INTO "+TableName(d, t.Name)+" ("+list(d, columns)+") SELECT "+list(d, staged(len(columns)))+
		" FROM "+stage+d.onConflict(key, set))
}

// append copies rows into the table; done is false where that can't be done, and
// nothing has changed then.
func (p *pgConn) append(t *Table, columns []string, rows Rows) (changed int, done bool, err error) {
	if plain, err := p.takesCopies(t); err != nil || !plain {
		return 0, false, err
	}
	if err := p.simple(p.ctx, innerSavepoint); err != nil {
		return 0, false, p.undo(err)
	}
	d := postgresDialect{}
	changed, err = p.copy("COPY "+TableName(d, t.Name)+" ("+list(d, columns)+") FROM STDIN", rows)
	if err == nil {
		return changed, true, p.simple(p.ctx, innerRelease)
	}
	if p.c.IsClosed() || p.ctx.Err() != nil || errors.Is(err, ErrTransient) {
		return 0, false, p.undo(err)
	}
	p.merges = mergesAfter
	return 0, false, p.simple(p.ctx, innerRollback)
}

// takesCopies tells whether COPY does the same as INSERT: it heeds no rules,
// writes to identity columns that are GENERATED ALWAYS, and does not work under
// policies. https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.8
func (p *pgConn) takesCopies(t *Table) (plain bool, err error) {
	err = rows(p, `SELECT NOT c.relhasrules AND NOT c.relrowsecurity AND NOT EXISTS (
			SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attidentity = 'a')
		FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1::text AND c.relname = $2::text AND c.relkind IN ('r', 'p')`,
		[]Value{text(t.Name.Schema), text(t.Name.Table)}, func(s Stmt) { plain = s.Column(0).Int != 0 })
	return plain, err
}

// BulkUpdate goes by the key's columns of both sides. The key may be among what
// is set: its spelling may change.
func (p *pgConn) BulkUpdate(t *Table, set, key []string, rows Rows) (int, error) {
	d := postgresDialect{}
	columns := slices.Concat(set, key)
	names := staged(len(columns))
	sets := make([]string, len(set))
	for i, c := range set {
		sets[i] = d.Quote(c) + " = s." + d.Quote(names[i])
	}
	return p.bulk(t, columns, rows, "UPDATE "+TableName(d, t.Name)+" AS t SET "+strings.Join(sets, ", ")+
		" FROM "+stage+" AS s WHERE "+d.same(key, names[len(set):]))
}

// BulkDelete goes by the key's columns.
func (p *pgConn) BulkDelete(t *Table, key []string, rows Rows) (int, error) {
	d := postgresDialect{}
	return p.bulk(t, key, rows, "DELETE FROM "+TableName(d, t.Name)+" AS t USING "+stage+" AS s WHERE "+d.same(key, staged(len(key))))
}

// same says that the rows t and s, in its columns staged, have one key.
func (d postgresDialect) same(key, staged []string) string {
	terms := make([]string, len(key))
	for i, c := range key {
		terms[i] = "t." + d.Quote(c) + " = s." + d.Quote(staged[i])
	}
	return strings.Join(terms, " AND ")
}

// staged are the names of n columns of the temporary table, by their places.
func staged(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = "c" + strconv.Itoa(i+1)
	}
	return names
}

func (p *pgConn) bulk(t *Table, columns []string, rows Rows, merge string) (int, error) {
	d := postgresDialect{}
	places := staged(len(columns))
	copied := make([]string, len(columns))
	for i, c := range columns {
		copied[i] = d.Quote(c) + " AS " + places[i]
	}
	open := innerSavepoint + "; CREATE TEMPORARY TABLE koppel_stage ON COMMIT DROP AS SELECT " + strings.Join(copied, ", ") +
		" FROM " + TableName(d, t.Name) + " WITH NO DATA"
	if err := p.simple(p.ctx, open); err != nil {
		return 0, p.undo(err)
	}
	if _, err := p.copy("COPY "+stage+" ("+list(d, places)+") FROM STDIN", rows); err != nil {
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

// copy sends rows in the text format of COPY and gives how many the server
// kept. An error of rows cuts it off.
func (p *pgConn) copy(query string, rows Rows) (int, error) {
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
	tag, err := p.c.CopyFrom(ctx, r, query)
	_ = r.CloseWithError(io.ErrClosedPipe)
	if inner := <-failed; inner != nil && inner != io.ErrClosedPipe {
		return 0, inner
	}
	if err != nil {
		return 0, p.fail(err)
	}
	return int(tag.RowsAffected()), nil
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
