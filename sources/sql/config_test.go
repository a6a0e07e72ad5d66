package sql

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
)

// ids lists the members id of JSON lines.
func ids(jsonl string) string {
	var out []string
	for _, m := range regexp.MustCompile(`"id":(\d+)`).FindAllStringSubmatch(jsonl, -1) {
		out = append(out, m[1])
	}
	return strings.Join(out, " ")
}

func TestValidate(t *testing.T) {
	at := &connector.Incremental{Cursor: []string{"at"}}
	tests := map[string]struct {
		config Config
		want   string
	}{
		"neither":         {Config{}, "query is missing, and so is table"},
		"both":            {Config{Query: "SELECT 1", Table: "t"}, "table is given beside query"},
		"unknown name":    {Config{Query: "SELECT :a"}, "query uses :a, and params has no a"},
		"unused param":    {Config{Query: "SELECT ':a'", Params: map[string]any{"a": 1}}, `params has "a", which the query does not use`},
		"param of table":  {Config{Table: "t", Params: map[string]any{"a": 1}}, "params is for a query, and this source reads a table"},
		"no object":       {Config{Query: "SELECT :a", Params: "a"}, "params is no object of names and values"},
		"cursor":          {Config{Query: "SELECT :cursor"}, "query uses :cursor, and there is no incremental block"},
		"no cursor":       {Config{Query: "SELECT 1", Incremental: at}, "query does not use :cursor, and there is an incremental block"},
		"cursor as param": {Config{Query: "SELECT :cursor", Params: map[string]any{"cursor": 1}}, `params has "cursor", a name kept for incremental reads`},
		"empty cursor":    {Config{Table: "t", Incremental: &connector.Incremental{}}, "cursor names no field"},
		"fine":            {Config{Query: "SELECT :a, :from, :to, x::int, '::b :c' FROM t WHERE y > :cursor", Params: map[string]any{"a": nil}, Incremental: at}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err := test.config.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("problem (-want +got)\n%s", diff)
			}
		})
	}
}
