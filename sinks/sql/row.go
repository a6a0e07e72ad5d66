package sql

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"koppel/engine/record"
	"koppel/internal/sql"
)

// A row's handle (Ref) is a JSON list: the values of the columns that tell
// rows apart and, where these may come to mean another row (a hidden row
// number after a VACUUM), the hash of the row.

// view reads rows of the table: the columns of the handle, then all columns.
type view struct {
	columns []string // handle, then all
	order   []int    // all columns, by name
	key     []int    // places of the key's columns
	answer  []int    // places of the answer's columns
}

func (s *sink) newView() *view {
	v := &view{columns: slices.Clone(s.table.Handle)}
	first := len(v.columns)
	place := map[string]int{}
	for i, c := range s.table.Columns {
		v.columns = append(v.columns, c.Name)
		v.order = append(v.order, i)
		place[strings.ToLower(c.Name)] = first + i
	}
	slices.SortFunc(v.order, func(a, b int) int {
		return strings.Compare(s.table.Columns[a].Name, s.table.Columns[b].Name)
	})
	for _, k := range s.key.columns {
		if p, ok := place[strings.ToLower(k)]; ok {
			v.key = append(v.key, p)
		}
	}
	for _, a := range s.config.Answer {
		v.answer = append(v.answer, place[strings.ToLower(a)])
	}
	return v
}

// body makes the object of all columns.
func (s *sink) body(v *view, st sql.Stmt) []byte {
	b := []byte{'{'}
	for n, i := range v.order {
		if n > 0 {
			b = append(b, ',')
		}
		c := &s.table.Columns[i]
		b = append(record.AppendString(b, c.Name), ':')
		b = s.appendValue(b, c, st.Column(len(s.table.Handle)+i))
	}
	return append(b, '}')
}

// found makes what List and Find answer of the present row.
func (s *sink) found(v *view, st sql.Stmt) (key record.Key, ref, body []byte) {
	body = s.body(v, st)
	if len(v.key) == len(s.key.columns) {
		values := make([]sql.Value, len(v.key))
		for i, p := range v.key {
			values[i] = st.Column(p)
			if c := &s.table.Columns[p-len(s.table.Handle)]; s.boolean(c, values[i]) {
				values[i].Kind = sql.Bool
			}
		}
		key = s.key.key(values)
	}
	return key, s.ref(st, body), body
}

func (s *sink) ref(st sql.Stmt, body []byte) []byte {
	b := []byte{'['}
	for i := range s.table.Handle {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendAny(b, st.Column(i))
	}
	if !s.table.Stable {
		b = append(b, ',')
		b = record.AppendString(b, digest(body))
	}
	return append(b, ']')
}

func digest(body []byte) string {
	h := record.NewHasher(nil).Bytes(body)
	return hex.EncodeToString(h[:])
}

// row finds out whether the row that ref names is still the same one, and
// gives its handle; nil: there is no such row. A row that another took the
// place of, or that changed, is refused.
func (s *sink) row(ref []byte) ([]sql.Value, error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(ref, &parts); err != nil || len(parts) < len(s.table.Handle) {
		return nil, fmt.Errorf("write table %q: a row's handle is of another table or version", s.config.Table)
	}
	var handle []sql.Value
	for _, p := range parts[:len(s.table.Handle)] {
		v, _, err := sql.FromJSON(p, nil)
		if err != nil {
			return nil, err
		}
		handle = append(handle, v)
	}
	if s.table.Stable {
		return handle, nil
	}
	body, err := s.rowBody(handle)
	if err != nil || body == nil {
		return nil, err
	}
	if string(parts[len(parts)-1]) != `"`+digest(body)+`"` {
		return nil, refusef("the row changed since it was looked at")
	}
	return handle, nil
}

// rowBody reads the row of a handle; nil: there is none.
func (s *sink) rowBody(handle []sql.Value) ([]byte, error) {
	v := s.newView()
	where := slices.Concat(s.table.Handle, s.rowColumns())
	s.identify('r', nil)
	st, err := s.statement(func() string { return sql.Select(s.db.Dialect, s.table, v.columns, where) + s.db.Dialect.Lock() })
	if err != nil {
		return nil, err
	}
	s.bindRow(st, 0, handle)
	return s.one(v, st)
}

// one reads the first row of a statement; nil: there is none.
func (s *sink) one(v *view, st *statement) ([]byte, error) {
	row, err := st.Step()
	if err != nil || !row {
		return nil, err
	}
	defer st.Reset()
	return s.body(v, st), nil
}

// byKey reads the row with a change's key; nil: there is none.
func (s *sink) byKey(c *record.Change) ([]byte, error) {
	v := s.newView()
	s.identify('k', nil)
	st, err := s.statement(func() string {
		return sql.Select(s.db.Dialect, s.table, v.columns, s.keyAndRows()) + s.db.Dialect.Lock()
	})
	if err != nil {
		return nil, err
	}
	if err := s.bindBefore(st, c); err != nil {
		return nil, err
	}
	return s.one(v, st)
}

// protected asks the change whether the row as it stands is protected.
func (s *sink) protected(c *record.Change) (bool, error) {
	var body []byte
	var err error
	if c.Ref != nil {
		var handle []sql.Value
		if handle, err = s.row(c.Ref); err == nil && handle != nil {
			body, err = s.rowBody(handle)
		}
	} else {
		body, err = s.byKey(c)
	}
	return err == nil && body != nil && c.Protect(body), err
}

// boolean tells whether a stored number stands for a boolean: the mapped field
// is declared so, or the column is and the field is not declared otherwise.
func (s *sink) boolean(c *sql.Column, v sql.Value) bool {
	if v.Kind != sql.Integer || v.Int != 0 && v.Int != 1 {
		return false
	}
	if i, ok := s.index[c.Name]; ok && s.fields[i].typ != "" {
		return s.fields[i].typ == "bool"
	}
	return c.Boolean
}

// appendValue appends a column's value in the form that the pipeline maps it.
func (s *sink) appendValue(dst []byte, c *sql.Column, v sql.Value) []byte {
	typ := ""
	if i, ok := s.index[c.Name]; ok {
		typ = s.fields[i].typ
	}
	switch {
	case s.boolean(c, v):
		v.Kind = sql.Bool
	case v.Kind == sql.JSON:
		if out, err := record.AppendBody(dst, v.Text); err == nil {
			return out
		}
		return append(dst, v.Text...)
	case v.Kind == sql.Text && typ == "datetime" && c.Base == "timestamp":
		// What fits such a column is in UTC.
		v.Text = append(slices.Clone(v.Text), 'Z')
	case v.Kind != sql.Text:
	case typ == "list" || typ == "object" || c.JSON && (typ == "" || typ == "string"):
		if k := record.KindOf(v.Text); k != record.List && k != record.Object {
			break
		}
		if out, err := record.AppendBody(dst, v.Text); err == nil {
			return out
		}
	case typ == "number" || typ == "integer":
		if record.KindOf(v.Text) == record.Number && record.Valid(v.Text, record.Limits{}) == nil {
			return record.AppendNumber(dst, v.Text)
		}
	}
	return appendAny(dst, v)
}
