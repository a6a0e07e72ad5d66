package sql

import (
	"unsafe"

	"zombiezen.com/go/sqlite"

	"koppel/internal/sqlitebind"
)

type sqliteStmt struct {
	conn    *sqliteConn
	s       *sqlite.Stmt
	columns int
	changed int
	bufs    [][]byte         // text of the present row, by column
	room    *sqlitebind.Room // of a statement that runs again; nil before
}

func (s *sqliteStmt) Bind(param int, v Value) {
	if s.room != nil && (v.Kind == Text || v.Kind == Blob) {
		s.bindAgain(param, v)
		return
	}
	switch v.Kind {
	case Null:
		s.s.BindNull(param)
	case Bool, Integer:
		s.s.BindInt64(param, v.Int)
	case Real:
		s.s.BindFloat(param, v.Float)
	case Blob:
		s.s.BindBytes(param, v.Text)
	default:
		// BindText copies.
		s.s.BindText(param, unsafe.String(unsafe.SliceData(v.Text), len(v.Text)))
	}
}

// bindAgain binds a text or a blob for another run.
func (s *sqliteStmt) bindAgain(param int, v Value) {
	if v.Kind == Blob {
		s.room.Blob(param, v.Text)
		return
	}
	s.room.Text(param, v.Text)
}

func (s *sqliteStmt) Step() (bool, error) {
	row, err := s.s.Step()
	if err != nil {
		return false, s.conn.fail(err)
	}
	if !row {
		s.conn.ran++
		s.changed = s.conn.c.Changes()
		if err := s.s.Reset(); err != nil {
			return false, s.conn.fail(err)
		}
		s.freed()
	}
	return row, nil
}

func (s *sqliteStmt) Changed() int { return s.changed }

func (s *sqliteStmt) Columns() int { return s.columns }

func (s *sqliteStmt) Column(i int) Value {
	switch s.s.ColumnType(i) {
	case sqlite.TypeInteger:
		return Value{Kind: Integer, Int: s.s.ColumnInt64(i)}
	case sqlite.TypeFloat:
		return Value{Kind: Real, Float: s.s.ColumnFloat(i)}
	case sqlite.TypeText:
		return Value{Kind: Text, Text: s.bytes(i)}
	case sqlite.TypeBlob:
		return Value{Kind: Blob, Text: s.bytes(i)}
	}
	return Value{}
}

// bytes copies a column's text. Asking for the length first turns the text
// into UTF-8, whatever the database's encoding is.
func (s *sqliteStmt) bytes(i int) []byte {
	n := s.s.ColumnLen(i)
	if cap(s.bufs[i]) < n {
		s.bufs[i] = make([]byte, n+n/4+16)
	}
	b := s.bufs[i][:n]
	s.s.ColumnBytes(i, b)
	return b
}

func (s *sqliteStmt) Reset() {
	// An error of a reset is that of the last step, which was reported.
	_ = s.s.Reset()
	s.freed()
}

// freed notes that the statement was reset: it will be bound anew.
func (s *sqliteStmt) freed() {
	if s.room == nil {
		s.room = sqlitebind.New(s.s)
	}
	s.room.Clear()
}

func (s *sqliteStmt) Close() error {
	// As with Reset.
	_ = s.s.Finalize()
	if s.room != nil {
		s.room.Close()
	}
	return nil
}
