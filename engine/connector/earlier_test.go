package connector_test

import (
	"testing"
	"time"

	"koppel/engine/connector"
)

func TestEarlier(t *testing.T) {
	tests := []struct {
		text string
		d    time.Duration
		want string // empty: it is no date
	}{
		{"2026-03-01", time.Hour, "2026-02-28"},
		{"2026-03-01", 0, "2026-03-01"},
		{"20260301", 24 * time.Hour, "20260228"},
		{"2026-03-01T00:30:00", time.Hour, "2026-02-28T23:30:00"},
		{"2026-03-01 00:30", time.Hour, "2026-02-28 23:30"},
		{"2026-03-01T00:30:00Z", time.Hour, "2026-02-28T23:30:00Z"},
		{"2026-03-01T00:30:00+02:00", time.Hour, "2026-02-28T23:30:00+02:00"},
		{"2026-03-01T00:30:00-0130", time.Minute, "2026-03-01T00:29:00-0130"},
		{"2026-03-01T00:30:00.1250Z", time.Minute, "2026-03-01T00:29:00.1250Z"},
		{"2026-03-01 00:30:00,5", time.Minute, "2026-03-01 00:29:00,5"},
		{"2026-02-30", time.Hour, ""},
		{"01-03-2026", time.Hour, ""},
		{"7", time.Hour, ""},
		{"", time.Hour, ""},
	}
	for _, tt := range tests {
		got, ok := connector.Earlier(tt.text, tt.d)
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("Earlier(%q, %s) = %q, %v; want %q", tt.text, tt.d, got, ok, tt.want)
		}
	}
}
