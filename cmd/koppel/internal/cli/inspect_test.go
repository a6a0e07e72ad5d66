package cli

import (
	"errors"
	"fmt"
	"testing"

	"koppel/engine"
	"koppel/engine/state"
)

func TestWhatIsNamedWronglyExitsWithThree(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{&engine.UnknownError{What: "key", Name: "1"}, exitWrong},
		{&engine.AmbiguousError{What: "key", Name: "1"}, exitWrong},
		{fmt.Errorf("move: %w", &engine.TakenError{Address: "pipeline.people"}), exitWrong},
		{fmt.Errorf("remove: %w", engine.ErrConfigured), exitWrong},
		{&state.LockedError{Name: "pipeline.people", Holder: "another"}, exitStale},
		{errors.New("the disk is full"), exitFailure},
		{silent(exitPartial), exitPartial},
		{nil, exitDone},
	} {
		if got := exitOf(named(tt.err)); got != tt.want {
			t.Errorf("%v: exit %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestFileNamesOfAddresses(t *testing.T) {
	for _, tt := range []struct{ name, want string }{
		{"employees", "employees"}, {`employees["acme"]`, "employees-acme"}, {`a["../x y"]`, "a-..-x-y"}, {`["é"]`, ""},
	} {
		if got := fileName(tt.name); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
