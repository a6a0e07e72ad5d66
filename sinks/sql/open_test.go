package sql

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
)

// target is a sink on a database file in a folder of its own.
type target struct {
	t    testing.TB
	path string
	*sink
}

func people() record.Shape {
	return record.Shape{
		Pipeline: "pipeline.people",
		Fields: []record.Field{
			{Name: "id", Send: true},
			{Name: "name", Type: "string", Send: true},
			{Name: "active", Type: "bool", Send: true},
			{Name: "phones", Type: "list", Send: true},
			{Name: "score", Type: "number", Send: true},
			{Name: "note", Send: false},
		},
		Key: []record.KeyField{{Name: "id", Source: "id"}},
	}
}

func newTarget(t *testing.T, c Config, shape record.Shape) *target {
	t.Helper()
	return reopen(t, filepath.Join(t.TempDir(), "target.db"), c, shape)
}

func reopen(t testing.TB, path string, c Config, shape record.Shape) *target {
	t.Helper()
	db := sql.NewSQLite(path, "target.db", 200*time.Millisecond)
	if c.Table == "" {
		c.Table = "people"
	}
	c.Connection = connector.Connection{Get: func(context.Context) (any, error) { return db, nil }}
	s, err := Kind().Open(t.Context(), &c, connector.Env{Shape: shape})
	if err != nil {
		t.Fatal(err)
	}
	out := &target{t, path, s.(*sink)}
	t.Cleanup(func() { out.Close() })
	return out
}

// send writes changes and wants them applied.
func (g *target) send(changes ...record.Change) []connector.Outcome {
	g.t.Helper()
	out, err := g.Write(g.t.Context(), changes)
	if err != nil {
		g.t.Fatal(err)
	}
	for i, o := range out {
		if o.Status != connector.Applied {
			g.t.Fatalf("change %d: status %d: %s", i, o.Status, o.Message)
		}
	}
	return out
}

// exec runs statements over a second connection.
func (g *target) exec(statements ...string) {
	g.t.Helper()
	conn, err := sql.NewSQLite(g.path, "second", time.Second).Open(g.t.Context(), sql.Create)
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	for _, s := range statements {
		if err := conn.Exec(s); err != nil {
			g.t.Fatal(err)
		}
	}
}

// query reads over a second connection: a line a row, each value with its
// storage class.
func (g *target) query(query string) string {
	g.t.Helper()
	conn, err := sql.NewSQLite(g.path, "second", time.Second).Open(g.t.Context(), sql.Read)
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	st, err := conn.Prepare(query)
	if err != nil {
		g.t.Fatal(err)
	}
	defer st.Close()
	var b strings.Builder
	for {
		row, err := st.Step()
		if err != nil {
			g.t.Fatal(err)
		}
		if !row {
			return b.String()
		}
		for i := range st.Columns() {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(show(st.Column(i)))
		}
		b.WriteByte('\n')
	}
}

func show(v sql.Value) string {
	switch v.Kind {
	case sql.Null:
		return "NULL"
	case sql.Integer:
		return fmt.Sprint(v.Int)
	case sql.Real:
		return fmt.Sprintf("%gr", v.Float)
	}
	return fmt.Sprintf("%q", v.Text)
}

func create(key, body string) record.Change {
	return record.Change{Op: record.Create, Cause: record.CauseNew, Key: record.Key(key), After: []byte(body)}
}

func update(key, before, after string, fields ...string) record.Change {
	return record.Change{
		Op: record.Update, Cause: record.CauseSource, Key: record.Key(key),
		Before: []byte(before), After: []byte(after), Fields: fields,
	}
}

func remove(key, before string) record.Change {
	return record.Change{Op: record.Delete, Cause: record.CauseGone, Key: record.Key(key), Before: []byte(before)}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// unquote undoes what show does to text.
func unquote(t testing.TB, s string) string {
	t.Helper()
	text, err := strconv.Unquote(s)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
