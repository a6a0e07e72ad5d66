package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMedian(t *testing.T) {
	at := func(s int, peak int64) usage { return usage{wall: time.Duration(s) * time.Second, peak: peak} }
	tests := []struct {
		name string
		runs []usage
		want usage
	}{
		{"none", nil, usage{}},
		{"one", []usage{at(3, 1)}, at(3, 1)},
		{"odd", []usage{at(9, 1), at(1, 7), at(4, 2)}, at(4, 7)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := median(tt.runs); got != tt.want {
				t.Errorf("median is %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "table.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("# Head\n" + tableBegin + "old\n" + tableEnd + "\ntail\n")
	for range 2 {
		if err := rewrite(path, "| new |\n"); err != nil {
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

func TestFloorOfOtherForms(t *testing.T) {
	b := &bench{}
	b.result("T1", "T1").floor = []usage{{wall: time.Second}}
	form, alone := b.result("T1, as expr", "T1"), b.result("version", "")
	if got := b.floorOf(form); got.wall != time.Second {
		t.Errorf("floor of a form: %v", got)
	}
	if got := b.floorOf(alone); got != (usage{}) {
		t.Errorf("floor of what has none: %v", got)
	}
}
