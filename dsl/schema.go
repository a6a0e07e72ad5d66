package dsl

import (
	"reflect"
	"strings"
	"time"

	"koppel/engine/connector"
)

// A parameter is one argument, block or label of a configuration struct.
type parameter struct {
	name     string
	index    []int
	typ      reflect.Type
	optional bool
	block    bool
	label    bool
	words    []string // the only texts allowed
	doc      string
}

// parametersOf reads the struct tags of a configuration, embedded structs
// included.
func parametersOf(t reflect.Type) []parameter {
	var list []parameter
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("hcl")
		if !ok {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		if option == "embed" {
			for _, p := range parametersOf(f.Type) {
				p.index = append([]int{i}, p.index...)
				list = append(list, p)
			}
			continue
		}
		p := parameter{name: name, index: []int{i}, typ: f.Type, doc: f.Tag.Get("doc"), words: strings.Fields(f.Tag.Get("oneof"))}
		p.block, p.label = option == "block", option == "label"
		p.optional = option == "optional" || p.block && f.Type.Kind() != reflect.Struct
		list = append(list, p)
	}
	return list
}

var (
	durationType   = reflect.TypeFor[connector.Duration]()
	stdDuration    = reflect.TypeFor[time.Duration]()
	secretType     = reflect.TypeFor[connector.Secret]()
	programType    = reflect.TypeFor[connector.Program]()
	templateType   = reflect.TypeFor[connector.Template]()
	selectionType  = reflect.TypeFor[connector.Selection]()
	connectionType = reflect.TypeFor[connector.Connection]()
)

// isArgument tells that a parameter is written NAME = ….
func (p parameter) isArgument() bool { return !p.block && !p.label }

// namesOf lists the arguments and the blocks among parameters.
func namesOf(list []parameter) (arguments, blocks []string) {
	for _, p := range list {
		switch {
		case p.block:
			blocks = append(blocks, p.name)
		case p.isArgument():
			arguments = append(arguments, p.name)
		}
	}
	return arguments, blocks
}
