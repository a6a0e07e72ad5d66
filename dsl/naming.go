package dsl

import (
	"strconv"
	"strings"

	"koppel/engine"
)

// Connection finds the connection instance that a person names by its address,
// by a part of it that no other has (sqlite.reception, reception), or by its
// block when that has one instance. A name of none is an *engine.UnknownError,
// one of several an *engine.AmbiguousError.
func (p *Project) Connection(name string) (*Connection, error) {
	var found []*Connection
	var near []string
	for i := range p.Connections {
		c := &p.Connections[i]
		if meansConnection(c.Address, name) {
			found = append(found, c)
		}
		block, _, _ := strings.Cut(c.Address, "[")
		parts := strings.SplitN(block, ".", 3)
		near = append(near, parts[2], parts[1]+"."+parts[2], block)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		e := &engine.UnknownError{What: "connection", Name: name}
		block, _, _ := strings.Cut(name, "[")
		if s := Suggest(block, near); s != "" {
			e.Near = []string{s}
		} else {
			e.Near = p.instancesLike(block)
		}
		return nil, e
	}
	e := &engine.AmbiguousError{What: "connection", Name: name}
	for _, c := range found {
		e.Choices = append(e.Choices, "'"+c.Address+"'")
	}
	return nil, e
}

// instancesLike gives the connections of a block that a name means.
func (p *Project) instancesLike(name string) []string {
	var list []string
	for i := range p.Connections {
		if meansConnection(p.Connections[i].Address, name) {
			list = append(list, "'"+p.Connections[i].Address+"'")
		}
	}
	return list
}

// Suggest gives the one of names that a wrong one most likely means; empty
// when none is like it.
func Suggest(given string, names []string) string { return suggest(given, names) }

// meansConnection tells whether a name means the connection of an address.
// Quotes inside the brackets may be missing, as a shell leaves them.
func meansConnection(address, name string) bool {
	block, instance, _ := strings.Cut(address, "[")
	wantBlock, wantInstance, one := strings.Cut(name, "[")
	if wantBlock == "" || block != wantBlock && !strings.HasSuffix(block, "."+wantBlock) {
		return false
	}
	return !one || unquoted(instance) == unquoted(wantInstance)
}

// unquoted is the key inside brackets.
func unquoted(instance string) string {
	key := strings.TrimSuffix(instance, "]")
	if plain, err := strconv.Unquote(key); err == nil {
		return plain
	}
	return strings.Trim(key, `"'`)
}
