package sql

import "testing"

func TestParseName(t *testing.T) {
	tests := map[string]struct {
		want Name
		ok   bool
	}{
		"people":          {Name{Table: "people"}, true},
		"main.people":     {Name{"main", "people"}, true},
		`"a.b"`:           {Name{Table: "a.b"}, true},
		`main."a""b"`:     {Name{"main", `a"b`}, true},
		"order":           {Name{Table: "order"}, true},
		"naïve tafel":     {Name{Table: "naïve tafel"}, true},
		"other.people":    {Name{}, false},
		"a.b.c":           {Name{}, false},
		`"open`:           {Name{}, false},
		`"a"b`:            {Name{}, false},
		".people":         {Name{}, false},
		"people.":         {Name{}, false},
		"":                {Name{}, false},
		"nul\x00":         {Name{}, false},
		`""`:              {Name{}, false},
		`it's "quoted" x`: {Name{Table: `it's "quoted" x`}, true},
	}
	for text, test := range tests {
		got, err := sqliteDialect{}.ParseName(text)
		if got != test.want || (err == nil) != test.ok {
			t.Errorf("ParseName(%q) = %v, %v; want %v", text, got, err, test.want)
		}
	}
}
