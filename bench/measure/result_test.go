package main

import (
	"testing"
	"time"
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

func TestVerdict(t *testing.T) {
	all := must{ratio: 2, wall: 3 * time.Second, peak: 64 << 20}
	tests := []struct {
		name          string
		must          must
		koppel, floor usage
		want          string
	}{
		{"not asked", must{}, took(9000, 900), took(1, 1), ""},
		{"all at the limit", all, took(2000, 64), took(1000, 1), "yes"},
		{"slower than the floor allows", all, took(2001, 64), took(1000, 1), "**no**: ratio"},
		{"too long", must{wall: time.Second}, took(1001, 64), usage{}, "**no**: time"},
		{"too large", all, took(2000, 65), took(1000, 1), "**no**: peak"},
		{"all missed", all, took(3001, 65), took(1000, 1), "**no**: ratio, time, peak"},
		{"no floor", all, took(2000, 64), usage{}, "not known: ratio"},
		{"no floor, too large", all, took(2000, 65), usage{}, "**no**: peak"},
		{"peak not known", all, took(2000, 0), took(1000, 1), "not known: peak"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.must.verdict(tt.koppel, tt.floor); got != tt.want {
				t.Errorf("verdict is %q, want %q", got, tt.want)
			}
		})
	}
}
