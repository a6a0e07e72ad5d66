package sql

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/internal/sql/postgrestest"
)

// A kept value is one that a column of a type keeps: want is how it comes
// back, as JSON; empty: as it was.
type kept struct{ typ, value, want string }

func keptValues() []kept {
	return []kept{
		{"text", `"a'b\"c\\d\n\té😀"`, ""}, {"text", `""`, ""}, {"text", `7.50`, `"7.5"`}, {"text", `[1,"a"]`, `"[1,\"a\"]"`},
		{"varchar(5)", `"abcde"`, ""}, {"citext", `"Ab"`, ""}, {"char(5)", `"ab"`, ""}, {"name", `"ab"`, ""},
		{"smallint", `-32768`, ""}, {"integer", `2147483647`, ""}, {"bigint", `9223372036854775807`, ""}, {"bigint", `-9223372036854775808`, ""},
		{"bigint", `"12"`, `12`}, {"bigint", `true`, `1`},
		{"numeric", `123456789012345678901234567890.123456789`, ""}, {"numeric", `0.1`, ""}, {"numeric", `-1e-10`, `-0.0000000001`},
		{"numeric", `18446744073709551616`, ""}, {"numeric(10,2)", `12.50`, `12.5`}, {"numeric", `7`, ""},
		{"double precision", `0.1`, ""}, {"double precision", `1e300`, fmt.Sprint(1, strings.Repeat("0", 300))}, {"double precision", `9007199254740993`, "-"},
		{"real", `0.1`, ""}, {"real", `16777216`, ""}, {"real", `16777217`, "-"}, {"real", `0.123456789`, "-"},
		{"boolean", `true`, ""}, {"boolean", `false`, ""}, {"boolean", `"true"`, `true`}, {"boolean", `1`, "-"}, {"boolean", `"yes"`, "-"},
		{"date", `"2026-01-31"`, ""}, {"date", `"0001-01-01"`, ""}, {"date", `"today"`, "-"}, {"date", `"2026-01-31T10:00:00"`, "-"}, {"date", `20260131`, "-"},
		{"date", `"31-01-2026"`, "-"}, {"date", `"2026-02-30"`, "!"},
		{"timestamp", `"2026-01-31T10:00:00.123456"`, ""}, {"timestamp", `"2026-01-31T10:00:00Z"`, `"2026-01-31T10:00:00"`},
		{"timestamp", `"2026-01-31T10:00:00+02:00"`, "-"}, {"timestamp", `"2026-01-31T10:00:00.1234567"`, "-"}, {"timestamp(0)", `"2026-01-31T10:00:00.5"`, "-"},
		{"timestamptz", `"2026-07-31T10:00:00Z"`, ""}, {"timestamptz", `"2026-07-31T10:00:00.5+02:00"`, `"2026-07-31T08:00:00.5Z"`},
		{"timestamptz", `"2026-07-31T10:00:00.0000000Z"`, `"2026-07-31T10:00:00Z"`}, {"timestamptz", `"2026-07-31T10:00:00"`, "-"}, {"timestamptz", `"2026-07-31"`, "-"},
		{"timestamptz", `"now"`, "-"}, {"timestamptz", `"infinity"`, ""},
		{"time", `"10:30:00"`, ""}, {"time", `"10:30:00+02"`, "-"}, {"interval", `"1 day 02:03:04"`, ""}, {"inet", `"192.0.2.7"`, ""}, {"cidr", `"192.0.2.0/24"`, ""},
		{"uuid", `"6ba7b810-9dad-11d1-80b4-00c04fd430c8"`, ""}, {"uuid", `"x"`, "!"}, {"mood", `"sad"`, ""}, {"mood", `"other"`, "!"},
		{"json", `{"b":[1,2.50,"x\ny"],"a":null}`, `{"b":[1,2.50,"x\ny"],"a":null}`}, {"jsonb", `{"a":12345678901234567890.5}`, ""}, {"jsonb", `"text"`, ""}, {"jsonb", `[]`, ""},
		{"jsonb", `3`, ""}, {"jsonb", `true`, ""},
		{"text[]", `["a","b c","NULL","\"q\"","\\","{x}","",null,"é,"]`, ""}, {"text[]", `[]`, ""}, {"integer[]", `[1,null,3]`, ""}, {"integer[]", `[[1,2],[3,4]]`, ""},
		{"integer[]", `[1.5]`, "-"}, {"integer[]", `[[1],[2,3]]`, "!"}, {"integer[]", `[[]]`, "-"}, {"integer[]", `"x"`, "-"}, {"boolean[]", `[true,false]`, ""},
		{"numeric[]", `[0.1,12345678901234567890.123]`, ""}, {"jsonb[]", `[{"a":"b\"c"},[1],"x"]`, ""}, {"timestamptz[]", `["2026-07-31T10:00:00Z"]`, ""}, {"date[]", `["today"]`, "-"},
		{"mood[]", `["sad"]`, ""}, {"text[]", `[{"a":1}]`, "-"}, {"bytea", `"x"`, "-"}, {"money2", `1.25`, ""}, {"money2", `1.255`, "-"},
		{"int4range", `"[1,5)"`, ""}, {"xml", `"<a>b</a>"`, ""}, {"bit(3)", `"101"`, ""},
	}
}

