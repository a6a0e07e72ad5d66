package engine

import "testing"

func TestMaskOne(t *testing.T) {
	for _, tt := range []struct{ message, value, want string }{
		{"no Jansen here", "Jansen", "no ‹sensitive› here"},
		{"xJansenx", "Jansen", "x‹sensitive›x"},
		{"12 in 2012, 12", "12", "‹sensitive› in 2012, ‹sensitive›"},
		{`{"n":12}`, "12", `{"n":‹sensitive›}`},
		{"é12", "12", "é12"},
		{"nothing", "12", "nothing"},
	} {
		if got := maskOne(tt.message, tt.value); got != tt.want {
			t.Errorf("%q without %q: %q, want %q", tt.message, tt.value, got, tt.want)
		}
	}
}
