package sql

import (
	"errors"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgStmt is a prepared statement. In a transaction that writes it runs under a
// savepoint, so that a refusal leaves the transaction as it was, and its rows
// are read at once; else they stream.
type pgStmt struct {
	conn   *pgConn
	d      *pgconn.StatementDescription
	types  []pgType
	params [][]byte
	bufs   [][]byte // memory of the parameters

	stream  *pgconn.ResultReader // not nil: rows are on their way
	held    [][][]byte
	holding bool // held is being read
	row     [][]byte
	out     [][]byte // memory of the columns
	changed int
}

func (s *pgStmt) Bind(param int, v Value) {
	i := param - 1
	if v.Kind == Null {
		s.params[i] = nil
		return
	}
	if s.bufs[i] == nil {
		s.bufs[i] = make([]byte, 0, 32) // empty text is not null
	}
	s.bufs[i] = appendPostgres(s.bufs[i][:0], v, s.d.ParamOIDs[i])
	s.params[i] = s.bufs[i]
}

func (s *pgStmt) Step() (bool, error) {
	if s.stream == nil && !s.holding {
		if err := s.start(); err != nil {
			return false, err
		}
	}
	if s.holding {
		if len(s.held) == 0 {
			s.holding = false
			return false, nil
		}
		s.row, s.held = s.held[0], s.held[1:]
		return true, nil
	}
	if s.stream.NextRow() {
		s.row = s.stream.Values()
		return true, nil
	}
	tag, err := s.stream.Close()
	s.stream, s.row = nil, nil
	if err != nil {
		return false, s.conn.fail(err)
	}
	s.changed = int(tag.RowsAffected())
	return false, nil
}

func (s *pgStmt) start() error {
	if !s.conn.write {
		s.stream = s.conn.c.ExecPrepared(s.conn.ctx, s.d.Name, s.params, nil, nil)
		return nil
	}
	return s.guarded()
}

const (
	innerSavepoint = "SAVEPOINT koppel_statement"
	innerRelease   = "RELEASE SAVEPOINT koppel_statement"
	innerRollback  = "ROLLBACK TO SAVEPOINT koppel_statement; RELEASE SAVEPOINT koppel_statement"
)

// guarded runs the statement between a savepoint and its release, in one round
// trip.
func (s *pgStmt) guarded() error {
	p := s.conn.c.StartPipeline(s.conn.ctx)
	p.SendQueryParams(innerSavepoint, nil, nil, nil, nil)
	p.SendQueryPrepared(s.d.Name, s.params, nil, nil)
	p.SendQueryParams(innerRelease, nil, nil, nil, nil)
	err := p.Sync()
	s.held, s.changed = s.held[:0], 0
	for n := 0; err == nil && n < 3; n++ {
		var result any
		if result, err = p.GetResults(); err != nil {
			break
		}
		reader, ok := result.(*pgconn.ResultReader)
		if !ok {
			err = errors.New("the server's answer has another form")
			break
		}
		for n == 1 && reader.NextRow() {
			s.held = append(s.held, cloneRow(reader.Values()))
		}
		var tag pgconn.CommandTag
		if tag, err = reader.Close(); n == 1 {
			s.changed = int(tag.RowsAffected())
		}
	}
	if closeErr := p.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return s.conn.undo(s.conn.fail(err))
	}
	s.holding = true
	return nil
}

// undo takes the transaction back to the last statement's savepoint.
func (p *pgConn) undo(err error) error {
	if !p.c.IsClosed() && p.c.TxStatus() == 'E' && !errors.Is(err, ErrTransient) {
		if back := p.simple(p.ctx, innerRollback); back != nil {
			return back
		}
	}
	return err
}

func cloneRow(row [][]byte) [][]byte {
	out := make([][]byte, len(row))
	for i, v := range row {
		// The empty text is not null.
		if v != nil {
			out[i] = append(make([]byte, 0, len(v)), v...)
		}
	}
	return out
}

func (s *pgStmt) Changed() int { return s.changed }

func (s *pgStmt) Columns() int { return len(s.d.Fields) }

func (s *pgStmt) Column(i int) Value {
	if s.row[i] == nil {
		return Value{}
	}
	if len(s.out) <= i {
		s.out = slices.Grow(s.out, len(s.row))[:len(s.row)]
	}
	v, buf := s.types[i].value(s.row[i], s.out[i][:0])
	s.out[i] = buf
	return v
}

func (s *pgStmt) Reset() {
	if s.stream != nil {
		// The error of rows that nobody reads is nobody's.
		_, _ = s.stream.Close()
	}
	s.stream, s.held, s.holding = nil, nil, false
}

// Close ends the connection when rows are still on their way: reading them to
// the end could take long.
func (s *pgStmt) Close() error {
	if s.stream != nil {
		s.stream = nil
		return s.conn.Close()
	}
	if s.conn.c.IsClosed() || s.conn.c.TxStatus() == 'E' {
		return nil
	}
	if err := s.conn.c.Deallocate(s.conn.ctx, s.d.Name); err != nil {
		return s.conn.fail(err)
	}
	return nil
}

// appendPostgres writes a value in the server's text form.
func appendPostgres(dst []byte, v Value, oid uint32) []byte {
	switch v.Kind {
	case Bool:
		return strconv.AppendBool(dst, v.Int != 0)
	case Integer:
		return strconv.AppendInt(dst, v.Int, 10)
	case Real:
		if isLowest(v) {
			return append(dst, lowestOf(oid)...)
		}
		return strconv.AppendFloat(dst, v.Float, 'f', -1, 64)
	}
	return append(dst, v.Text...)
}
