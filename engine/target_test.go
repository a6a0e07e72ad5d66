package engine_test

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/engine"
)

// rows reads a query of a SQLite file as lines of cells, apart from all that
// Koppel does with it.
func (b *bench) rows(db, query string) []string {
	b.t.Helper()
	c, err := sqlite.OpenConn(filepath.Join(b.dir, db), sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	var lines []string
	err = sqlitex.ExecuteTransient(c, query, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		var cells []string
		for i := range s.ColumnCount() {
			if s.ColumnType(i) == sqlite.TypeNull {
				cells = append(cells, "NULL")
				continue
			}
			cells = append(cells, s.ColumnText(i))
		}
		lines = append(lines, strings.Join(cells, "|"))
		return nil
	}})
	if err != nil {
		b.t.Fatalf("%s: %v", query, err)
	}
	return lines
}

func (b *bench) wantRows(db, query string, want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.rows(db, query)); diff != "" {
		b.t.Errorf("%s (-want +got)\n%s", query, diff)
	}
}

// counts shows the counts of a result that are not zero.
func counts(c engine.RunCounts) string {
	var parts []string
	for _, one := range []struct {
		name string
		n    int64
	}{{"created", c.Created}, {"updated", c.Updated}, {"deleted", c.Deleted}, {"disabled", c.Disabled}, {"unchanged", c.Unchanged},
		{"skipped", c.Skipped}, {"protected", c.Protected}, {"held", c.Held}, {"waiting", c.Waiting}, {"failed", c.Failed}} {
		if one.n != 0 {
			parts = append(parts, fmt.Sprintf("%s %d", one.name, one.n))
		}
	}
	return strings.Join(parts, ", ")
}

// wantRun runs everything and compares each pipeline's status and counts:
// "people succeeded: created 2".
func (b *bench) wantRun(opts engine.Options, want ...string) *engine.Result {
	b.t.Helper()
	res := b.run(opts)
	var got []string
	for _, p := range res.Pipelines {
		got = append(got, strings.TrimSuffix(fmt.Sprintf("%s %s: %s", p.Name, p.Status, counts(p.Counts)), ": "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		for _, p := range res.Pipelines {
			b.t.Logf("%s: err %v, problems %+v, warnings %+v", p.Name, p.Err, p.Problems, p.Warnings)
		}
		b.t.Fatalf("run (-want +got)\n%s", diff)
	}
	return res
}
