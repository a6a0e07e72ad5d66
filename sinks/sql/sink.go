package sql

import (
	"strings"
	"sync/atomic"

	"koppel/engine/connector"
	"koppel/internal/sql"
)

// sink is an opened sql sink. Writing keeps one connection; reads open their
// own.
type sink struct {
	config Config
	db     *sql.DB
	env    connector.Env
	name   sql.Name
	rows   []constant
	key    keyColumns

	fields []field
	index  map[string]int  // by name, into fields
	unsent map[string]bool // mapped, but not for this target
	loose  map[string]bool // texts that count as equal whatever their case
	open   bool            // records may have members beyond fields
	walker *walker

	conn   sql.Conn
	table  *sql.Table
	unique *sql.Index // how keys compare; nil: not looked at yet
	// unlooked is why it can't be told how keys compare.
	unlooked error
	stmts    map[string]*statement
	shown    atomic.Pointer[sql.Table] // as it was read last; nil: not yet

	cells   []cell
	scratch []byte
	id      []byte
}

// A field is a mapped field that is a column.
type field struct {
	name   string
	typ    string
	column *sql.Column // nil until the table is known, or when it has none
	key    int         // its place in the key, or -1
}

func newSink(c Config, db *sql.DB, env connector.Env) (*sink, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	name, err := db.Dialect.ParseName(c.Table)
	if err != nil {
		return nil, &connector.FieldError{Field: "table", Problem: err.Error()}
	}
	constants, err := c.constants()
	if err != nil {
		return nil, err
	}
	s := &sink{
		config: c, db: db, env: env, name: name, rows: constants,
		index: map[string]int{}, loose: map[string]bool{}, unsent: map[string]bool{}, stmts: map[string]*statement{}, walker: newWalker(),
		open: env.Shape.Open || len(env.Shape.Fields) == 0,
	}
	s.key, err = newKeyColumns(c, constants, env.Shape)
	if err != nil {
		return nil, err
	}
	for _, f := range env.Shape.Fields {
		if !f.Send {
			s.unsent[f.Name] = true
			s.walker.add(f.Name, -1)
			continue
		}
		s.addField(f.Name, f.Type)
		if f.Fold {
			s.loose[f.Name] = true
		}
	}
	return s, c.Fits(env.Shape)
}

func (s *sink) constant(column string) bool {
	for _, r := range s.rows {
		if strings.EqualFold(r.column, column) {
			return true
		}
	}
	return false
}

// addField makes name a column and returns its place in fields.
func (s *sink) addField(name, typ string) int {
	f := field{name: name, typ: typ, key: s.key.index(name)}
	if s.table != nil {
		f.column = s.table.Column(name)
	}
	s.index[name] = len(s.fields)
	s.walker.add(name, len(s.fields))
	s.fields = append(s.fields, f)
	return len(s.fields) - 1
}

// Traits names the database, the table and the constant rows.
func (s *sink) Traits() connector.Traits {
	b := []byte(s.db.Identity + " " + s.db.Dialect.Identity(s.name))
	for _, r := range s.rows {
		b = append(append(append(b, ' '), r.column...), '=')
		b, _ = sql.AppendJSON(b, r.value)
	}
	return connector.Traits{Deletes: true, Undoable: true, Identity: string(b)}
}

// Close ends the connection.
func (s *sink) Close() error {
	if s.conn == nil {
		return nil
	}
	s.forget()
	err := s.conn.Close()
	s.conn, s.table = nil, nil
	return err
}

// forget drops what was prepared for the table as it was.
func (s *sink) forget() {
	for id, st := range s.stmts {
		// A statement's last error was reported when it ran.
		_ = st.Close()
		delete(s.stmts, id)
	}
}
