package sqlite

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"koppel/engine/state"
)

func TestMigrate(t *testing.T) {
	for _, c := range []struct {
		name    string
		was, is bool // sealed
	}{
		{"clear", false, false}, {"sealed", true, true}, {"sealed at the same time", false, true},
	} {
		t.Run(c.name, func(t *testing.T) { testMigrate(t, c.was, c.is) })
	}
}

func testMigrate(t *testing.T, was, is bool) {
	opts := Options{Path: filepath.Join(t.TempDir(), "state.db"), Seal: was, Now: func() time.Time { return time.Unix(1700000000, 0) }}
	s, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Update(t.Context(), func(tx state.Tx) error {
		_, err := tx.PutPipeline(state.Pipeline{Address: "pipeline.p"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	later := append(slices.Clone(steps),
		"ALTER TABLE pipeline ADD COLUMN extra TEXT",
		"UPDATE pipeline SET extra = 'filled'")
	reading := opts
	reading.ReadOnly = true
	if _, err := open(t.Context(), reading, later, usualBounds()); err == nil || !strings.Contains(err.Error(), "backs it up and brings it forward") {
		t.Errorf("reading an older schema = %v; want an error that names the next run", err)
	}
	broken := append(slices.Clone(later), "CREATE TABLE half (a); NONSENSE")
	if _, err := open(t.Context(), opts, broken, usualBounds()); err == nil {
		t.Error("a broken step gave no error")
	}
	copies, err := filepath.Glob(opts.Path + ".backup-*")
	if err != nil || len(copies) != 1 || copies[0] != fmt.Sprintf("%s.backup-%d-1700000000", opts.Path, len(steps)) {
		t.Fatalf("backups: %q, %v", copies, err)
	}
	if v := version(t, opts.Path); v != int64(len(steps)) {
		t.Errorf("a broken step left the schema at %d, want %d", v, len(steps))
	}
	if v := version(t, copies[0]); v != int64(len(steps)) {
		t.Errorf("the backup has schema %d, want %d", v, len(steps))
	}

	opts.Seal = is
	opts.Now = func() time.Time { return time.Unix(1700000001, 0) }
	s, err = open(t.Context(), opts, later, usualBounds())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if v := version(t, opts.Path); v != int64(len(later)) {
		t.Errorf("schema %d after the migration, want %d", v, len(later))
	}
	copies, err = filepath.Glob(opts.Path + ".backup-*")
	want := 2
	if was != is {
		want = 0 // clear copies of what is sealed now
	}
	if err != nil || len(copies) != want {
		t.Errorf("backups afterwards: %q, %v; want %d", copies, err, want)
	}
}

func version(t *testing.T, path string) int64 {
	t.Helper()
	c, err := newConn(path, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	v, err := c.pragmaInt("user_version")
	if err != nil {
		t.Fatal(err)
	}
	return v
}
