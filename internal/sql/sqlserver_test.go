package sql

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mssql "github.com/microsoft/go-mssqldb"

	"koppel/engine/connector"
)

// update rewrites the golden file: go test ./internal/sql -run Statements -update.
var update = flag.Bool("update", false, "rewrite golden files")

// checkGolden holds text against a file.
func checkGolden(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSQLServerStatements holds every statement that is sent to SQL Server
// against a file; no server has run them.
func TestSQLServerStatements(t *testing.T) {
	d := sqlserverDialect{}
	name, err := d.ParseName(`hr."odd].name"`)
	if err != nil {
		t.Fatal(err)
	}
	table := &Table{Name: name, Unique: []Index{{Columns: []string{"tenant", "id"}}}, Columns: []Column{
		{Name: "tenant", Type: d.Type("integer")}, {Name: "id", Type: d.Type("string")}, {Name: "name", Type: d.Type("")},
		{Name: "born", Type: d.Type("date")}, {Name: "seen", Type: d.Type("datetime")}, {Name: "phones", Type: d.Type("list")},
		{Name: "score", Type: d.Type("number")}, {Name: "active", Type: d.Type("bool")},
	}}
	key := []string{"tenant", "id"}
	query := ParseQuery("SELECT a AS [x:y] FROM t WHERE a > :cursor AND b = :b AND a < :cursor", d.Syntax(), d.Placeholder)
	var b strings.Builder
	for _, s := range []struct{ what, text string }{
		{"session", sqlserverSession(30 * time.Second)},
		{"create table", d.CreateTable(table)},
		{"add column", d.AddColumn(name, Column{Name: "extra", Type: d.Type("object")})},
		{"upsert", d.Upsert(table, []string{"tenant", "id", "name", "born"}, key, []string{"name", "born"}, nil)},
		{"upsert of keys alone, with an answer", d.Upsert(table, key, key, nil, []string{"seen"})},
		{"update", d.Update(table, []string{"name", "id"}, key, []string{"seen"})},
		{"delete", Delete(d, table, key)},
		{"select", Select(d, table, []string{"id", "name"}, key) + d.Lock()},
		{"batch", "SELECT " + d.Ordinal("w") + " FROM " + d.Batch(1, "w") + " CROSS JOIN " + TableName(d, name) + " AS r WHERE r.[name] = " +
			d.Element("w", 0, &Column{Name: "name", Collation: "Latin1_General_CI_AS"})},
		{"query", query.Text},
		{"describe table", sqlserverTable},
		{"describe columns", sqlserverColumns},
		{"describe indexes", sqlserverIndexes},
		{"referenced columns", sqlserverReferenced},
		{"columns of a query", sqlserverResult},
		{"list tables", sqlserverList},
		{"comments", sqlserverComments},
	} {
		fmt.Fprintf(&b, "-- %s\n%s\n\n", s.what, s.text)
	}
	for _, s := range sqlserverTransactions(t) {
		fmt.Fprintf(&b, "-- %s\n%s\n\n", s[0], s[1])
	}
	checkGolden(t, "testdata/sqlserver.sql", b.String())
}

// sqlserverTransactions are the statements of a transaction, each once, with
// what they are for.
func sqlserverTransactions(t *testing.T) (all [][2]string) {
	d := &slowDriver{}
	c := &sqlserverConn{connect: d}
	if err := c.dial(t.Context()); err != nil {
		t.Fatal(err)
	}
	run := func(what string, step func() error) {
		d.log = nil
		_ = step() // the driver answers hardly any question
		for _, text := range d.log {
			if !slices.ContainsFunc(all, func(s [2]string) bool { return s[1] == text }) {
				all = append(all, [2]string{what, text})
			}
		}
	}
	run("begin to write", func() error { return c.Begin(t.Context(), true) })
	run("savepoint", c.Savepoint)
	run("back to the savepoint", c.RollbackTo)
	run("what an error left of the transaction", func() error { return c.fail(mssql.Error{Number: 2627}) })
	run("commit", c.Commit)
	run("begin to read", func() error { return c.Begin(t.Context(), false) })
	run("roll back", func() error { c.Rollback(); return nil })
	return all
}

func TestSQLServerFit(t *testing.T) {
	for _, c := range []struct {
		base  string
		scale int
		in    string
		want  string // as JSON; !: refused
	}{
		{"bit", 0, `true`, `1`}, {"bit", 0, `2`, `!`}, {"int", 0, `1.5`, `!`}, {"int", 0, `"12"`, `"12"`}, {"bigint", 0, `9007199254740993`, `9007199254740993`},
		{"decimal", 2, `12345678901234567890.25`, `"12345678901234567890.25"`}, {"decimal", 2, `0.125`, `!`}, {"money", 4, `1.2345`, `"1.2345"`},
		{"real", 0, `0.1`, `0.1`}, {"real", 0, `16777217`, `!`}, {"float", 0, `9007199254740993`, `!`},
		{"date", 0, `"2024-02-30"`, `!`}, {"date", 0, `"2024-02-29"`, `"2024-02-29"`},
		{"tinyint", 0, `255`, `255`}, {"smallint", 0, `-32768`, `-32768`}, {"bigint", 0, `"x"`, `!`}, {"int", 0, `true`, `1`},
		{"numeric", 0, `-12`, `-12`}, {"smallmoney", 4, `0.00001`, `!`}, {"float", 0, `0.1`, `0.1`},
		{"time", 7, `"10:11:12.1234567"`, `"10:11:12.1234567"`}, {"time", 3, `"10:11:12.1234"`, `!`},
		{"char", 0, `"a"`, `"a"`}, {"varchar", 0, `"é"`, `"é"`}, {"text", 0, `""`, `""`}, {"nchar", 0, `7`, `"7"`}, {"ntext", 0, `"😀"`, `"😀"`},
		{"xml", 0, `"<a/>"`, `"<a/>"`}, {"uniqueidentifier", 0, `"6F9619FF-8B86-D011-B42D-00C04FC964FF"`, `"6F9619FF-8B86-D011-B42D-00C04FC964FF"`},
		{"nvarchar", 0, `[1,{"a":null}]`, `[1,{"a":null}]`}, {"binary", 0, `"x"`, `!`}, {"image", 0, `"x"`, `!`}, {"rowversion", 0, `1`, `!`},
		{"datetime2", 7, `"2024-02-29T12:00:00.5+02:00"`, `"2024-02-29 10:00:00.5000000"`},
		{"datetime", 0, `"2024-02-29T10:00:00.003Z"`, `"2024-02-29 10:00:00.003"`}, {"datetime", 0, `"2024-02-29T10:00:00.001Z"`, `!`},
		{"smalldatetime", 0, `"2024-02-29T10:00:30Z"`, `!`}, {"datetimeoffset", 0, `"2024-02-29T10:00:00Z"`, `"2024-02-29 10:00:00 +00:00"`},
		{"nvarchar", 0, `12.50`, `"12.5"`}, {"varbinary", 0, `"x"`, `!`}, {"nvarchar", 0, `null`, `null`},
	} {
		v, _, err := FromJSON([]byte(c.in), nil)
		if err != nil {
			t.Fatal(err)
		}
		col := sqlserverColumn("c", c.base, c.scale)
		got, err := sqlserverDialect{}.Fit(&col, v)
		if text, _ := AppendJSON(nil, got); (err != nil) != (c.want == "!") || err == nil && string(text) != c.want {
			t.Errorf("%s(%d) %s: %s, %v", c.base, c.scale, c.in, text, err)
		}
	}
}

func TestSQLServerRead(t *testing.T) {
	moment := time.Date(2024, 2, 29, 10, 11, 12, 500_000_000, time.FixedZone("", 3600))
	for _, c := range []struct {
		value any
		kind  string
		want  string
	}{
		{[]byte("12.50"), "DECIMAL", `12.5`}, {[]byte("12345678901234567890123456789012345678"), "DECIMAL", `12345678901234567890123456789012345678`},
		{float64(float32(0.1)), "REAL", `0.1`}, {true, "BIT", `1`}, {nil, "INT", `null`}, {int64(-1), "INT", `-1`}, {"é", "NVARCHAR", `"é"`},
		{moment, "DATE", `"2024-02-29"`}, {moment, "DATETIMEOFFSET", `"2024-02-29T09:11:12.5Z"`}, {moment, "DATETIME2", `"2024-02-29T10:11:12.5"`}, {moment, "TIME", `"10:11:12.5"`},
		{[]byte{0xff, 0x19, 0x96, 0x6f, 0x86, 0x8b, 0x11, 0xd0, 0xb4, 0x2d, 0, 0xc0, 0x4f, 0xc9, 0x64, 0xff}, "UNIQUEIDENTIFIER", `"6F9619FF-8B86-D011-B42D-00C04FC964FF"`},
	} {
		if got, _ := AppendJSON(nil, sqlserverRead(c.value, c.kind)); string(got) != c.want {
			t.Errorf("%s %v: %s, want %s", c.kind, c.value, got, c.want)
		}
	}
	if v := sqlserverRead([]byte{1}, "VARBINARY"); v.Kind != Blob {
		t.Errorf("bytes: %v", v)
	}
}

func TestSQLServerErrors(t *testing.T) {
	for _, c := range []struct {
		number     int32
		message    string
		constraint Constraint
		refused    bool
		transient  bool
	}{
		{2627, "Violation of PRIMARY KEY constraint", Unique, true, false},
		{2601, "Cannot insert duplicate key row", Unique, true, false},
		{547, "The INSERT statement conflicted with the FOREIGN KEY constraint", ForeignKey, true, false},
		{547, "The INSERT statement conflicted with the CHECK constraint", NoConstraint, true, false},
		{2628, "String or binary data would be truncated", NoConstraint, true, false},
		{50000, "raised by a trigger", NoConstraint, true, false},
		{1205, "deadlock victim", NoConstraint, false, true},
		{208, "Invalid object name", NoConstraint, false, false},
	} {
		e := sqlserverError("x", mssql.Error{Number: c.number, Message: c.message})
		if e.Constraint != c.constraint || e.Refused != c.refused || errors.Is(e, ErrTransient) != c.transient || e.Message != c.message {
			t.Errorf("%d: %+v", c.number, e)
		}
	}
}

func TestSQLServerAddress(t *testing.T) {
	c := &SQLServerConfig{URL: "sqlserver://koppel:canary%2F@Db.Example:1444?database=hr"}
	if got := c.Locate("people"); got != "sqlserver db.example:1444/hr [dbo].[people]" {
		t.Error(got)
	}
	settings, err := parseSQLServer(string(c.URL))
	if err != nil || settings.TLSConfig == nil || settings.TLSConfig.InsecureSkipVerify || settings.Password != "canary/" {
		t.Errorf("TLS is not verified: %+v, %v", settings.TLSConfig, err)
	}
	for _, address := range []string{"postgres://koppel:canary@h/d", "sqlserver://koppel:canary@h", "sqlserver://koppel:canary@h:x?database=a", "sqlserver://koppel:canary@h?database=a&encrypt=canary"} {
		err := (&SQLServerConfig{URL: connector.Secret(address)}).Validate()
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", address, err)
		}
	}
	// Nobody listens there.
	db, err := NewSQLServer("sqlserver://koppel:canary@127.0.0.1:1?database=d&dial+timeout=2", time.Second, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Open(t.Context(), Read); !errors.Is(err, connector.ErrUnreachable) || strings.Contains(err.Error(), "canary") {
		t.Errorf("open: %v", err)
	}
}

// TestSQLServerBytes tells a row version, which is named timestamp, from a moment.
func TestSQLServerBytes(t *testing.T) {
	for base, want := range map[string]bool{
		"varbinary": true, "binary": true, "image": true, "timestamp": true, "": true,
		"datetime2": false, "datetimeoffset": false, "nvarchar": false, "uniqueidentifier": false, "xml": false,
	} {
		column := sqlserverColumn("c", base, 0)
		if got := (sqlserverDialect{}).Bytes(&column); got != want {
			t.Errorf("%s: %t", base, got)
		}
	}
}
