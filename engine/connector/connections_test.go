package connector_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
)

func names(kinds []connector.Kind[any]) (list []string) {
	for _, k := range kinds {
		list = append(list, k.Name)
	}
	return list
}

// A kind with AnyHTTP uses the connections of all kinds that are asked over
// HTTP, whoever brings them.
func TestUses(t *testing.T) {
	web := connector.Kind[any]{Name: "web", OverHTTP: true}
	vendor := connector.Kind[any]{Name: "vendor", OverHTTP: true}
	database := connector.Kind[any]{Name: "database"}
	sources := []connector.Kind[connector.Source]{
		{Name: "web", Connections: []connector.Kind[any]{web}, AnyHTTP: true},
		{Name: "vendor", Connections: []connector.Kind[any]{vendor}},
	}
	sinks := []connector.Kind[connector.Sink]{
		{Name: "database", Connections: []connector.Kind[any]{database}},
		{Name: "web", Connections: []connector.Kind[any]{web}, AnyHTTP: true},
	}
	all := connector.Connections(sources, sinks)
	if diff := cmp.Diff([]string{"database", "vendor", "web"}, names(all)); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	for i, want := range [][]string{{"vendor", "web"}, {"vendor"}} {
		if diff := cmp.Diff(want, names(sources[i].Uses(all))); diff != "" {
			t.Errorf("source %s (-want +got):\n%s", sources[i].Name, diff)
		}
	}
	for i, want := range [][]string{{"database"}, {"vendor", "web"}} {
		if diff := cmp.Diff(want, names(sinks[i].Uses(all))); diff != "" {
			t.Errorf("sink %s (-want +got):\n%s", sinks[i].Name, diff)
		}
	}
}
