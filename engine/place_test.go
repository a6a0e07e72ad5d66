package engine_test

import (
	"path/filepath"
	"testing"

	"koppel/engine"
)

// A secret says which database is read. Its cursor and its mirror are of no use
// in another one: what stands there below the cursor is new, and what is absent
// there is gone.
func TestCursorBelongsToThePlaceThatIsRead(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(dated, `path = "hr.db"`, `path = secret("env:KOPPEL_TEST_HR")`)})
	const table = "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, until TEXT, changed TEXT)"
	b.rows("hr.db", table)
	b.rows("hr.db", "INSERT INTO staff VALUES (1,'Ann',NULL,'2026-01-01T00:00:00Z'),(2,'Bob',NULL,'2026-01-05T00:00:00Z')")
	b.rows("other.db", table)
	b.rows("other.db", "INSERT INTO staff VALUES (1,'Anna',NULL,'2026-01-02T00:00:00Z'),(3,'Cor',NULL,'2026-01-03T00:00:00Z')")
	read := func(name string) { t.Setenv("KOPPEL_TEST_HR", filepath.Join(b.dir, name)) }

	read("hr.db")
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.rows("hr.db", "DELETE FROM staff WHERE id = 2") // an incremental read does not see it
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")

	read("other.db")
	b.wantRun(engine.Options{}, "people succeeded: created 1, updated 1, deleted 1")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Anna", "3|Cor")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")

	read(".//other.db")
	b.rows("other.db", "DELETE FROM staff WHERE id = 3")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2")
}

// What a saved plan read of one database does not become the mirror of another.
func TestSavedPlanOfAnotherPlace(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(dated, `path = "hr.db"`, `path = secret("env:KOPPEL_TEST_HR")`)})
	const table = "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, until TEXT, changed TEXT)"
	for _, name := range []string{"hr.db", "other.db"} {
		b.rows(name, table)
		b.rows(name, "INSERT INTO staff VALUES (1,'Ann',NULL,'2026-01-01T00:00:00Z')")
	}
	t.Setenv("KOPPEL_TEST_HR", filepath.Join(b.dir, "hr.db"))
	b.wantRun(engine.Options{}, "people succeeded: created 1")
	b.rows("hr.db", "INSERT INTO staff VALUES (2,'Bob',NULL,'2026-01-05T00:00:00Z')")
	b.rows("other.db", "INSERT INTO staff VALUES (3,'Cor',NULL,'2026-01-03T00:00:00Z')")
	b.save("a.plan")
	t.Setenv("KOPPEL_TEST_HR", filepath.Join(b.dir, "other.db"))
	b.wantApply("a.plan", "partial: unchanged 1")
	b.wantRun(engine.Options{}, "people succeeded: created 1, unchanged 1")
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ann", "3|Cor")
}
