package graphevents

import (
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/internal/graph/graphtest"
)

// configured gives a configuration that reads mailboxes of a tenant.
func configured(tenant *graphtest.Tenant, boxes ...string) *Config {
	c := Kind().Config().(*Config)
	c.Connection = tenant.Connection()
	c.Mailboxes.List = append([]string{}, boxes...)
	return c
}

func TestConformance(t *testing.T) {
	for name, delta := range map[string]bool{"plain": false, "delta": true} {
		t.Run(name, func(t *testing.T) { conformance(t, delta) })
	}
}

func conformance(t *testing.T, delta bool) {
	connectortest.Source(t, connectortest.SourceSuite{
		Kind: Kind(),
		Page: 10,
		Setup: func(t testing.TB, records []string) connectortest.Origin {
			tenant := graphtest.New(t)
			tenant.Page = 10
			tenant.PutBox("fenna@voorbeeld.example")
			want := []string{}
			for _, r := range records {
				tenant.PutEvent("fenna@voorbeeld.example", r)
				want = append(want, strings.Replace(r, "{", `{"mailbox":"fenna@voorbeeld.example",`, 1))
			}
			c := configured(tenant, "fenna@voorbeeld.example")
			c.Delta = delta
			return connectortest.Origin{Config: c, Env: connector.Env{Key: []string{"mailbox", "id"}}, Want: want}
		},
		Wrong: []connectortest.Wrong{
			{Name: "an empty mailbox", Change: func(c any) { c.(*Config).Mailboxes.List = []string{" "} }, Want: "mailboxes"},
			{Name: "an address for a group", Change: func(c any) { c.(*Config).Mailboxes = connector.Selection{Text: "a@voorbeeld.example"} }, Want: "no id of a group"},
			{Name: "no field", Change: func(c any) { c.(*Config).Mailbox = "" }, Want: "mailbox"},
			{Name: "past", Change: func(c any) { c.(*Config).Past = -1 }, Want: "past"},
			{Name: "full_every", Change: func(c any) { c.(*Config).FullEvery = -1 }, Want: "full_every"},
			{Name: "no window", Change: func(c any) { c.(*Config).Past, c.(*Config).Future = 0, 0 }, Want: "future"},
			{Name: "no property", Change: func(c any) { c.(*Config).Select = []string{"sub ject"} }, Want: "select"},
			{Name: "no connection", Change: func(c any) { c.(*Config).Connection = connector.Connection{} }, Want: "connection"},
			{Name: "no such group", Change: func(c any) { c.(*Config).Mailboxes = connector.Selection{Text: "nobody"} }, Want: "Request_ResourceNotFound"},
			{Name: "no such mailbox", Change: func(c any) { c.(*Config).Mailboxes.List = []string{"nobody@voorbeeld.example"} }, Want: "ErrorInvalidUser"},
		},
	})
}
