package graphusers

import (
	"testing"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/internal/graph"
	"koppel/internal/graph/graphtest"
)

// read gives a configuration that reads a tenant.
func configured(tenant *graphtest.Tenant) *Config {
	c := Kind().Config().(*Config)
	c.Connection = tenant.Connection()
	c.Select = []string{"big", "small", "fraction", "none", "empty", "flag", "text", "name", "tags", "address"}
	return c
}

func TestConformance(t *testing.T) {
	for name, change := range map[string]func(*Config, *graphtest.Tenant){
		"delta": func(*Config, *graphtest.Tenant) {},
		"whole": func(c *Config, _ *graphtest.Tenant) { c.Delta = false },
		"members": func(c *Config, tenant *graphtest.Tenant) {
			c.MembersOf = "everyone"
			tenant.PutGroup("inner", "", append(tenant.Users(), "everyone")...)
			tenant.PutGroup("everyone", "", "inner")
		},
	} {
		t.Run(name, func(t *testing.T) {
			connectortest.Source(t, connectortest.SourceSuite{
				Kind: Kind(),
				Page: 10,
				Setup: func(t testing.TB, records []string) connectortest.Origin {
					tenant := graphtest.New(t)
					tenant.Page = 10
					for _, r := range records {
						tenant.PutUser(r)
					}
					c := configured(tenant)
					change(c, tenant)
					return connectortest.Origin{Config: c, Env: connector.Env{Key: []string{"id"}}}
				},
				Wrong: []connectortest.Wrong{
					{Name: "no property", Change: func(c any) { c.(*Config).Select = []string{"display name"} }, Want: "select"},
					{Name: "one user at a time", Change: func(c any) { c.(*Config).Select = []string{"mailboxSettings"} }, Want: "select"},
					{Name: "full_every", Change: func(c any) { c.(*Config).FullEvery = -1 }, Want: "full_every"},
					{Name: "no connection", Change: func(c any) { c.(*Config).Connection = connector.Connection{} }, Want: "connection"},
					{Name: "no such group", Change: func(c any) { c.(*Config).MembersOf = "nobody" }, Want: "Request_ResourceNotFound"},
					{Name: "a wrong secret", Change: func(c any) {
						connection := *c.(*Config).Connection.Config.(*graph.Config)
						connection.ClientSecret = "wrong-secret"
						c.(*Config).Connection.Config = &connection
					}, Want: "AADSTS7000215"},
				},
			})
		})
	}
}
