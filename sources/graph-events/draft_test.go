package graphevents

import (
	"testing"

	"koppel/dsl"
	"koppel/engine/connector"
	"koppel/internal/graph"
	"koppel/internal/graph/graphtest"
	graphgroups "koppel/sources/graph-groups"
	graphusers "koppel/sources/graph-users"
)

// TestDrafts: what is drafted for the collections of a tenant is a project
// without any remark.
func TestDrafts(t *testing.T) {
	tenant := graphtest.New(t)
	kinds := []connector.Kind[connector.Source]{Kind(), graphusers.Kind(), graphgroups.Kind()}
	p := tenant.NewProject(t, "", dsl.Options{Sources: kinds})
	project, diags := dsl.Load(t.Context(), dsl.Options{Dir: p.Dir, Sources: kinds})
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	opened, err := project.Connections[0].Open(t.Context(), connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	client := opened.(*graph.Client)
	all, err := client.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	text := p.Text()
	for _, c := range all {
		text += "\n" + string(project.Draft(project.Connections[0].Address, c))
	}
	p.Write(text)
	drafted, diags := dsl.Load(t.Context(), dsl.Options{Dir: p.Dir, Sources: kinds})
	for _, d := range diags {
		t.Errorf("%+v", d)
	}
	if len(drafted.Sources) != len(all) {
		t.Errorf("%d sources are drafted of %d collections", len(drafted.Sources), len(all))
	}
}
