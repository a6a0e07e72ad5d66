package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
	"koppel/engine/state"
)

func numbered(i int) record.Key { return record.Key(fmt.Sprintf("%06d", i)) }

// openRecent opens a state with bounds that a test of a few rows reaches.
func openRecent(t *testing.T, path string, steps []string) *Store {
	t.Helper()
	s, err := open(context.Background(), Options{Path: path}, steps, bounds{small: 100, few: 50, share: 4, rows: 20, bytes: 1 << 20, sample: 10})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// putEvery puts each key that is a multiple of by, in one transaction.
func putEvery(t *testing.T, s *Store, id int64, from, to, by int, run int64) {
	t.Helper()
	err := s.Update(t.Context(), func(tx state.Tx) error {
		for i := from; i < to; i += by {
			if err := tx.PutItem(id, &state.Item{Key: numbered(i), Run: run}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func newPipeline(t *testing.T, s *Store) (id int64) {
	t.Helper()
	err := s.Update(t.Context(), func(tx state.Tx) (err error) {
		id, err = tx.PutPipeline(state.Pipeline{Address: "pipeline.p"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// rowsOf counts the rows of both tables.
func rowsOf(t *testing.T, s *Store) (n [2]int64) {
	t.Helper()
	for i, table := range []string{"item", "recent"} {
		var err error
		if n[i], err = countRows(s.writer, "SELECT count(*) FROM "+table+" WHERE pipeline > ?", 0); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// TestPlaces tells from the tables where rows were written.
func TestPlaces(t *testing.T) {
	s := openRecent(t, filepath.Join(t.TempDir(), "state.db"), steps)
	defer s.Close()
	id := newPipeline(t, s)
	for _, step := range []struct {
		name         string
		from, to, by int
		want         [2]int64
	}{
		{"few rows are all in one table", 0, 100, 1, [2]int64{100, 0}},
		{"also when they change", 0, 100, 30, [2]int64{100, 0}},
		{"keys behind the last", 100, 400, 1, [2]int64{400, 0}},
		{"changes that are far apart", 0, 400, 20, [2]int64{400, 20}},
		{"the same once more", 0, 400, 20, [2]int64{400, 20}},
		// The first 10 are a sample, which adds 9; of the others, 4 were there.
		{"changes close together", 1, 101, 1, [2]int64{400, 24}},
		{"keys behind the last again", 400, 401, 1, [2]int64{401, 24}},
	} {
		putEvery(t, s, id, step.from, step.to, step.by, 1)
		if got := rowsOf(t, s); got != step.want {
			t.Errorf("%s: %d rows of item and recent, want %d", step.name, got, step.want)
		}
	}
}

// TestMoved changes more and more rows that are far apart, until some of them
// are moved, and looks at the items each time.
func TestMoved(t *testing.T) {
	s := openRecent(t, filepath.Join(t.TempDir(), "state.db"), steps)
	defer s.Close()
	id := newPipeline(t, s)
	const all = 1000
	putEvery(t, s, id, 0, all, 1, 1)
	want := make([]int64, all)
	for i := range want {
		want[i] = 1
	}
	moved, highest := 0, int64(0)
	for run := int64(2); run < 90; run++ {
		from := int(run*37) % 100
		before := rowsOf(t, s)[1]
		putEvery(t, s, id, from, all, 100, run)
		for i := from; i < all; i += 100 {
			want[i] = run
		}
		n := rowsOf(t, s)
		if n[0] != all {
			t.Fatalf("run %d: %d rows of item, want %d", run, n[0], all)
		}
		if highest = max(highest, n[1]); n[1] < before {
			moved++
		}
		if diff := cmp.Diff(want, runsOf(t, s, id)); diff != "" {
			t.Fatalf("run %d (-want +got):\n%s", run, diff)
		}
	}
	if highest > all/4 || highest < all/4-20 || moved < 10 {
		t.Errorf("at most %d rows of recent, and %d times fewer than before; want a quarter of %d", highest, moved, all)
	}
}

// runsOf gives the runs of all items in key order.
func runsOf(t *testing.T, s *Store, id int64) (runs []int64) {
	t.Helper()
	err := s.View(t.Context(), func(v state.View) error {
		for it, err := range v.ItemsLight(id) {
			if err != nil {
				return err
			}
			runs = append(runs, it.Run)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// TestMigrateItems brings a state forward that had one table of items: more
// changes than recent may have, as far as is known, are kept apart all the
// same, once its rows are counted.
func TestMigrateItems(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	old := openRecent(t, path, steps[:2])
	insert := "INSERT INTO item (pipeline, key, hash, status, born, run, src, body) VALUES (1, ?, zeroblob(32), 0, 1, 1, NULL, x'00')"
	for i := range 1000 {
		if err := old.writer.exec(insert, numbered(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	s := openRecent(t, path, steps)
	defer s.Close()
	putEvery(t, s, 1, 0, 1000, 10, 2)
	if got, want := rowsOf(t, s), [2]int64{1000, 100}; got != want {
		t.Errorf("%d rows of item and recent, want %d", got, want)
	}
	if runs := runsOf(t, s, 1); len(runs) != 1000 || runs[10] != 2 || runs[11] != 1 {
		t.Errorf("%d items, of the runs %d …", len(runs), runs[:min(len(runs), 12)])
	}
}

// TestExportSchema fails when a step changes a table that is exported, and the
// version of exports stays as it is.
func TestExportSchema(t *testing.T) {
	tables := func(steps []string) (sql []string) {
		s := openRecent(t, filepath.Join(t.TempDir(), "state.db"), steps)
		defer s.Close()
		err := s.writer.each("SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name", nil, func(st *sqlite.Stmt) error {
			if slices.Contains(exportedTables(), st.ColumnText(0)) {
				sql = append(sql, st.ColumnText(1))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return sql
	}
	if diff := cmp.Diff(tables(steps[:exportSchema]), tables(steps)); diff != "" {
		t.Errorf("exported tables after step %d and after the last (-want +got):\n%s", exportSchema, diff)
	}
}
