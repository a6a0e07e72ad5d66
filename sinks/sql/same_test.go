package sql

import (
	"testing"
	"time"

	"koppel/internal/sql"
)

func TestSame(t *testing.T) {
	maria, err := sql.NewMySQL("mysql://ann:x@db.example/hr", "", time.Second, 0)
	if err != nil {
		t.Fatal(err)
	}
	microsoft, err := sql.NewSQLServer("sqlserver://ann:x@db.example?database=hr", time.Second, 0)
	if err != nil {
		t.Fatal(err)
	}
	postgres, err := sql.NewPostgres("postgres://ann:x@db.example/hr", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		shown, written string
		want           bool
	}{
		{`{"a":1}`, `"{ \"a\": 1.0 }"`, true},
		{`[]`, `"[]"`, true},
		{`[]`, `"[]}"`, false},
		{`[]`, `"{}"`, false},
		{`{"a":1}`, `"{\"a\":2}"`, false},
		{`{"a":1}`, `"{\"a\":1},\"b\":{}"`, false},
		{`{"a":1}`, `{"a":1}`, false}, // not asked: they do not look different
		{`{}`, `"text"`, false},
		{`{}`, `""`, false},
		{`{}`, `null`, false},
		{`"x"`, `["x"]`, false},
		{`"{}"`, `"{ }"`, false},
	} {
		for name, db := range map[string]*sql.DB{"mysql": maria, "sqlserver": microsoft, "postgres": postgres} {
			s := &sink{db: db}
			if got, want := s.Same("doc", []byte(c.shown), []byte(c.written)), c.want && name != "postgres"; got != want {
				t.Errorf("%s: %s for %s: %t, want %t", name, c.shown, c.written, got, want)
			}
		}
	}
}

func TestSameScalar(t *testing.T) {
	for _, c := range []struct {
		base           string
		shown, written string
		want           bool
	}{
		{"int4", `2`, `"2"`, true},
		{"text", `"1.5"`, `1.50`, true},
		{"text", `"1.50"`, `1.5`, false},
		{"bool", `true`, `"true"`, true},
		{"text", `"1"`, `true`, true},
		{"bit", `false`, `0`, true},
		{"bit", `true`, `0`, false},
		{"int4", `null`, `2`, false},
		{"timestamptz", `"2026-02-28T10:34:56Z"`, `"2026-02-28T12:34:56+02:00"`, true},
		{"timestamptz", `"2026-02-28T10:34:56.12Z"`, `"2026-02-28 10:34:56.120Z"`, true},
		{"timestamptz", `"2026-02-28T10:34:56Z"`, `"2026-02-28T10:34:57Z"`, false},
		{"timestamp", `"2026-02-28T10:34:00"`, `"2026-02-28T10:34Z"`, true},
		{"time", `"12:00:00"`, `"12:00"`, true},
		{"timetz", `"12:00:00+02"`, `"12:00:00+02:00"`, true},
		{"text", `"12:00:00"`, `"12:00"`, false},
		{"timestamptz", `"infinity"`, `"-infinity"`, false},
		{"uuid", `"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"`, `"{A0EEBC999C0B4EF8BB6D6BB9BD380A11}"`, true},
		{"char", `"ab"`, `"ab  "`, true},
		{"varchar", `"ab"`, `"ab  "`, false},
	} {
		class := sql.Native
		if c.base == "text" || c.base == "varchar" {
			class = sql.Texts
		}
		s := &sink{}
		s.shown.Store(&sql.Table{Columns: []sql.Column{{Name: "v", Base: c.base, Class: class}}})
		if got := s.Same("v", []byte(c.shown), []byte(c.written)); got != c.want {
			t.Errorf("%s: %s for %s: %t, want %t", c.base, c.shown, c.written, got, c.want)
		}
	}
}
