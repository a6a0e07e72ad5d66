package cli

import (
	"reflect"
	"testing"

	"koppel/connections"
	"koppel/engine/connector"
	"koppel/internal/httpclient"
	"koppel/sinks"
	"koppel/sources"
)

// A connection kind that has the arguments of HTTP clients says that it is asked
// over HTTP: otherwise no lookup and no source or sink of kind http would take it.
func TestHTTPConnectionsSayThatTheyAre(t *testing.T) {
	for _, k := range connector.Connections(sources.All(), sinks.All(), connections.All()...) {
		embedded, ok := reflect.TypeOf(k.Config()).Elem().FieldByName("Config")
		if has := ok && embedded.Type == reflect.TypeFor[httpclient.Config](); has != k.OverHTTP {
			t.Errorf("connection kind %s: it has the arguments of HTTP clients: %v, it says OverHTTP: %v", k.Name, has, k.OverHTTP)
		}
	}
}
