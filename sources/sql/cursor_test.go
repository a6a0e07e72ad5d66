package sql

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/internal/sql"
)

func TestDelta(t *testing.T) {
	path := database(t, `CREATE TABLE t (id INTEGER, at TEXT, n)`,
		`INSERT INTO t VALUES (1, '2026-01-01T10:00:00Z', 100), (2, '2026-01-01T10:05:00Z', 400), (3, NULL, 0)`)
	at := &connector.Incremental{Cursor: []string{"at"}, Overlap: connector.Duration(5 * time.Minute)}
	tests := map[string]struct {
		config     Config
		cursor     string
		want, next string
	}{
		"table, first":             {Config{Table: "t", Incremental: at}, "", "1 2 3", `["2026-01-01T10:05:00Z"]`},
		"table, on":                {Config{Table: "t", Incremental: at}, `["2026-01-01T10:09:59Z"]`, "2", `["2026-01-01T10:09:59Z"]`},
		"table, exactly":           {Config{Table: "t", Incremental: at}, `["2026-01-01T10:10:00Z"]`, "2", `["2026-01-01T10:10:00Z"]`},
		"table, none":              {Config{Table: "t", Incremental: at}, `["2026-01-02T10:10:00Z"]`, "", `["2026-01-02T10:10:00Z"]`},
		"two cursors":              {Config{Table: "t", Incremental: &connector.Incremental{Cursor: []string{"at", "n"}}}, `["2026-01-03T00:00:00Z",400]`, "2", `["2026-01-03T00:00:00Z",400]`},
		"numbers":                  {Config{Table: "t", Incremental: &connector.Incremental{Cursor: []string{"n"}, Overlap: at.Overlap}}, `[400]`, "1 2", `[400]`},
		"cursor of other fields":   {Config{Table: "t", Incremental: at}, `[1,2]`, "1 2 3", `["2026-01-01T10:05:00Z"]`},
		"query, first":             {Config{Query: "SELECT * FROM t WHERE at > :cursor", Incremental: at}, "", "1 2", `["2026-01-01T10:05:00Z"]`},
		"query, on":                {Config{Query: "SELECT * FROM t WHERE at > :cursor", Incremental: at}, `["2026-01-01T10:05:00Z"]`, "2", `["2026-01-01T10:05:00Z"]`},
		"query, number, first":     {Config{Query: "SELECT * FROM t WHERE n > :cursor", Incremental: &connector.Incremental{Cursor: []string{"n"}}}, "", "1 2 3", `[400]`},
		"query, in a call, first":  {Config{Query: "SELECT * FROM t WHERE datetime(at) > datetime(:cursor)", Incremental: at}, "", "1 2", `["2026-01-01T10:05:00Z"]`},
		"query, null first":        {Config{Query: "SELECT * FROM t WHERE :cursor IS NULL OR at > :cursor OR at IS NULL", Incremental: at}, "", "1 2 3", `["2026-01-01T10:05:00Z"]`},
		"query, cursors, by name":  {Config{Query: "SELECT * FROM t WHERE at > :cursor OR n >= :cursor_n", Incremental: &connector.Incremental{Cursor: []string{"at", "n"}}}, `["2026-01-03T00:00:00Z",400]`, "2", `["2026-01-03T00:00:00Z",400]`},
		"query, several, by param": {Config{Query: "SELECT * FROM t WHERE at > :cursor AND id = :id", Params: map[string]any{"id": 1}, Incremental: at}, `["2026-01-01"]`, "1", `["2026-01-01T10:00:00Z"]`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := collector{cursor: connector.Cursor(test.cursor)}
			if err := openSource(t, path, test.config, connector.Env{}).Read(t.Context(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, ids(got.log.String())); diff != "" {
				t.Errorf("ids (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(test.next, string(got.next)); diff != "" {
				t.Errorf("next cursor (-want +got)\n%s", diff)
			}
		})
	}
}

func TestWindow(t *testing.T) {
	path := database(t, `CREATE TABLE t (id INTEGER, at TEXT)`,
		`INSERT INTO t VALUES (1, '2026-01-01T00:00:00Z'), (2, '2026-02-01T00:00:00Z'), (3, '2026-03-01T00:00:00Z')`)
	tests := map[string]struct{ from, to, want string }{
		"both":      {"2026-01-15T00:00:00Z", "2026-02-15T00:00:00Z", "2"},
		"open from": {"", "2026-02-15T00:00:00Z", "1 2"},
		"open to":   {"2026-01-15T00:00:00Z", "", "2 3"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			env := connector.Env{Window: func() (string, string) { return test.from, test.to }}
			var got collector
			c := Config{Query: "SELECT * FROM t WHERE at >= :from AND at < :to"}
			if err := openSource(t, path, c, env).Read(t.Context(), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, ids(got.log.String())); diff != "" {
				t.Errorf("ids (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(connector.Interval{From: test.from, To: test.to}, got.covers); diff != "" {
				t.Errorf("covers (-want +got)\n%s", diff)
			}
		})
	}
}

func TestMinus(t *testing.T) {
	tests := []struct {
		text string
		d    time.Duration
		want string
	}{
		{"2026-03-01T00:00:30Z", time.Minute, "2026-02-28T23:59:30Z"},
		{"2026-03-01T00:00:30.120Z", time.Minute, "2026-02-28T23:59:30.120Z"},
		{"2026-03-01 00:00:30", time.Minute, "2026-02-28 23:59:30"},
		{"2026-03-01T00:00:30.5", time.Minute, "2026-02-28T23:59:30.5"},
		{"2026-03-01T00:00:30+02:00", time.Minute, "2026-02-28T23:59:30+02:00"},
		{"2026-03-01T00:00:30+00:00", time.Minute, "2026-02-28T23:59:30+00:00"},
		{"2026-03-01T00:00", time.Minute, "2026-02-28T23:59"},
		{"2026-03-01", time.Minute, "2026-02-28"},
		{"20260301", 24 * time.Hour, "20260228"},
	}
	for _, test := range tests {
		got, err := minus(sql.Value{Kind: sql.Text, Text: []byte(test.text)}, test.d)
		if err != nil || string(got.Text) != test.want {
			t.Errorf("minus(%q, %v) = %q, %v; want %q", test.text, test.d, got.Text, err, test.want)
		}
	}
	if _, err := minus(sql.Value{Kind: sql.Text, Text: []byte("yesterday")}, time.Minute); err == nil {
		t.Error("a word was counted back")
	}
}
