package graphgroups

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/internal/graph"
	"koppel/internal/graph/graphtest"
)

// configured gives a configuration that reads a tenant.
func configured(tenant *graphtest.Tenant) *Config {
	c := Kind().Config().(*Config)
	c.Connection = tenant.Connection()
	return c
}

func TestConformance(t *testing.T) {
	for name, members := range map[string]bool{"members": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			connectortest.Source(t, connectortest.SourceSuite{
				Kind: Kind(),
				Page: 10,
				Flat: true,
				Setup: func(t testing.TB, records []string) connectortest.Origin {
					tenant := graphtest.New(t)
					tenant.Page = 10
					want := []string{}
					for i, r := range records {
						id := fmt.Sprintf("g%04d", i)
						text := strings.Replace(r[1:len(r)-1], `"id":`, `"number":`, 1)
						tenant.PutGroup(id, text, "m1")
						end := "}"
						if members {
							end = `,"members":[{"id":"m1","type":"user","displayName":null,"mail":null,"userPrincipalName":null}]}`
						}
						want = append(want, fmt.Sprintf(`{"id":%q,%s%s`, id, text, end))
					}
					c := configured(tenant)
					c.Members = members
					return connectortest.Origin{Config: c, Env: connector.Env{Key: []string{"id"}}, Want: want}
				},
				Wrong: []connectortest.Wrong{
					{Name: "no property", Change: func(c any) { c.(*Config).Select = []string{"display name"} }, Want: "select"},
					{Name: "members in select", Change: func(c any) { c.(*Config).Select = []string{"members"} }, Want: "are no property"},
					{Name: "no connection", Change: func(c any) { c.(*Config).Connection = connector.Connection{} }, Want: "connection"},
				},
			})
		})
	}
}

// TestGroups: members of all kinds and pages are sorted, a filter of the
// advanced kind is asked as one, and a group that is gone while it is read makes
// the read incomplete.
func TestGroups(t *testing.T) {
	tenant := graphtest.New(t)
	tenant.Page = 2
	tenant.PutGroup("b", `"displayName":"Balie"`, "u3", "u1", "a", "u2", "u1")
	tenant.PutGroup("a", `"displayName":"Alle","members@odata.context":"x"`)
	c := configured(tenant)
	read := func() (*connectortest.Recorder, error) {
		opened := *c
		client, err := graph.New(*c.Connection.Config.(*graph.Config), connector.Env{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		opened.Connection.Get = func(context.Context) (any, error) { return client, nil }
		src, err := Kind().Open(t.Context(), &opened, connector.Env{Key: []string{"id"}})
		if err != nil {
			t.Fatal(err)
		}
		return connectortest.Read(t.Context(), src)
	}
	rec, err := read()
	if err != nil || !rec.Complete() {
		t.Fatal(err, rec.Errs())
	}
	const no = `"displayName":null,"mail":null,"userPrincipalName":null}`
	want := `{"id":"a","displayName":"Alle","members":[]}
{"id":"b","displayName":"Balie","members":[{"id":"a","type":"group",` + no + `,{"id":"u1","type":"user",` + no + `,{"id":"u2","type":"user",` + no + `,{"id":"u3","type":"user",` + no + `]}`
	if diff := cmp.Diff(want, string(bytes.Join(rec.All(), []byte("\n")))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	tenant.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/b/members") {
			tenant.DropGroup("b")
		}
		return false
	})
	if rec, err = read(); err == nil || rec.Complete() {
		t.Errorf("a group was lost, and the read says %v", rec.Errs())
	}
	c.Filter = "NOT(mailEnabled eq true)"
	asked := make(chan struct{}, 100)
	tenant.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("$filter") != c.Filter {
			return true // of the read before, which gave it up
		}
		asked <- struct{}{}
		if r.Header.Get("ConsistencyLevel") != "eventual" || r.URL.Query().Get("$count") != "true" {
			t.Errorf("an advanced query is asked as %v %v", r.URL, r.Header)
		}
		return true
	})
	if _, _ = read(); len(asked) == 0 {
		t.Error("no advanced query was asked")
	}
}
