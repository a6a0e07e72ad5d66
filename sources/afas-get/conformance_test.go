package afasget

import (
	"testing"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
)

func TestConformance(t *testing.T) {
	for name, key := range map[string][]string{"text": {"id"}, "number": {"big"}, "decimal": {"fraction", "id"}, "two": {"flag", "id"}} {
		t.Run(name, func(t *testing.T) {
			connectortest.Source(t, connectortest.SourceSuite{
				Kind: Kind(),
				Page: 10,
				Flat: true,
				Setup: func(t testing.TB, records []string) connectortest.Origin {
					c := (&fake{rows: records}).configured(t)
					c.PageSize = 10
					return connectortest.Origin{Config: c, Env: connector.Env{Key: key}, Canaries: []string{testToken}}
				},
				Wrong: []connectortest.Wrong{
					{Name: "page_size", Change: func(c any) { c.(*Config).PageSize = 1 }, Want: "page_size"},
					{Name: "no connector", Change: func(c any) { c.(*Config).Connector = "" }, Want: "connector"},
					{Name: "no such operator", Change: func(c any) { c.(*Config).Filter = []Condition{{Field: "id", Op: "~", Value: "x"}} }, Want: "filter"},
					{Name: "no value", Change: func(c any) { c.(*Config).Filter = []Condition{{Field: "id"}} }, Want: "filter"},
					{Name: "a list as value", Change: func(c any) { c.(*Config).AnyOf = [][]Condition{{{Field: "id", Value: []any{"x"}}}} }, Want: "any_of"},
					{Name: "no such column", Change: func(c any) { c.(*Config).Filter = []Condition{{Field: "idd", Value: "x"}} }, Want: `did you mean "id"?`},
					{Name: "a cursor of text", Change: func(c any) { c.(*Config).Incremental = &connector.Incremental{Cursor: []string{"name"}} }, Want: "cursor"},
					{Name: "no connection", Change: func(c any) { c.(*Config).Connection = connector.Connection{} }, Want: "connection"},
				},
			})
		})
	}
}
