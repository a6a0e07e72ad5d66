package sql

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"koppel/engine/record"
	"koppel/internal/sql"
)

// connect opens the database for writing, anew when its file was replaced.
func (s *sink) connect(ctx context.Context) error {
	if s.conn != nil && s.conn.Current() {
		return nil
	}
	if err := s.Close(); err != nil {
		return err
	}
	access := sql.Write
	if s.config.Create {
		access = sql.Create
	}
	conn, err := s.db.Open(ctx, access)
	if err != nil {
		return sql.Named(s.config.Connection, err)
	}
	s.conn = conn
	return nil
}

// prepare looks the table up inside the transaction, makes it when it is
// missing and may be made, and checks it against what is to be written.
func (s *sink) prepare(batch []record.Change) error {
	t, err := s.db.Dialect.Describe(s.conn, s.name)
	if err != nil {
		return err
	}
	if t == nil {
		if t, err = s.create(batch); err != nil {
			return err
		}
	}
	if s.table != nil && reflect.DeepEqual(t, s.table) {
		return nil
	}
	s.forget()
	return s.use(t)
}

// use makes t, once it is checked, the table that fields refer to.
func (s *sink) use(t *sql.Table) error {
	if err := s.check(t); err != nil {
		return err
	}
	for i, r := range s.rows {
		v, err := s.db.Dialect.Fit(t.Column(r.column), r.value)
		if err != nil {
			return fmt.Errorf("use table %q: %w", s.config.Table, err)
		}
		s.rows[i].value = v
	}
	for i := range s.fields {
		s.fields[i].column = t.Column(s.fields[i].name)
	}
	s.table = t
	return nil
}

// check says what the table lacks, with the statements that add it.
func (s *sink) check(t *sql.Table) error {
	if t.View {
		return fmt.Errorf("write %q: it is a view; only tables are written to", s.config.Table)
	}
	var missing, statements []string
	need := func(name, typ string) {
		if t.Column(name) == nil {
			missing = append(missing, fmt.Sprintf("%q", name))
			statements = append(statements, s.db.Dialect.AddColumn(s.name, s.newColumn(name, typ)))
		}
	}
	for _, c := range s.constantColumns() {
		need(c.Name, "")
	}
	for _, name := range s.key.columns {
		if _, mapped := s.index[name]; !mapped {
			need(name, "string")
		}
	}
	for _, f := range s.fields {
		if !s.open || f.key >= 0 {
			need(f.name, f.typ)
		}
	}
	for _, name := range s.config.Answer {
		need(name, "")
	}
	if err := s.checkNames(); err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("write table %q: it has no column %s; add with: %s",
			s.config.Table, strings.Join(missing, ", "), strings.Join(statements, "; "))
	}
	if len(t.Handle) == 0 {
		return fmt.Errorf("write table %q: it has no primary key and no unique index over columns that are NOT NULL; nothing tells its rows apart", s.config.Table)
	}
	return s.checkUnique(t)
}

// checkNames refuses fields whose names no column of the database can have.
func (s *sink) checkNames() error {
	d, ok := s.db.Dialect.(interface{ CheckName(name string) error })
	for _, f := range s.fields {
		if !ok || s.open && f.key < 0 {
			continue
		}
		if err := d.CheckName(f.name); err != nil {
			return fmt.Errorf("write table %q: the pipeline %w", s.config.Table, err)
		}
	}
	return nil
}

func (s *sink) checkUnique(t *sql.Table) error {
	columns := s.keyAndRows()
	if t.UniqueOver(columns) != nil {
		return nil
	}
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = s.db.Dialect.Quote(c)
	}
	list := strings.Join(quoted, ", ")
	return fmt.Errorf("write table %q: no unique index over exactly its key (%s); add one with: CREATE UNIQUE INDEX %s ON %s (%s)",
		s.config.Table, list, s.db.Dialect.Quote(s.name.Table+"_key"), sql.TableName(s.db.Dialect, s.name), list)
}

// keyAndRows are the columns that tell our rows apart, those of rows first.
func (s *sink) keyAndRows() []string {
	var columns []string
	for _, r := range s.rows {
		columns = append(columns, r.column)
	}
	return append(columns, s.key.columns...)
}

func (s *sink) constantColumns() []sql.Column {
	var columns []sql.Column
	for _, r := range s.rows {
		typ := map[sql.Kind]string{sql.Text: "string", sql.Bool: "bool", sql.Integer: "integer", sql.Real: "number"}[r.value.Kind]
		columns = append(columns, s.newColumn(r.column, typ))
	}
	return columns
}

func (s *sink) newColumn(name, typ string) sql.Column {
	return sql.Column{Name: name, Type: s.db.Dialect.Type(typ)}
}

// create makes the table: constants, key columns of their own, fields.
func (s *sink) create(batch []record.Change) (*sql.Table, error) {
	if !s.config.Create {
		return nil, fmt.Errorf("write table %q: it does not exist, and create is false", s.config.Table)
	}
	if err := s.checkNames(); err != nil {
		return nil, err
	}
	kinds, err := s.kinds(batch)
	if err != nil {
		return nil, err
	}
	t := &sql.Table{Name: s.name, Columns: s.constantColumns(), Unique: []sql.Index{{Columns: s.keyAndRows()}}}
	for i, name := range s.key.columns {
		mapped := false
		for _, f := range s.fields {
			mapped = mapped || f.key == i
		}
		if !mapped {
			t.Columns = append(t.Columns, s.newColumn(name, "string"))
		}
	}
	for i, f := range s.fields {
		typ := f.typ
		if typ == "" && (kinds[i] == "bool" || kinds[i] == "list" || s.db.Dialect.Type("") != "") {
			typ = kinds[i]
		}
		t.Columns = append(t.Columns, s.newColumn(f.name, typ))
	}
	for _, name := range s.config.Answer {
		if t.Column(name) == nil {
			return nil, fmt.Errorf("make table %q: answer names %q, which is no mapped field", s.config.Table, name)
		}
	}
	if err := s.conn.Exec(s.db.Dialect.CreateTable(t)); err != nil {
		return nil, fmt.Errorf("make table %q: %w", s.config.Table, err)
	}
	made, err := s.db.Dialect.Describe(s.conn, s.name)
	if err == nil && made == nil {
		err = fmt.Errorf("make table %q: it was made, and is not found under this name", s.config.Table)
	}
	return made, err
}

// kinds finds, for fields without a declared type, those that hold only
// booleans, only numbers, or only lists and objects, in all records of the
// batch: read back, booleans and lists can't be told from numbers and text
// unless the column says so, and some databases want a type for every column.
func (s *sink) kinds(batch []record.Change) (map[int]string, error) {
	kinds := map[int]string{}
	for i := range batch {
		if batch[i].After == nil {
			continue
		}
		if err := s.parse(batch[i].After); err != nil {
			return nil, err
		}
		for _, c := range s.cells {
			kind := ""
			switch record.KindOf(c.raw) {
			case record.Null:
				continue
			case record.Bool:
				kind = "bool"
			case record.List, record.Object:
				kind = "list"
			case record.Number:
				kind = "number"
			}
			if known, ok := kinds[c.field]; ok && known != kind {
				kind = ""
			}
			kinds[c.field] = kind
		}
	}
	return kinds, nil
}
