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
