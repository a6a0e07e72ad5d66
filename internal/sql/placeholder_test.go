package sql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func dollar(n int) string { return fmt.Sprintf("$%d", n) }

func TestParseQuery(t *testing.T) {
	tests := map[string]struct {
		kinds, text, want, names, inFunction string
	}{
		"names":     {"all", "SELECT :a, :b WHERE x=:a", "SELECT $1, $2 WHERE x=$1", "a b", "false false"},
		"strings":   {"all", "SELECT ':a', 'it''s :b', \":c\", :g", "SELECT ':a', 'it''s :b', \":c\", $1", "g", "false"},
		"casts":     {"all", "SELECT x::text, :a::int", "SELECT x::text, $1::int", "a", "false"},
		"comments":  {"all", "SELECT 1 -- :a\n, :b /* :c */ ;\n", "SELECT 1 -- :a\n, $1 /* :c */", "b", "false"},
		"calls":     {"all", "WHERE x > datetime(:a) AND y > (:b)", "WHERE x > datetime($1) AND y > ($2)", "a b", "true false"},
		"unclosed":  {"all", "SELECT ':a", "SELECT ':a", "", ""},
		"times":     {"all", "SELECT '12:30:00', 12:30", "SELECT '12:30:00', 12:30", "", ""},
		"nested":    {"all", "f(g(:a), (:b), 'x)', :c) + :d", "f(g($1), ($2), 'x)', $3) + $4", "a b c d", "true false true false"},
		"non-ascii": {"all", "SELECT é:a, 'é' || :b", "SELECT é:a, 'é' || $1", "b", "false"},
		"assigned":  {"all", "SELECT @a := :b", "SELECT @a := $1", "b", "false"},

		"backticks":              {"mysql sqlite", "SELECT `:a``:b`, :c", "SELECT `:a``:b`, $1", "c", "false"},
		"no backticks":           {"postgres sqlserver", "SELECT ` :a ` :b", "SELECT ` $1 ` $2", "a b", "false false"},
		"brackets":               {"sqlite sqlserver", "SELECT [e :f], [:g], [x]]:y], :h", "SELECT [e :f], [:g], [x]]:y], $1", "h", "false"},
		"arrays":                 {"postgres", "SELECT ARRAY[id, :a], x[1:2], x[:b], b[1::c], y[n:m]", "SELECT ARRAY[id, $1], x[1:2], x[$2], b[1::c], y[n:m]", "a b", "false false"},
		"dollars":                {"postgres", "SELECT $$:a$$, $t$ :b $t$, :c", "SELECT $$:a$$, $t$ :b $t$, $1", "c", "false"},
		"dollars in names":       {"postgres", "SELECT a$b$, :c, x$b$", "SELECT a$b$, $1, x$b$", "c", "false"},
		"no dollars":             {"mysql sqlite sqlserver", "SELECT '$$', $$, :c, $$", "SELECT '$$', $$, $1, $$", "c", "false"},
		"backslash quote":        {"mysql", `SELECT 'it\'s :a', "\":b", :c`, `SELECT 'it\'s :a', "\":b", $1`, "c", "false"},
		"backslash at the end":   {"mysql", `SELECT 'a\\', :c`, `SELECT 'a\\', $1`, "c", "false"},
		"backslash of a path":    {"postgres sqlite sqlserver", `SELECT 'c:\', :a, 'd:\'`, `SELECT 'c:\', $1, 'd:\'`, "a", "false"},
		"backslash in backticks": {"mysql", "SELECT `a\\`, :c, `b`", "SELECT `a\\`, $1, `b`", "c", "false"},
		"escapes":                {"postgres", `SELECT E'it\'s :a', e'\\', :b, te'x', :c`, `SELECT E'it\'s :a', e'\\', $1, te'x', $2`, "b c", "false false"},
		"national":               {"all", "SELECT N':a', x':b', :c", "SELECT N':a', x':b', $1", "c", "false"},
		"hash":                   {"mysql", "SELECT 1 # :a '\n, :b", "SELECT 1 # :a '\n, $1", "b", "false"},
		"no hash":                {"postgres sqlserver", "SELECT x #> :a, #t", "SELECT x #> $1, #t", "a", "false"},
		"minus minus":            {"mysql", "SELECT 5--:a, :b --\t:c\n, :d", "SELECT 5--$1, $2 --\t:c\n, $3", "a b d", "false false false"},
		"comment in comment":     {"postgres sqlserver", "SELECT /* /* :a */ :b */ :c", "SELECT /* /* :a */ :b */ $1", "c", "false"},
		"comment and no other":   {"mysql sqlite", "SELECT /* /* :a */ :b", "SELECT /* /* :a */ $1", "b", "false"},
		"quote in a comment":     {"all", "SELECT :a -- it's\n, :b /* it's */, :c", "SELECT $1 -- it's\n, $2 /* it's */, $3", "a b c", "false false false"},
	}
	for name, test := range tests {
		kinds := strings.Fields(strings.ReplaceAll(test.kinds, "all", "postgres mysql sqlite sqlserver"))
		for _, kind := range kinds {
			t.Run(name+" "+kind, func(t *testing.T) {
				q := ParseQuery(test.text, SyntaxOf(kind), dollar)
				got := []string{q.Text, strings.Join(q.Names, " "), strings.Trim(fmt.Sprint(q.InFunction), "[]")}
				if diff := cmp.Diff([]string{test.want, test.names, test.inFunction}, got); diff != "" {
					t.Errorf("query (-want +got)\n%s", diff)
				}
			})
		}
	}
}

