package realdata_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"koppel/internal/sql"
)

// TestSQLServerStatements goes as far as it can without a server: a table is
// declared for each set, each record's values are what its columns are to keep,
// and the statements name a parameter for each of them. Nothing runs them.
func TestSQLServerStatements(t *testing.T) {
	needNode(t)
	db, err := sql.NewSQLServer("sqlserver://koppel:geheim@db.example?database=d", time.Second, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range datasets() {
		t.Run(set.name, func(t *testing.T) {
			want := computeTruth(t, set.name, fetch(t, set.older), fetch(t, set.newer))
			for _, records := range []map[string]map[string]any{want.First, want.Second} {
				table := declare(t, db.Dialect, set.key, records)
				for key, record := range records {
					for i := range table.Columns {
						c := &table.Columns[i]
						if err := keeps(db.Dialect, c, record[c.Name]); err != nil {
							t.Errorf("%s: %s: %v", key, c.Name, err)
						}
					}
				}
			}
		})
	}
}

// declare makes the table for records and checks the statements over it.
func declare(t *testing.T, d sql.Dialect, key string, records map[string]map[string]any) *sql.Table {
	t.Helper()
	kinds := map[string]string{}
	for _, record := range records {
		for name, v := range record {
			kind := kindOf(v)
			if known, ok := kinds[name]; ok && known != kind && kind != "" && known != "" {
				t.Fatalf("%s holds %s and %s", name, known, kind)
			}
			if kind != "" || kinds[name] == "" {
				kinds[name] = kind
			}
		}
	}
	columns := slices.Sorted(maps.Keys(kinds))
	table := &sql.Table{Name: sql.Name{Schema: "dbo", Table: "records"}, Unique: []sql.Index{{Columns: []string{key}}}}
	for _, name := range columns {
		typ := d.Type(kinds[name])
		base, _, _ := strings.Cut(typ, "(")
		c := sql.Column{Name: name, Type: typ, Base: base, Class: sql.Native, Scale: 12}
		if base == "JSON" || base == "nvarchar" {
			c.Base, c.Class = "nvarchar", sql.Texts
		}
		table.Columns = append(table.Columns, c)
	}
	create, upsert := d.CreateTable(table), d.Upsert(table, columns, []string{key}, columns, nil)
	for i, name := range columns {
		if !strings.Contains(create, d.Quote(name)+" ") || !strings.Contains(upsert, d.Quote(name)+" = @p"+strconv.Itoa(i+1)) {
			t.Errorf("column %s is missing:\n%s\n%s", name, create, upsert)
		}
	}
	if n := strings.Count(upsert, "@p"); n != 2*len(columns)+1 {
		t.Errorf("%d parameters for %d columns that are set and inserted, and one key:\n%s", n, len(columns), upsert)
	}
	return table
}

func kindOf(v any) string {
	switch v.(type) {
	case bool:
		return "bool"
	case float64:
		return "number"
	case []any, map[string]any:
		return "list"
	case string:
		return "string"
	}
	return ""
}

// keeps checks that the column's parameter means the value.
func keeps(d sql.Dialect, c *sql.Column, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	in, _, err := sql.FromJSON(raw, nil)
	if err != nil {
		return err
	}
	out, err := d.Fit(c, in)
	if err != nil {
		return err
	}
	text, _ := sql.AppendJSON(nil, out)
	same := false
	switch x := v.(type) {
	case nil:
		same = out.Kind == sql.Null
	case bool:
		same = out.Int == map[bool]int64{true: 1}[x] && (out.Kind == sql.Bool || out.Kind == sql.Integer)
	case float64:
		n, parseErr := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
		same = parseErr == nil && n == x
	case string:
		same = out.Kind == sql.Text && string(out.Text) == x
	default:
		same = bytes.Equal(out.Text, raw)
	}
	if !same {
		return fmt.Errorf("%s became %s", raw, text)
	}
	return nil
}
