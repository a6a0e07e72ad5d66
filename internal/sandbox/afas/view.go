package afas

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

// A view is what a connector showed at one generation of the data.
type view struct {
	gen     uint64
	columns []dataset.Column
	rows    []*viewRow
	sorted  map[string][]*viewRow // all rows, by the fields they are sorted by
}

type viewRow struct {
	cells []any
	json  []byte
}

// replaced is what a column shows whose field is no more.
const replaced = "(replaced)"

// view gives the rows of a connector as they are now.
func (s *System) view(g *getConnector) *view {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.views[g.id]; v != nil && v.gen == s.Data.Generation() {
		return v
	}
	v := &view{sorted: map[string][]*viewRow{}}
	for _, c := range g.columns {
		v.columns = append(v.columns, s.column(g, c))
	}
	s.Data.View(func(tx *dataset.Tx) {
		for _, row := range tx.Rows(g.from) {
			v.rows = append(v.rows, &viewRow{cells: g.cells(tx, row)})
		}
		v.gen = tx.Generation()
	})
	for _, row := range v.rows {
		row.json = s.encode(g, v.columns, row.cells)
	}
	s.views[g.id] = v
	return v
}

// cells gives the cells of one row, joined rows looked up.
func (g *getConnector) cells(tx *dataset.Tx, row dataset.Row) []any {
	joined := map[string]dataset.Row{}
	value := func(from string) any {
		if alias, name, ok := strings.Cut(from, "."); ok {
			return joined[alias][name]
		}
		return row[from]
	}
	for _, j := range g.joins {
		parts := make([]string, len(j.on))
		for i, from := range j.on {
			parts[i] = dataset.Text(value(from))
		}
		joined[j.name] = tx.Get(j.table, strings.Join(parts, ","))
	}
	cells := make([]any, len(g.columns))
	for i, c := range g.columns {
		if cells[i] = value(c.from); c.from == "" {
			cells[i] = replaced
		}
	}
	return cells
}

// encode writes a row: all columns, empty ones null.
func (s *System) encode(g *getConnector, columns []dataset.Column, cells []any) []byte {
	var buf bytes.Buffer
	for i, c := range g.columns {
		sep := byte(',')
		if i == 0 {
			sep = '{'
		}
		buf.WriteByte(sep)
		buf.Write(plainJSON(c.id))
		buf.WriteByte(':')
		buf.Write(s.cellJSON(columns[i], cells[i]))
	}
	buf.WriteByte('}')
	return buf.Bytes()
}

// cellJSON writes a cell. Times are rounded to seconds and carry a Z that is
// not true: they are those of Amsterdam.
func (s *System) cellJSON(c dataset.Column, v any) []byte {
	switch x := v.(type) {
	case time.Time:
		return plainJSON(x.Round(time.Second).Format("2006-01-02T15:04:05Z"))
	case dataset.Decimal:
		text := x.String()
		if s.o.Version < 7 { // as SQL Server writes it
			if sign, rest, ok := strings.Cut(text, "0."); ok && (sign == "" || sign == "-") {
				text = sign + "." + rest
			}
		}
		return []byte(text)
	}
	return plainJSON(v)
}

func plainJSON(v any) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte("null")
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
