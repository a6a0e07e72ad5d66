package realdata_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// wantTarget checks that the table holds exactly these records.
func (p *project) wantTarget(want map[string]map[string]any) {
	p.t.Helper()
	got, err := rows(filepath.Join(p.dir, "target.db"))
	if err != nil {
		p.t.Fatal(err)
	}
	for key, record := range want {
		for name, v := range record {
			if record[name], err = stored(v, got[key][name]); err != nil {
				p.t.Fatalf("%s of %s: %v", name, key, err)
			}
		}
	}
	for key, row := range got {
		for name, v := range row {
			if _, ok := want[key][name].(list); ok {
				row[name] = list{fmt.Sprint(v)}
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("rows of the target (-want +got)\n%s", diff)
	}
}

// A list is a list or an object, which SQLite holds as JSON text.
type list struct{ Text string }

// stored is a value as SQLite holds it: booleans are 0 and 1, lists and objects
// JSON text, of which the stored form is taken when it means the same.
func stored(v, in any) (any, error) {
	switch x := v.(type) {
	case bool:
		if x {
			return 1.0, nil
		}
		return 0.0, nil
	case []any, map[string]any:
		var held any
		text, ok := in.(string)
		if ok && json.Unmarshal([]byte(text), &held) == nil && cmp.Equal(v, held) {
			return list{text}, nil
		}
		b, err := json.Marshal(v)
		return list{string(b)}, err
	}
	return v, nil
}

// rows reads the target's table by the first column.
func rows(path string) (out map[string]map[string]any, err error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := conn.Close(); err == nil {
			err = closeErr
		}
	}()
	out = map[string]map[string]any{}
	err = sqlitex.Execute(conn, "select * from records", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		row := map[string]any{}
		for i := range s.ColumnCount() {
			switch s.ColumnType(i) {
			case sqlite.TypeNull:
				row[s.ColumnName(i)] = nil
			case sqlite.TypeInteger, sqlite.TypeFloat:
				row[s.ColumnName(i)] = s.ColumnFloat(i)
			default:
				row[s.ColumnName(i)] = s.ColumnText(i)
			}
		}
		out[s.ColumnText(0)] = row
		return nil
	}})
	return out, err
}
