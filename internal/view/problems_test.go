package view

import (
	"strings"
	"testing"

	"koppel/engine/plan"
)

func TestManyProblemsDoNotHideWhyARunStopped(t *testing.T) {
	var all []plan.Problem
	for range 2 * shownProblems {
		all = append(all, plan.Problem{Key: "1", Message: "refused"})
	}
	all = append(all, plan.Problem{Message: "the sink was stopped"})
	var b strings.Builder
	writeProblems(&b, all, 0, Style{})
	lines := strings.Split(b.String(), "\n")
	if want := "    the sink was stopped"; lines[2] != want {
		t.Errorf("got %q, want %q first", lines[2], want)
	}
}

func TestUnrepeated(t *testing.T) {
	problems := []plan.Problem{{Message: "file people: it is cut"}, {Message: "the set stays, and file people: it is cut"}}
	for _, tt := range []struct{ message, want string }{
		{"the set stays, and file people: it is cut", "the set stays"},
		{"the set stays, and file teams: it is cut", "the set stays, and file teams: it is cut"},
		{"file people: it is cut", "file people: it is cut"},
	} {
		if got := unrepeated(tt.message, problems); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
