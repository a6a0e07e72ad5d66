package pipelines_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/engine"
	"koppel/engine/plan"
	"koppel/engine/record"
)

// planText writes a plan as one line a change.
func planText(t *testing.T, e *engine.Engine) string {
	t.Helper()
	p, err := e.Plan(context.Background(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var b strings.Builder
	for i := range p.Header.Pipelines {
		h := &p.Header.Pipelines[i]
		fmt.Fprintf(&b, "%s: %d read, complete %t, %s\n", h.Name, h.Read, h.Complete, countText(h.Counts))
		err := p.Entries(h.Address, func(entry *plan.Entry) error {
			if entry.Op != 0 && !h.Whole {
				fmt.Fprintf(&b, "  %s %s: %s\n", entry.Op, engine.ShowKey(entry.Key), entry.Cause)
			}
			for _, f := range entry.Fields {
				fmt.Fprintf(&b, "    %s: %s → %s\n", f, record.Member(entry.Before, f), record.Member(entry.After, f))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func countText(c plan.Counts) string {
	var parts []string
	for _, one := range []struct {
		name string
		n    int64
	}{
		{"create", c.Create}, {"update", c.Update}, {"delete", c.Delete}, {"unchanged", c.Unchanged}, {"skipped", c.Skipped},
		{"held", c.Held}, {"waiting", c.Waiting}, {"failed", c.Failed},
	} {
		if one.n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", one.name, one.n))
		}
	}
	return strings.Join(parts, ", ")
}

func runText(res *engine.Result) string {
	var b strings.Builder
	for i := range res.Pipelines {
		p := &res.Pipelines[i]
		c := p.Counts
		fmt.Fprintf(&b, "%s: %s, created %d, updated %d, deleted %d, failed %d\n", p.Name, p.Status, c.Created, c.Updated, c.Deleted, c.Failed)
	}
	return b.String()
}

// noteTargets notes what was made in the project's folder: rows of databases
// and text of files.
func (c *coupling) noteTargets(step string) {
	c.t.Helper()
	root := os.DirFS(c.dir)
	files, err := fs.Glob(root, "*.*")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, name := range files {
		switch filepath.Ext(name) {
		case ".db":
			text, err := rows(filepath.Join(c.dir, name))
			if err != nil {
				c.t.Fatal(err)
			}
			c.note(step+"/"+name, text)
		case ".json", ".jsonl", ".csv":
			text, err := fs.ReadFile(root, name)
			if err != nil {
				c.t.Fatal(err)
			}
			c.note(step+"/"+name, string(text))
		case ".xlsx":
			text, err := cells(filepath.Join(c.dir, name))
			if err != nil {
				c.t.Fatal(err)
			}
			c.note(step+"/"+name, text)
		}
	}
	if c.server != nil {
		c.note(step+"/postgres", c.tables())
	}
	c.noteReceived(step)
}

// tables gives the tables of the server's database with their columns' types
// and their rows in order.
func (c *coupling) tables() string {
	var b strings.Builder
	for _, table := range c.server.Query(c.t, c.url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1;") {
		columns := c.server.Query(c.t, c.url, "SELECT column_name || ' ' || data_type FROM information_schema.columns WHERE table_name = '"+table+"' ORDER BY ordinal_position;")
		fmt.Fprintf(&b, "%s (%s)\n", table, strings.Join(columns, ", "))
		for _, row := range c.server.Query(c.t, c.url, "\\pset null NULL\nSELECT * FROM "+table+" ORDER BY 1;") {
			b.WriteString("  " + row + "\n")
		}
	}
	return b.String()
}

// cells gives the sheets of a workbook as they are shown.
func cells(path string) (string, error) {
	f, err := excelize.OpenFile(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var b strings.Builder
	for _, sheet := range f.GetSheetList() {
		rows, err := f.GetRows(sheet)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%s\n", sheet)
		for _, row := range rows {
			b.WriteString("  " + strings.Join(row, "|") + "\n")
		}
	}
	return b.String(), nil
}

// execute runs a script on a database, which it makes when it is missing.
func execute(path, script string) (err error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := conn.Close(); err == nil {
			err = closeErr
		}
	}()
	return sqlitex.ExecuteScript(conn, script, nil)
}

// rows gives the tables of a database with their rows in order.
func rows(path string) (text string, err error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	var tables []string
	err = sqlitex.Execute(conn, "select name from sqlite_schema where type = 'table' order by name",
		&sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			tables = append(tables, s.ColumnText(0))
			return nil
		}})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, table := range tables {
		fmt.Fprintf(&b, "%s\n", table)
		err := sqlitex.Execute(conn, fmt.Sprintf("select * from %q order by 1, 2", table),
			&sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
				b.WriteString("  " + rowText(s) + "\n")
				return nil
			}})
		if err != nil {
			return "", err
		}
	}
	return b.String(), nil
}

func rowText(s *sqlite.Stmt) string {
	parts := make([]string, s.ColumnCount())
	for i := range parts {
		if parts[i] = s.ColumnText(i); s.ColumnType(i) == sqlite.TypeNull {
			parts[i] = "NULL"
		}
	}
	return strings.Join(parts, "|")
}
