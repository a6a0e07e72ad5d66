package connector

import (
	"slices"
	"strings"
)

// Connections lists the connection kinds that sources and sinks name, and
// others, by name.
func Connections(sources []Kind[Source], sinks []Kind[Sink], others ...Kind[any]) []Kind[any] {
	all := slices.Clone(others)
	for _, k := range sources {
		all = append(all, k.Connections...)
	}
	for _, k := range sinks {
		all = append(all, k.Connections...)
	}
	return byName(all)
}

// Uses lists those of all connection kinds that k can use, by name.
func (k Kind[T]) Uses(all []Kind[any]) []Kind[any] {
	used := slices.Clone(k.Connections)
	for _, c := range all {
		if k.AnyHTTP && c.OverHTTP {
			used = append(used, c)
		}
	}
	return byName(used)
}

// byName sorts kinds and leaves each once.
func byName(kinds []Kind[any]) []Kind[any] {
	slices.SortStableFunc(kinds, func(a, b Kind[any]) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(kinds, func(a, b Kind[any]) bool { return a.Name == b.Name })
}
