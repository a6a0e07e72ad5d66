// Package connections lists the kinds of connections that are built in and that
// no kind of source or sink has for itself: those with AnyHTTP use them.
package connections

import (
	"koppel/engine/connector"
	"koppel/internal/xpert"
)

// All lists those kinds of connections, by name.
func All() []connector.Kind[any] {
	return []connector.Kind[any]{xpert.Kind()}
}
