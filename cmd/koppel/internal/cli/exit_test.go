package cli

import (
	"errors"
	"fmt"
	"testing"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/state"
)

func TestExitPrecedence(t *testing.T) {
	order := []int{exitWrong, exitStale, exitUnreachable, exitFailure, exitHeld, exitPartial, exitChanges, exitDone}
	for i, first := range order {
		x := &exits{}
		for _, code := range order[i:] {
			x.add(code)
		}
		if got := x.code(); got != first {
			t.Errorf("exit %d, want %d of %v", got, first, order[i:])
		}
	}
}

func TestExitOf(t *testing.T) {
	for _, test := range []struct {
		err  error
		want int
	}{
		{nil, exitDone},
		{errors.New("x"), exitFailure},
		{silent(exitHeld), exitHeld},
		{wrong("x"), exitWrong},
		{&engine.StaleError{}, exitStale},
		{&engine.IdentityError{}, exitStale},
		{&state.LockedError{}, exitStale},
		{&plan.FileError{}, exitWrong},
		{state.ErrKey, exitWrong},
		{state.ErrNewer, exitFailure},
		{connector.ErrUnreachable, exitUnreachable},
	} {
		if got := exitOf(test.err); got != test.want {
			t.Errorf("exitOf(%v) = %d, want %d", test.err, got, test.want)
		}
		if test.err == nil {
			continue
		}
		if got := exitOf(errors.Join(fmt.Errorf("open it: %w", test.err), nil)); got != test.want {
			t.Errorf("exitOf(%v), wrapped = %d, want %d", test.err, got, test.want)
		}
	}
}

// TestUnreachablePartition: a system that refused one partition outweighs what
// else is wrong.
func TestUnreachablePartition(t *testing.T) {
	run := &engine.Result{Pipelines: []engine.PipelineResult{{Status: "partial", Unreachable: true}, {Status: "failed"}}}
	if got := judgeRun(nil, run).code(); got != exitUnreachable {
		t.Errorf("run: exit %d, want %d", got, exitUnreachable)
	}
	p := &engine.Planned{Header: &plan.Header{Pipelines: []plan.Pipeline{{Unreachable: true, Counts: plan.Counts{Failed: 1}}}}}
	if got := judgePlan(nil, p, true).code(); got != exitUnreachable {
		t.Errorf("plan: exit %d, want %d", got, exitUnreachable)
	}
}

func TestStartersOfAllKinds(t *testing.T) {
	for _, from := range sourceKinds() {
		for _, to := range sinkKinds() {
			if _, err := starterText(from, to); err != nil {
				t.Errorf("--from %s --to %s: %v", from, to, err)
			}
		}
	}
}
