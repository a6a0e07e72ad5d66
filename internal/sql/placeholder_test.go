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
		text, want, names, inFunction string
	}{
		"names":     {"SELECT :a, :b WHERE x=:a", "SELECT $1, $2 WHERE x=$1", "a b", "false false"},
		"strings":   {"SELECT ':a', 'it''s :b', \":c\", `:d`, [e :f], :g", "SELECT ':a', 'it''s :b', \":c\", `:d`, [e :f], $1", "g", "false"},
		"casts":     {"SELECT x::text, :a::int", "SELECT x::text, $1::int", "a", "false"},
		"comments":  {"SELECT 1 -- :a\n, :b /* :c */ ;\n", "SELECT 1 -- :a\n, $1 /* :c */", "b", "false"},
		"calls":     {"WHERE x > datetime(:a) AND y > (:b)", "WHERE x > datetime($1) AND y > ($2)", "a b", "true false"},
		"slices":    {"SELECT a[1:2], b[1::c]", "SELECT a[1:2], b[1::c]", "", ""},
		"dollars":   {"SELECT $$:a$$, $t$ :b $t$, :c", "SELECT $$:a$$, $t$ :b $t$, $1", "c", "false"},
		"unclosed":  {"SELECT ':a", "SELECT ':a", "", ""},
		"times":     {"SELECT '12:30:00', 12:30", "SELECT '12:30:00', 12:30", "", ""},
		"nested":    {"f(g(:a), (:b), 'x)', :c) + :d", "f(g($1), ($2), 'x)', $3) + $4", "a b c d", "true false true false"},
		"non-ascii": {"SELECT é:a, 'é' || :b", "SELECT é:a, 'é' || $1", "b", "false"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			q := ParseQuery(test.text, dollar)
			got := []string{q.Text, strings.Join(q.Names, " "), strings.Trim(fmt.Sprint(q.InFunction), "[]")}
			if diff := cmp.Diff([]string{test.want, test.names, test.inFunction}, got); diff != "" {
				t.Errorf("query (-want +got)\n%s", diff)
			}
		})
	}
}

// FuzzParseQuery checks that nothing but placeholders changes, whatever the
// text is.
func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{"SELECT :a, ':b', x::c -- :d\n", "/*", "'", "$x$", "[a:b]", "f((:a)", "::", ":a:b", "\"\"\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const mark = "\x00"
		q := ParseQuery(text, func(n int) string { return fmt.Sprintf("%s%d%s", mark, n, mark) })
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
