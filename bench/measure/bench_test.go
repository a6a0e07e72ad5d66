package main

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSizes(t *testing.T) {
	tests := []struct {
		text string
		want []int
	}{
		{"1000", []int{1000}},
		{"10000, 100,100", []int{100, 10000}},
		{"", nil},
		{"0", nil},
		{"10,-1", nil},
		{"1m", nil},
	}
	for _, tt := range tests {
		got, err := parseSizes(tt.text)
		if diff := cmp.Diff(tt.want, got); diff != "" || (err == nil) != (tt.want != nil) {
			t.Errorf("sizes of %q: %v (-want +got)\n%s", tt.text, err, diff)
		}
	}
}

func TestMainSize(t *testing.T) {
	tests := []struct {
		sizes []int
		want  int
	}{
		{[]int{20_000}, 20_000},
		{[]int{100_000, 1_000_000, 10_000_000}, 1_000_000},
		{[]int{5_000_000, 10_000_000}, 5_000_000},
	}
	for _, tt := range tests {
		b := &bench{sizes: tt.sizes}
		if got := b.mainSize(); got != tt.want {
			t.Errorf("main size of %v is %d, want %d", tt.sizes, got, tt.want)
		}
	}
}

func TestRoom(t *testing.T) {
	b := &bench{sizes: []int{100, 1000}, dir: t.TempDir()}
	all := int64(2*1100*dataBytes + 1000*runBytes)
	if got := b.need(); got != all {
		t.Errorf("need %d bytes, want %d", got, all)
	}
	if err := os.WriteFile(b.dataPath(1000, true), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := b.need(), all-1000*dataBytes; got != want {
		t.Errorf("need %d bytes with some data made, want %d", got, want)
	}
	if err := enough("d", 10, 10); err != nil {
		t.Errorf("just enough: %v", err)
	}
	if err := enough("d", 10, 9); !errors.Is(err, errRoom) {
		t.Errorf("too little: %v", err)
	}
}