// TestPostgresTypes writes values into columns of every type, both one by one
// and in bulk, and reads them back.
func TestPostgresTypes(t *testing.T) {
	p := postgrestest.Start(t)
	url := p.Create(t, "types")
	all := keptValues()
	ddl := []string{"CREATE EXTENSION citext", "CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE DOMAIN money2 AS numeric(12,2)"}
	var columns []string
	for i, k := range all {
		columns = append(columns, fmt.Sprintf("c%d %s", i, k.typ))
	}
	p.Exec(t, url, append(ddl, "CREATE TABLE t (id int PRIMARY KEY, "+strings.Join(columns, ", ")+")")...)
	c, table := openTable(t, url, "t")
	d := postgresDialect{}
	for i, k := range all {
		column := &table.Columns[i+1]
		v, _, err := FromJSON([]byte(k.value), nil)
		if err == nil {
			v, err = d.Fit(column, v)
		}
		if refused := err != nil; refused != (k.want == "-") {
			t.Errorf("%s into %s: fit: %v", k.value, k.typ, err)
		}
		if err != nil {
			continue
		}
		columns := []string{"id", column.Name}
		row := []Value{{Kind: Integer, Int: int64(2 * i)}, v}
		err = c.Exec(d.Upsert(table, columns, columns[:1], columns[1:], nil), row...)
		row[0].Int++
		_, bulkErr := c.(Bulk).BulkUpsert(table, columns, columns[:1], columns[1:], func(yield func([]Value) error) error { return yield(row) })
		for _, err := range []error{err, bulkErr} {
			var said *Error
			if refused := errors.As(err, &said) && said.Refused; refused != (k.want == "!") || err != nil && !refused {
				t.Errorf("%s into %s: %v", k.value, k.typ, err)
			}
		}
		for n := range 2 {
			if got, want := readOne(t, c, column.Name, 2*i+n), wanted(k); k.want != "!" && got != want {
				t.Errorf("%s into %s came back as %s, not %s (way %d)", k.value, k.typ, got, want, n)
			}
		}
	}
	if err := c.Commit(); err != nil {
		t.Fatal(err)
	}
}

func wanted(k kept) string {
	if k.want == "" {
		return k.value
	}
	return strings.ReplaceAll(k.want, " ", "")
}

