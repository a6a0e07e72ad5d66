package demo

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		line string
		want commandLine
	}{
		{"koppel  -C a plan", commandLine{words: []string{"koppel", "-C", "a", "plan"}}},
		{`curl -d '{"a": "b c"}' http://x/y`, commandLine{words: []string{"curl", "-d", `{"a": "b c"}`, "http://x/y"}}},
		{`sqlite3 a.db "set a = 'b' where c = ''"`, commandLine{words: []string{"sqlite3", "a.db", "set a = 'b' where c = ''"}}},
		{"echo '' >> a.txt", commandLine{words: []string{"echo", ""}, append: "a.txt"}},
		{"koppel held | head -3", commandLine{words: []string{"koppel", "held"}, head: 3}},
	} {
		got, err := parse(tt.line)
		if err != nil {
			t.Errorf("%s: %v", tt.line, err)
			continue
		}
		if diff := cmp.Diff(tt.want, *got, cmp.AllowUnexported(commandLine{})); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.line, diff)
		}
	}
	for _, line := range []string{"", "  ", "echo 'open", "koppel held | head -x"} {
		if got, err := parse(line); err == nil {
			t.Errorf("%q is taken for %+v", line, got)
		}
	}
}

func TestExpand(t *testing.T) {
	for pattern, want := range map[string][]string{
		"http://x/a":       {"http://x/a"},
		"http://x/{a,b}":   {"http://x/a", "http://x/b"},
		"http://x/{a,b}/c": {"http://x/a/c", "http://x/b/c"},
	} {
		if diff := cmp.Diff(want, expand(pattern)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", pattern, diff)
		}
	}
}

func TestTable(t *testing.T) {
	got := table([]string{"id", "name"}, [][]string{{"7", "Zoë"}, {"12", ""}})
	want := "id  name\n--  ----\n7   Zoë\n12\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestFill(t *testing.T) {
	facts := map[string]string{"employees": "40", "in 3 days": "2026-12-01"}
	got := fill(`{employees} {in 3 days} {unknown} {"a": 1} {0001,0002}`, facts)
	if want := `40 2026-12-01 {unknown} {"a": 1} {0001,0002}`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEqual(t *testing.T) {
	one, two := []string{"1", "a"}, []string{"2", "b"}
	for _, tt := range []struct {
		name      string
		want, got [][]string
		error     string
	}{
		{"the same", [][]string{one, two}, [][]string{two, one}, ""},
		{"one is missing", [][]string{one, two}, [][]string{one}, "the list should hold 2 | b"},
		{"one too many", [][]string{one}, [][]string{one, two}, "the list should not hold 2 | b"},
		{"one twice", [][]string{one}, [][]string{one, one}, "the list should hold 1 rows, and not 2"},
	} {
		got := ""
		if err := equal("the list", tt.want, tt.got); err != nil {
			got = err.Error()
		}
		if got != tt.error {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.error)
		}
	}
}
