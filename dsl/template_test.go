package dsl

import "testing"

// Every name that a kind fills in is one in the text, too; any other brace stays.
func TestTemplateNames(t *testing.T) {
	values := func(name string) (any, bool) { return "<" + name + ">", true }
	for text, want := range map[string]string{
		"{src.a.b} {record.x} {item.y}": "<src.a.b> <record.x> <item.y>",
		"{key} {id} {op} {page} {cursor} {today} {now} {from} {to} {topic} {pipeline}": "<key> <id> <op> <page> <cursor> <today> <now> <from> <to> <topic> <pipeline>",
		"runs.{pipeline}.{op}": "runs.<pipeline>.<op>",
		"{{key}} {x} {":        "{key} {x} {",
	} {
		if got, err := parseTemplate(text).Fill(values); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
}
