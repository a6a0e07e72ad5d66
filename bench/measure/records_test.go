package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// record is a mapped record, with some members as given.
func record(id, mail string) string {
	return `{"jobTitle":"t","id":"` + id + `","employeeId":"1","email":"e","fullName":"f","startDate":"s","managerEmail":` + mail +
		`,"city":"c","categories":"","phone":"","contract":"c","department":"d"}`
}

func given(name string, lines ...string) dataset {
	return dataset{name, func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(strings.Join(lines, "\n"))), nil
	}}
}

func TestSame(t *testing.T) {
	a, b := record("a", `"m"`), record("b", "null")
	tests := []struct {
		name string
		got  []string
		want error
	}{
		{"the same", []string{a, b}, nil},
		{"another order", []string{b, a}, nil},
		{"empty for null", []string{a, record("b", `""`)}, nil},
		{"one missing", []string{a}, errDiffer},
		{"one too many", []string{a, b, b}, errDiffer},
		{"one twice for another", []string{a, a}, errDiffer},
		{"another value", []string{a, record("b", `"x"`)}, errDiffer},
		{"another null", []string{record("a", "null"), b}, errDiffer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for name, same := range map[string]func(want, got dataset) error{"same": same, "sameInOrder": sameInOrder} {
				if err := same(given("want", a, b), given("got", tt.got...)); !errors.Is(err, tt.want) {
					t.Errorf("%s: error is %v, want %v", name, err, tt.want)
				}
			}
		})
	}
}

func TestSameNamesTheRecord(t *testing.T) {
	a, b, x := record("a", "null"), record("b", "null"), record("x", "null")
	err := same(given("one", a, b), given("other", a, x))
	if err == nil || !strings.Contains(err.Error(), "only in one: "+b) || !strings.Contains(err.Error(), "only in other: "+x) {
		t.Errorf("error is %v", err)
	}
}

func TestRecordsThatAreNone(t *testing.T) {
	for _, line := range []string{"", "{", "null", `{"id":"a"}`, record("a", "1"), strings.Replace(record("a", "null"), "city", "town", 1),
		strings.Replace(record("a", "null"), "{", `{"more":"",`, 1)} {
		if _, err := identify([]byte(line)); err == nil {
			t.Errorf("%s counts as a mapped record", line)
		}
	}
}

func TestTableOfDatabase(t *testing.T) {
	if _, err := exec.LookPath("sqlite3"); err != nil {
		t.Skip("sqlite3 is not on this machine")
	}
	db := filepath.Join(t.TempDir(), "a.db")
	if err := same(given("given", record("a", "null")), table("no table", db)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a database that is not there: %v", err)
	}
	ddl := "CREATE TABLE employee (" + strings.Join(fields, ", ") + ", extra);" +
		"INSERT INTO employee VALUES ('a','1','e','f','s',NULL,'c','','','c','d','t', 9);"
	if out, err := exec.Command("sqlite3", db, ddl).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := same(given("given", record("a", "null")), table("table", db)); err != nil {
		t.Error(err)
	}
	if out, err := exec.Command("sqlite3", db, "DROP TABLE employee").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := sameInOrder(table("table", db), table("table", db)); err == nil {
		t.Error("two tables that are not there count as equal")
	}
	if err := same(given("given"), table("table", db)); err == nil {
		t.Error("a table that is not there counts as an empty one")
	}
}