// FuzzParseQuery checks that nothing but placeholders changes, whatever the
// text is.
func FuzzParseQuery(f *testing.F) {
	for i, s := range []string{"SELECT :a, ':b', x::c -- :d\n", "/* /*", "'\\'", "$x$", "[a:b]", "f((:a)", "::", ":a:b", "\"\"\"", "E'\\", "#:a\n:b", "?1?"} {
		f.Add(s, byte(i))
	}
	f.Fuzz(func(t *testing.T, text string, which byte) {
		y := SyntaxOf([]string{"postgres", "mysql", "sqlite", "sqlserver"}[which%4])
		const mark = "\x00"
		q := ParseQuery(text, y, func(n int) string { return fmt.Sprintf("%s%d%s", mark, n, mark) })
		if strings.Contains(text, mark) {
			return
		}
		back := q.Text
		for i, name := range q.Names {
			back = strings.ReplaceAll(back, fmt.Sprintf("%s%d%s", mark, i+1, mark), ":"+name)
		}
		if want := strings.TrimRight(text, "; \t\r\n"); back != want {
			t.Errorf("%q came back as %q", want, back)
		}
		if strings.Count(q.Text, mark) != 2*strings.Count(q.Without, "NULL")-2*strings.Count(text, "NULL") {
			t.Errorf("%q: %q has other placeholders than %q", text, q.Without, q.Text)
		}
		if len(q.InFunction) != len(q.Names) {
			t.Errorf("%d marks for %d names", len(q.InFunction), len(q.Names))
		}
	})
}

// FuzzMySQLParameters checks that numbered placeholders come out where ParseQuery
// put them, and nothing else changes.
func FuzzMySQLParameters(f *testing.F) {
	for _, s := range []string{"SELECT :a, '?1', :b, :a", "\"\\\":a\"", "`:a", "# ?1\n:a", "5--:a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "?") {
			return // a ? of the query's own
		}
		q := ParseQuery(text, mysqlDialect{}.Syntax(), mysqlDialect{}.Placeholder)
		marked, params := mysqlParameters(q.Text)
		back, rest := "", marked
		for _, p := range params {
			before, after, ok := strings.Cut(rest, "?")
			if !ok || p >= len(q.Names) {
				t.Fatalf("%q: %v in %q", text, params, marked)
			}
			back, rest = back+before+":"+q.Names[p], after
		}
		if want := strings.TrimRight(text, "; \t\r\n"); back+rest != want {
			t.Errorf("%q came back as %q", want, back+rest)
		}
	})
}
