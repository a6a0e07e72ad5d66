package graph_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/internal/graph"
	"koppel/internal/graph/graphtest"
)

// TestDiscover: a tenant has users, groups and calendars, and it is told what
// the token does not allow.
func TestDiscover(t *testing.T) {
	tenant := graphtest.New(t)
	discover := func() []string {
		t.Helper()
		client, err := opened(t, tenant, t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		all, err := client.Discover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, c := range all {
			list = append(list, c.Name+" "+strings.Join(c.Key, "/")+": "+c.Label)
			d, err := client.Describe(t.Context(), c.Name)
			if lacks := strings.Contains(c.Label, "lacks"); lacks != (err != nil) {
				t.Errorf("%s: %v", c.Name, err)
			}
			if len(d.Fields) != c.Count || c.Count < 5 {
				t.Errorf("%s has %d fields, and %d are listed", c.Name, c.Count, len(d.Fields))
			}
		}
		_, err = client.Describe(t.Context(), "Users")
		if !errors.Is(err, connector.ErrNoCollection) {
			t.Errorf("what does not exist is described: %v", err)
		}
		return list
	}
	want := []string{"users id: users, guests and resources", "groups id: groups with their direct members", "calendars mailbox/id: meetings in calendars"}
	if diff := cmp.Diff(want, discover()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	tenant.Roles = []string{"User.Read.All"}
	want[1] += "; the connection lacks the permission Directory.Read.All: its token allows User.Read.All"
	want[2] += "; the connection lacks the permission Calendars.Read: its token allows User.Read.All"
	if diff := cmp.Diff(want, discover()); diff != "" {
		t.Errorf("with fewer roles (-want +got)\n%s", diff)
	}
}

// TestDiscoverRefused: without a token nothing is told.
func TestDiscoverRefused(t *testing.T) {
	tenant := graphtest.New(t)
	client, err := opened(t, tenant, t.TempDir(), func(c *graph.Config) { c.ClientSecret = "wrong" })
	if err != nil {
		t.Fatal(err)
	}
	if all, err := client.Discover(t.Context()); err == nil {
		t.Errorf("it lists %v", all)
	}
}
