package cli

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"koppel/connections"
	"koppel/engine/connector"
	"koppel/sinks"
	"koppel/sources"
)

// kindPages describes every kind of source, sink and connection.
func kindPages() []page {
	var pages []page
	all := connector.Connections(sources.All(), sinks.All(), connections.All()...)
	for _, k := range sources.All() {
		text := ""
		if len(k.DefaultKey) > 0 {
			text = "Default key: " + code(k.DefaultKey...) + "\n\n"
		}
		pages = append(pages, kindPage("source", k.Name, k.Doc, k.Config(), k.Uses(all), text))
	}
	for _, k := range sinks.All() {
		pages = append(pages, kindPage("sink", k.Name, k.Doc, k.Config(), k.Uses(all), traitsText(k.Static, k.FirstRun)))
	}
	for _, k := range all {
		pages = append(pages, kindPage("connection", k.Name, k.Doc, k.Config(), nil, ""))
	}
	slices.SortFunc(pages, func(a, b page) int { return strings.Compare(a.name, b.name) })
	return pages
}

func kindPage(class, name, doc string, config any, connections []connector.Kind[any], more string) page {
	p := page{name: class + "-" + name, title: class + " " + name}
	p.text = doc + "\n\n" + more
	if len(connections) > 0 {
		var names []string
		for _, c := range connections {
			names = append(names, c.Name)
		}
		p.text += "Connections: " + code(names...) + "\n\n"
	}
	v := reflect.ValueOf(config).Elem()
	p.text += argumentsText(fmt.Sprintf("%s %q", class, name), v)
	return p
}

// traitsText says what a sink can do.
func traitsText(t connector.Traits, firstRun bool) string {
	var facts []string
	say := func(is bool, yes, no string) {
		if is && yes != "" {
			facts = append(facts, yes)
		}
		if !is && no != "" {
			facts = append(facts, no)
		}
	}
	say(t.Deletes, "can delete", "can't delete: `deletes` defaults to keep")
	say(t.Undoable, "a run can be undone", "a run can't be undone")
	say(t.Whole, "takes the whole set at once", "")
	say(t.Ordered, "keeps the order of the source", "")
	say(firstRun, "`first_run` is required", "")
	return "This sink: " + strings.Join(facts, "; ") + ".\n\n"
}

// argumentsText is a table of the arguments of a block, and one of each block
// in it.
func argumentsText(title string, v reflect.Value) string {
	text := "| argument of " + code(title) + " | type | default | meaning |\n|---|---|---|---|\n"
	var blocks string
	eachArgument(v, func(f reflect.StructField, value reflect.Value, name, option string) {
		if option == "block" {
			inner := f.Type
			for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			text += fmt.Sprintf("| %s | block | %s | %s |\n", code(name), blockDefault(f.Type), cell(f.Tag.Get("doc")))
			blocks += "\n" + argumentsText(name, reflect.New(inner).Elem())
			return
		}
		text += fmt.Sprintf("| %s | %s | %s | %s |\n", code(name), typeText(f), defaultText(value, option), cell(f.Tag.Get("doc")))
	})
	return text + blocks
}

// eachArgument walks the tagged fields of a configuration, embedded ones too.
func eachArgument(v reflect.Value, yield func(f reflect.StructField, value reflect.Value, name, option string)) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		tag, ok := f.Tag.Lookup("hcl")
		if !ok {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		if option == "embed" {
			eachArgument(v.Field(i), yield)
			continue
		}
		yield(f, v.Field(i), name, option)
	}
}

func blockDefault(t reflect.Type) string {
	if t.Kind() == reflect.Struct {
		return "required"
	}
	return "none"
}

// typeText names the type of an argument.
func typeText(f reflect.StructField) string {
	if words := strings.Fields(f.Tag.Get("oneof")); len(words) > 0 {
		return cell(`"` + strings.Join(words, `" | "`) + `"`)
	}
	switch f.Type {
	case reflect.TypeFor[connector.Secret]():
		return "text, sensitive"
	case reflect.TypeFor[connector.Duration]():
		return "duration"
	case reflect.TypeFor[connector.Program]():
		return "program"
	case reflect.TypeFor[connector.Template]():
		return "text with {names}"
	case reflect.TypeFor[connector.Connection]():
		return "connection"
	case reflect.TypeFor[connector.Selection]():
		return "list of text, text, source or pipeline"
	}
	typ := f.Type
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch typ.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list of text"
	case reflect.Map:
		return "object of text"
	}
	return "any value"
}

func defaultText(v reflect.Value, option string) string {
	if option != "optional" {
		return "required"
	}
	if v.IsZero() {
		return "none"
	}
	if d, ok := v.Interface().(connector.Duration); ok {
		return code(fmt.Sprintf("%q", time.Duration(d)))
	}
	if v.Kind() == reflect.String {
		return code(fmt.Sprintf("%q", v.String()))
	}
	return code(fmt.Sprint(v.Interface()))
}

func code(names ...string) string { return "`" + strings.Join(names, "`, `") + "`" }

// cell makes text fit for a cell of a table.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) }
