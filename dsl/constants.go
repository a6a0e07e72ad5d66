package dsl

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"koppel/engine/mapping"
)

// tables holds the project's tables, by name.
type tables map[string]mapping.Table

// loadTables evaluates the table blocks.
func (l *loader) loadTables() {
	l.tables = tables{}
	for _, name := range sortedKeys(l.conf.tables) {
		b := l.conf.tables[name]
		l.out.onlyKnown(b, []string{"values", "description"}, nil)
		l.tables[name] = mapping.Table{Values: map[string]any{}}
		attr := b.Body.Attributes["values"]
		if attr == nil {
			l.out.add("missing_argument", b.DefRange(), "A table has values", "Write values = { \"A\" = \"first\" }.")
			continue
		}
		value := l.program.eval(attr.Expr, nil)
		if isBroken(value) {
			continue
		}
		hidden := isSensitive(value)
		if m, ok := plain(value).(map[string]any); ok {
			l.tables[name] = mapping.Table{Values: m, Sensitive: hidden}
		} else if value.IsKnown() {
			l.out.add("invalid_value", attr.Expr.Range(), "The values of a table are an object", "Write values = { \"A\" = \"first\" }.")
		}
	}
}

// converter makes a converter for one instance. names are those of its joins
// and lookups.
func (l *loader) converter(v *values, in *instance, names []string) *converter {
	return &converter{v: v, in: in, files: l.files, places: l.places, table: l.table, names: names, templates: map[string]string{}}
}

// consts gives the constants that the programs of a converter can read.
func (l *loader) consts(c *converter) mapping.Consts {
	consts := mapping.Consts{Tables: l.tables, Files: c.templates, Var: map[string]any{}, Local: map[string]any{}}
	words := wordsOf(c.programs)
	for root, into := range map[string]map[string]any{"var": consts.Var, "local": consts.Local} {
		for _, name := range l.values.namesOf(root) {
			into[name] = nil
			if !words[root] {
				continue
			}
			value := l.values.named(root, name)
			if words[name] {
				value = c.v.named(root, name)
				l.conf.use(root, name)
				if reason := reasonOf(value); reason != "" && !value.IsWhollyKnown() {
					c.v.wait(reason)
				}
			}
			into[name] = plain(value)
			consts.Sensitive = append(consts.Sensitive, sensitivePaths(root+"."+name, value)...)
		}
	}
	if c.in != nil && c.in.each {
		consts.Each = map[string]any{"key": c.in.key, "value": plain(c.in.value)}
		consts.Sensitive = append(consts.Sensitive, sensitivePaths("each.value", c.in.value)...)
	}
	return consts
}

// wordsOf is the set of identifiers in texts.
func wordsOf(texts []string) map[string]bool {
	words := map[string]bool{}
	for _, text := range texts {
		for _, w := range strings.FieldsFunc(text, func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-'
		}) {
			words[w] = true
			for _, part := range strings.Split(w, "-") {
				words[part] = true
			}
		}
	}
	return words
}

// compile compiles a spec. Nil: it has problems, which were reported.
func (l *loader) compile(spec mapping.Spec, c *converter) *mapping.Program {
	program, found := mapping.Compile(spec, l.consts(c))
	for _, p := range found {
		c.places.report(c.v.out, p)
	}
	if c.failed {
		return nil
	}
	return program
}

// checkUnused warns of locals that nothing reads, and of sources to which others
// deliver for no pipeline.
func (l *loader) checkUnused() {
	for _, address := range sortedKeys(l.doors) {
		used := l.project.Sources[address].Subscribes != ""
		for _, p := range l.project.Pipelines {
			used = used || slices.Contains(l.project.Inputs(p), address)
		}
		if !used {
			l.out.warn("unused", l.doors[address], fmt.Sprintf("No pipeline reads %s", address),
				"What is delivered there is kept for 30 days and then dropped. Write a pipeline with from = %s, or remove the source.", address)
		}
	}
	for _, name := range sortedKeys(l.conf.locals) {
		if !l.conf.used["local."+name] {
			l.out.warn("unused", l.conf.locals[name].NameRange, fmt.Sprintf("local.%s is not used", name), "")
		}
	}
}

// override gives variables other values, for a test.
func (v *values) override(given map[string]cty.Value, at hcl.Range) {
	for _, name := range sortedKeys(given) {
		b := v.conf.variables[name]
		if b == nil {
			v.out.add("unknown_name", at, fmt.Sprintf("There is no variable %q", name), "The test gives it a value.%s", didYouMean(name, sortedKeys(v.conf.variables)))
			continue
		}
		typ, defaults, ok := v.variableType(b)
		if !ok {
			continue
		}
		value, ok := v.convertVariable(name, given[name], typ, defaults, at)
		if !ok {
			continue
		}
		if v.isSensitiveVariable(b) {
			value = value.Mark(sensitive{})
		}
		v.variables[name] = &cell{state: done, value: value}
	}
}
