package dsl

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty/function"

	"koppel/engine/connector"
)

// A kindSet holds the kinds that this binary has, by name.
type kindSet struct {
	sources     map[string]connector.Kind[connector.Source]
	sinks       map[string]connector.Kind[connector.Sink]
	connections map[string]connector.Kind[any]
	all         []connector.Kind[any] // the connections, by name
	functions   map[string]function.Function
}

// laterKinds are the kinds of the language, for those that a binary lacks.
var laterKinds = map[string][]string{
	"source":     {"graph_users", "graph_groups", "graph_events", "afas_get", "alleyoop", "http", "soap", "sql", "file", "webhook"},
	"sink":       {"sql", "afas_update", "alleyoop_instances", "alleyoop_signals", "alleyoop_files", "http", "webhook", "mail", "file"},
	"connection": {"graph", "afas", "alleyoop", "xpert", "http", "sqlite", "postgres", "mysql", "sqlserver", "smtp"},
}

func kindsOf(o Options) kindSet {
	s := kindSet{
		sources: map[string]connector.Kind[connector.Source]{}, sinks: map[string]connector.Kind[connector.Sink]{},
		connections: map[string]connector.Kind[any]{}, functions: knownFunctions(),
		all: connector.Connections(o.Sources, o.Sinks, o.Connections...),
	}
	for _, k := range o.Sources {
		s.sources[k.Name] = k
	}
	for _, k := range o.Sinks {
		s.sinks[k.Name] = k
	}
	for _, k := range s.all {
		s.connections[k.Name] = k
	}
	return s
}

// names lists the kinds of a class in order.
func (s kindSet) names(class string) []string {
	switch class {
	case "source":
		return sortedKeys(s.sources)
	case "sink":
		return sortedKeys(s.sinks)
	}
	return sortedKeys(s.connections)
}

func (s kindSet) has(class, kind string) bool { return slices.Contains(s.names(class), kind) }

// planned tells whether a kind is one of the language.
func (s kindSet) planned(class, kind string) bool { return slices.Contains(laterKinds[class], kind) }

func connectionNames(kinds []connector.Kind[any]) []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Name
	}
	return names
}

func trimLeft(s string) string { return strings.TrimLeft(s, " ") }
