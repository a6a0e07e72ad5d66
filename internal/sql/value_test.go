package sql

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/record"
)

// TestNumbersStayExact: a number is stored as the same decimal or not at all.
func TestNumbersStayExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lit := rapid.StringMatching(`-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,20})?`).Draw(t, "literal")
		v, err := Number([]byte(lit))
		if err != nil {
			if digits := strings.Trim(strings.NewReplacer("-", "", ".", "").Replace(lit), "0"); len(digits) <= 15 {
				t.Fatalf("%s with %d digits: %v", lit, len(digits), err)
			}
			return
		}
		back, ok := AppendJSON(nil, v)
		want, _ := new(big.Rat).SetString(lit)
		got, parsed := new(big.Rat).SetString(string(back))
		if !ok || !parsed || want.Cmp(got) != 0 {
			t.Fatalf("%s came back as %s", lit, back)
		}
	})
}

func TestNumber(t *testing.T) {
	tests := map[string]Value{
		"0":                    {Kind: Integer},
		"-0":                   {Kind: Integer},
		"7.0":                  {Kind: Integer, Int: 7},
		"1e3":                  {Kind: Integer, Int: 1000},
		"9223372036854775807":  {Kind: Integer, Int: 1<<63 - 1},
		"-9223372036854775808": {Kind: Integer, Int: -1 << 63},
		"12.50":                {Kind: Real, Float: 12.5},
		"1e300":                {Kind: Real, Float: 1e300},
		"18446744073709551616": {Kind: Real, Float: 18446744073709551616},
	}
	for lit, want := range tests {
		got, err := Number([]byte(lit))
		if lit == "18446744073709551616" {
			if !errors.Is(err, ErrDigits) {
				t.Errorf("Number(%s) = %v, %v; want ErrDigits", lit, got, err)
			}
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("Number(%s): %v (-want +got)\n%s", lit, err, diff)
		}
	}
}

// TestFitKeepsValues writes values into columns of every class of a real
// database: what Fit lets through comes back as the same number or text.
func TestFitKeepsValues(t *testing.T) {
	conn, err := NewSQLite(t.TempDir()+"/fit.db", "fit.db", 0).Open(t.Context(), Create)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	types := []string{"", "TEXT", "INTEGER", "NUMERIC", "REAL", "BOOLEAN", "JSON", "VARCHAR(3)", "DATE", "DOUBLE", "BLOB"}
	var names []string
	for i, typ := range types {
		names = append(names, "c"+strconv.Itoa(i)+" "+typ)
	}
	if err := conn.Exec("CREATE TABLE t (" + strings.Join(names, ", ") + ")"); err != nil {
		t.Fatal(err)
	}
	d := sqliteDialect{}
	table, err := d.Describe(conn, Name{Table: "t"})
	if err != nil {
		t.Fatal(err)
	}
	texts := rapid.OneOf(rapid.StringMatching(`[ +-]?0{0,2}[0-9]{0,20}(\.[0-9]{0,4})?([eE][+-]?[0-9]{1,2})?[ \n]?`),
		rapid.String(), rapid.SampledFrom([]string{"inf", "nan", "0x10", "1_000", "Infinity", ".", "-", "1e", "2026-01-01"}))
	rapid.Check(t, func(t *rapid.T) {
		var raw []byte
		if rapid.Bool().Draw(t, "text") {
			s := texts.Draw(t, "value")
			if !utf8.ValidString(s) {
				return
			}
			raw = record.AppendString(nil, s)
		} else {
			raw = []byte(rapid.StringMatching(`-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,5})?`).Draw(t, "number"))
		}
		v, _, err := FromJSON(raw, nil)
		if err != nil {
			return
		}
		c := &table.Columns[rapid.IntRange(0, len(types)-1).Draw(t, "column")]
		fit, err := d.Fit(c, v)
		if err != nil {
			return
		}
		if err := conn.Exec("DELETE FROM t"); err != nil {
			t.Fatal(err)
		}
		if err := conn.Exec("INSERT INTO t ("+c.Name+") VALUES (?1)", fit); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := rows(conn, "SELECT "+c.Name+" FROM t", nil, func(s Stmt) { got, _ = s.Column(0).KeyText() }); err != nil {
			t.Fatal(err)
		}
		want, _ := record.Text(raw)
		if got != want {
			t.Fatalf("%s in a %s column came back as %q", raw, c.Type, got)
		}
	})
}

func TestAppendText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := []byte(rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,20}`), rapid.StringMatching("[ !\"#\\[\\\\\\]\x1f\x7f\x00]{0,12}")).Draw(t, "text"))
		got, ok := appendText(nil, s)
		if ok != utf8.Valid(s) {
			t.Fatalf("%q: ok = %v", s, ok)
		}
		if want := record.AppendString(nil, s); ok && string(want) != string(got) {
			t.Fatalf("%q: got %s, want %s", s, got, want)
		}
	})
}

func TestFitRefusesNumbersInWhiteSpace(t *testing.T) {
	for _, text := range []string{"1E0\n", " 7", "7 ", "1.5\t"} {
		c := &Column{Name: "n", Type: "INTEGER", Class: Numbers}
		if v, err := (sqliteDialect{}).Fit(c, Value{Kind: Text, Text: []byte(text)}); err == nil {
			t.Errorf("%q became %+v", text, v)
		}
	}
}