func openTable(t *testing.T, url, name string) (Conn, *Table) {
	t.Helper()
	db, err := NewPostgres(url, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := db.Open(t.Context(), Write)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Begin(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	table, err := db.Dialect.Describe(c, Name{Table: name})
	if err != nil || table == nil {
		t.Fatalf("describe: %v", err)
	}
	return c, table
}

func readOne(t *testing.T, c Conn, column string, id int) string {
	t.Helper()
	var got string
	err := rows(c, "SELECT "+column+" FROM t WHERE id = $1", []Value{{Kind: Integer, Int: int64(id)}}, func(s Stmt) {
		b, ok := AppendJSON(nil, s.Column(0))
		if got = string(b); !ok || !json.Valid(b) {
			t.Errorf("%s: no JSON: %s", column, b)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPostgresURL(t *testing.T) {
	tests := map[string]string{
		"postgres://u:geheim@db.example/hr":                                                       "tls db.example db.example:5432/hr public",
		"postgres://u:geheim@db.example/hr?sslmode=disable":                                       "plain db.example:5432/hr public",
		"postgresql://u@127.0.0.1:5433/hr?search_path=a,b":                                        "prefer 127.0.0.1:5433/hr a",
		"postgres://u@127.0.0.1/hr?options=-csearch_path%3Dold":                                   "prefer 127.0.0.1:5432/hr old",
		"postgres://u@127.0.0.1/hr?options=-c%20search_path%3DOld,x%20-c%20work_mem%3D1MB":        "prefer 127.0.0.1:5432/hr old",
		"postgres://u@127.0.0.1/hr?options=--search-path%3Da%20-c%20SEARCH_PATH%3D%22B%5C%20b%22": "prefer 127.0.0.1:5432/hr B b",
		"postgres://u@127.0.0.1/hr?options=-csearch_path%3Dold&search_path=new":                   "prefer 127.0.0.1:5432/hr new",
		"postgres://u@127.0.0.1/hr?options=-cstatement_timeout%3D5%20-e":                          "prefer 127.0.0.1:5432/hr public",
		"postgres://u:ge heim@db.example/hr":                                                      "url is no URL",
		"postgres://u:geheim%@db.example/hr":                                                      "url is no URL",
		"mysql://u:geheim@db.example/hr":                                                          "url does not start with postgres://",
		"postgres://u:geheim@db.example/":                                                         "url names no database",
		"postgres:///hr":                                                                          "url names no host",
		"host=db.example password=geheim":                                                         "url does not start with postgres://",
		"postgres://u:geheim@db.example/hr?sslmode=geheim":                                        "url can't be used",
		"postgres://u:geheim@db.example:abc/hr":                                                   "url is no URL",
		"":                                                                                        "url is empty",
		"postgres://u:geheim@db.example/hr?sslrootcert=missing-geheim":                            "url can't be used",
		"postgres://u:geheim@localhost/hr?sslmode=verify-full":                                    "tls localhost localhost:5432/hr public",
	}
	for text, want := range tests {
		p, err := readPostgresURL(text, "")
		got := ""
		if err != nil {
			var field *connector.FieldError
			if !errors.As(err, &field) || strings.Contains(strings.ReplaceAll(err.Error(), "missing-geheim", ""), "geheim") {
				t.Errorf("%s: %v", text, err)
			}
			got = err.Error()[:min(len(want), len(err.Error()))]
		} else {
			got = fmt.Sprintf("%s %s", p.title(), p.schema)
			switch {
			case p.config.TLSConfig == nil:
				got = "plain " + got
			case len(p.config.Fallbacks) > 0:
				got = "prefer " + got
			case !p.config.TLSConfig.InsecureSkipVerify:
				got = "tls " + p.config.TLSConfig.ServerName + " " + got
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", text, diff)
		}
	}
}

// TestPostgresOptions holds that tables without a schema are named after the
// one in which the server looks for them.
func TestPostgresOptions(t *testing.T) {
	p := postgrestest.Start(t)
	url := p.Create(t, "options")
	p.Exec(t, url, `CREATE SCHEMA "old one"`, `CREATE TABLE "old one".staff (id int PRIMARY KEY)`)
	for _, more := range []string{`&options=-c%20search_path%3D%22old%5C%20one%22`, `&search_path=%22old%20one%22`} {
		_, table := openTable(t, url+more, "staff")
		db, err := NewPostgres(url+more, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := db.Dialect.Identity(Name{Table: "staff"}), db.Dialect.Identity(table.Name); got != want {
			t.Errorf("%s: named %s, found %s", more, got, want)
		}
	}
}

// TestPostgresNames: a table is found by its exact name, whatever is in it,
// else by one that differs in the case of ASCII letters.
func TestPostgresNames(t *testing.T) {
	p := postgrestest.Start(t)
	url := p.Create(t, "names")
	names := []string{"Ünïcode_Tåble", "plain", "Upper Case", `a"b.c`, "${x}", "İstanbul", "ΣΊΣΥΦΟΣ"}
	for _, n := range names {
		p.Exec(t, url, "CREATE TABLE "+postgresDialect{}.Quote(n)+" (id int PRIMARY KEY)")
	}
	for _, n := range names {
		if _, table := openTable(t, url, n); table.Name.Table != n {
			t.Errorf("%s: found %s", n, table.Name.Table)
		}
	}
	if _, table := openTable(t, url, "upper case"); table.Name.Table != "Upper Case" {
		t.Errorf("upper case: found %s", table.Name.Table)
	}
}
