package sql

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/connector"
	"koppel/internal/sql/mysqltest"
	"koppel/internal/sql/postgrestest"
)

func TestWrittenNamesAreRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`[a-c."é ]{1,4}`)
		name := Name{Table: part.Draw(t, "table")}
		if rapid.Bool().Draw(t, "with schema") {
			name.Schema = part.Draw(t, "schema")
		}
		got, err := postgresDialect{}.ParseName(written(name))
		if diff := cmp.Diff(name, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", written(name), err, diff)
		}
	})
}

func TestDiscoverWithoutCatalog(t *testing.T) {
	db := &DB{Dialect: struct{ Dialect }{sqliteDialect{}}}
	if _, err := db.Discover(t.Context()); !errors.Is(err, connector.ErrUndiscoverable) {
		t.Errorf("list: %v", err)
	}
}

func TestChanged(t *testing.T) {
	tests := map[string]struct {
		columns []Column
		want    string
	}{
		"none":           {[]Column{{Name: "created_at", Type: "timestamp", Class: Native}}, ""},
		"surest":         {[]Column{{Name: "MutatieDatum", Type: "TEXT", Class: Texts}, {Name: "last_modified", Type: "datetime(6)", Class: Native}}, "last_modified"},
		"first of two":   {[]Column{{Name: "updated_at", Type: "date"}, {Name: "updated_on", Type: "date"}}, "updated_at"},
		"number":         {[]Column{{Name: "modified", Type: "INTEGER", Class: Numbers}}, ""},
		"who did it":     {[]Column{{Name: "modified_by", Type: "uuid", Class: Native}, {Name: "updatedOn", Type: "TIMESTAMP", Class: Numbers}}, "updatedOn"},
		"who, as text":   {[]Column{{Name: "modified_by", Type: "TEXT", Class: Texts}, {Name: "UpdatedBy", Type: "TEXT", Class: Texts}}, ""},
		"JSON and bytes": {[]Column{{Name: "changed", Type: "JSON", Class: Texts, JSON: true}, {Name: "modified", Type: "BLOB"}}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, (&Table{Columns: test.columns}).changed()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestDiscoverPostgres(t *testing.T) {
	server := postgrestest.Start(t)
	url := server.Create(t, "discover")
	server.Exec(t, url, `CREATE TABLE people (id int, "E-mail" text NOT NULL UNIQUE, photo bytea, changed_at timestamptz, PRIMARY KEY (id))`,
		`COMMENT ON TABLE people IS 'all people'`, `COMMENT ON COLUMN people.changed_at IS 'last change'`,
		`CREATE SCHEMA hr`, `CREATE TABLE hr."pay.roll" (month date, person int, amount numeric(10,2), PRIMARY KEY (person, month)) PARTITION BY RANGE (month)`,
		`CREATE TABLE hr.part PARTITION OF hr."pay.roll" DEFAULT`, `CREATE MATERIALIZED VIEW hr.sums AS SELECT 1 AS n`)
	db, err := NewPostgres(url, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	checkDiscovered(t, db, []connector.Collection{
		{Name: "people", Label: "all people", Type: "table", Count: 4, Key: []string{"id"}},
		{Name: `hr."pay.roll"`, Type: "table", Count: 3, Key: []string{"person", "month"}},
		{Name: "hr.sums", Type: "view", Count: 1},
	}, connector.Collection{
		Name: "people", Label: "all people", Type: "table", Count: 4, Key: []string{"id"}, Unique: [][]string{{"E-mail"}}, Cursor: "changed_at",
		Fields: []connector.Field{{Name: "id", Type: "integer"}, {Name: "E-mail", Type: "text"},
			{Name: "photo", Type: "bytea", Nullable: true, Unreadable: "it holds bytes"},
			{Name: "changed_at", Label: "last change", Type: "timestamp with time zone", Nullable: true}},
		Kind: "sql", Arguments: []connector.Argument{{Name: "query", Value: `SELECT "id", "E-mail", "changed_at" FROM "people"`}},
		Notes: []string{"The query leaves out columns of bytes, which no record carries.", `With incremental the query ends in: WHERE "changed_at" >= :cursor`},
	})
	if roll, err := db.Describe(t.Context(), `hr."pay.roll"`); err != nil || roll.Name != `hr."pay.roll"` {
		t.Errorf("hr.\"pay.roll\" is described as %q, %v", roll.Name, err)
	}
}

func TestDiscoverMySQL(t *testing.T) {
	server := mysqltest.Start(t)
	url := server.Create(t, "discover")
	server.Exec(t, "discover", "CREATE TABLE people (id INT, mail VARCHAR(80) NOT NULL UNIQUE COMMENT 'work', updated DATETIME, shape POINT, PRIMARY KEY (id)) COMMENT 'all people';"+
		"CREATE VIEW names AS SELECT mail FROM people; CREATE TABLE team (team INT, person INT, PRIMARY KEY (person, team)); CREATE TABLE lone (mail VARCHAR(9) NOT NULL UNIQUE)")
	db, err := NewMySQL(url, "", time.Second, 0)
	if err != nil {
		t.Fatal(err)
	}
	checkDiscovered(t, db, []connector.Collection{
		{Name: "lone", Type: "table", Count: 1},
		{Name: "names", Type: "view", Count: 1},
		{Name: "people", Label: "all people", Type: "table", Count: 4, Key: []string{"id"}},
		{Name: "team", Type: "table", Count: 2, Key: []string{"person", "team"}},
	}, connector.Collection{
		Name: "people", Label: "all people", Type: "table", Count: 4, Key: []string{"id"}, Unique: [][]string{{"mail"}}, Cursor: "updated",
		Fields: []connector.Field{{Name: "id", Type: "int(11)"}, {Name: "mail", Label: "work", Type: "varchar(80)"},
			{Name: "updated", Type: "datetime", Nullable: true}, {Name: "shape", Type: "point", Nullable: true, Unreadable: "it holds bytes"}},
		Kind: "sql", Arguments: []connector.Argument{{Name: "query", Value: "SELECT `id`, `mail`, `updated` FROM `people`"}},
		Notes: []string{"The query leaves out columns of bytes, which no record carries.", "With incremental the query ends in: WHERE `updated` >= :cursor"},
	})
	if lone, err := db.Describe(t.Context(), "lone"); err != nil || cmp.Diff([]string{"mail"}, lone.Key) != "" {
		t.Errorf("a unique column without nulls is no key: %v, %v", lone.Key, err)
	}
}

// checkDiscovered compares what a database lists, and how it describes people.
func checkDiscovered(t *testing.T, db *DB, list []connector.Collection, people connector.Collection) {
	t.Helper()
	got, err := db.Discover(t.Context())
	if diff := cmp.Diff(list, got); err != nil || diff != "" {
		t.Errorf("list: %v (-want +got)\n%s", err, diff)
	}
	one, err := db.Describe(t.Context(), "people")
	if diff := cmp.Diff(people, one); err != nil || diff != "" {
		t.Errorf("people: %v (-want +got)\n%s", err, diff)
	}
	if _, err := db.Describe(t.Context(), "no_such"); !errors.Is(err, connector.ErrNoCollection) {
		t.Errorf("describe what is not there: %v", err)
	}
}
