package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("# Head\n" + tableBegin + "old\n" + tableEnd + "\ntail\n")
	for range 2 {
		if err := rewrite(path, "| new |"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "# Head\n" + tableBegin + "\n| new |\n\n" + tableEnd + "\ntail\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("file (-want +got)\n%s", diff)
	}
	write("# Head\n")
	if err := rewrite(path, "x"); !errors.Is(err, errMarks) {
		t.Errorf("without marks: %v", err)
	}
}
