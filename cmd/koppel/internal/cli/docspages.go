package cli

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"koppel/dsl"
	"koppel/engine/mapping"
	"koppel/internal/console"
	"koppel/internal/view"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// functionsPage describes the functions for records.
func functionsPage() page {
	p := page{name: "functions", title: "Functions for records"}
	p.text = "They can be called in `map` and wherever a value per record stands, and inside jq and expr programs.\n" +
		"Null in gives null out, unless a function says otherwise.\n"
	for _, f := range mapping.Functions() {
		p.text += fmt.Sprintf("\n## %s\n\n%s\n\n%s\n", f.Name, code(f.Usage()), f.Doc)
		if len(f.Examples) > 0 {
			p.text += "\n| call | result |\n|---|---|\n"
		}
		for _, e := range f.Examples {
			p.text += fmt.Sprintf("| %s | %s |\n", cell(code(e.Call)), cell(code(e.Result)))
		}
	}
	return p
}

// codesPage lists all problem codes.
func codesPage() page {
	p := page{name: "codes", title: "Problem codes"}
	p.text = "Codes are stable; scripts may rely on them.\n\n## Of the files\n\nIn `validate --json` and the like.\n\n| code | meaning | what to do |\n|---|---|---|\n"
	for _, c := range dsl.Codes() {
		p.text += fmt.Sprintf("| %s | %s | %s |\n", code(c.Code), cell(c.Meaning), cell(c.Fix))
	}
	p.text += "\n## Of records, partitions and pipelines\n\nIn `problems` of `plan --json`, `run --json` and `apply --json`.\n\n| code | meaning | what to do |\n|---|---|---|\n"
	for _, c := range view.RecordCodes() {
		p.text += fmt.Sprintf("| %s | %s | %s |\n", code(c.Code), cell(c.Meaning), cell(c.Fix))
	}
	return p
}

// apiPage lists what the API of serve does, and why it refuses.
func apiPage() page {
	p := page{name: "api", title: "API of serve"}
	p.text = "All paths lie under `/api/v1`. [openapi.json](openapi.json) describes the parameters and objects for programs; the service gives it at\n" +
		"`/api/v1/openapi.json`.\n\n| request | token of a | does |\n|---|---|---|\n"
	for _, op := range console.Operations() {
		p.text += fmt.Sprintf("| %s | %s | %s |\n", code(op.Request), op.Role, cell(op.Summary))
	}
	p.text += "\n## Refusals\n\nA request that is not done is answered with `{\"error\": {\"code\": …, \"message\": …}}`. Codes are stable.\n\n| code | status | meaning |\n|---|---|---|\n"
	for _, c := range console.RefusalCodes() {
		p.text += fmt.Sprintf("| %s | %d | %s |\n", code(c.Code), c.Status, cell(c.Meaning))
	}
	return p
}

// exitCodesPage lists the exit codes.
func exitCodesPage() page {
	p := page{name: "exit-codes", title: "Exit codes"}
	p.text = "| exit | meaning |\n|---|---|\n"
	for _, c := range view.ExitCodes() {
		p.text += fmt.Sprintf("| %s | %s |\n", c[0], cell(c[1]))
	}
	p.text += "\nWhere several hold, the first of 3, 7, 4, 1, 5, 6, 2.\n"
	return p
}

// cliPage lists the verbs with their flags.
func cliPage(root *cobra.Command) page {
	p := page{name: "cli", title: "Command line"}
	p.text = "`koppel [-C DIR] VERB [PIPELINE …] [flags]`. Results go to stdout, diagnostics and progress to stderr.\n\n## Flags of every verb\n\n" +
		flagsText(root.PersistentFlags())
	var add func(c *cobra.Command)
	add = func(c *cobra.Command) {
		if c.Name() == "help" || c.Name() == "completion" || c.Hidden {
			return
		}
		p.text += fmt.Sprintf("\n## %s\n\n%s.\n\n```\n%s\n```\n", strings.TrimPrefix(c.CommandPath(), "koppel "), c.Short, c.UseLine())
		if c.Long != "" {
			p.text += "\n" + c.Long + "\n"
		}
		if text := flagsText(c.LocalNonPersistentFlags()); text != "" {
			p.text += "\n" + text
		}
		if c.Example != "" {
			p.text += "\n```\n" + strings.ReplaceAll(strings.TrimPrefix(c.Example, "  "), "\n  ", "\n") + "\n```\n"
		}
		for _, inner := range c.Commands() {
			add(inner)
		}
	}
	for _, c := range root.Commands() {
		add(c)
	}
	p.text += "\n## completion\n\nPrints a script that completes verbs, flags and names of pipelines in bash, zsh, fish or PowerShell.\n"
	return p
}

func flagsText(flags *pflag.FlagSet) string {
	text := ""
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		argument, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if argument != "" {
			name += " " + argument
		}
		if d := f.DefValue; d != "" && d != "false" && d != "[]" {
			usage += "; default " + d
		}
		text += fmt.Sprintf("- %s: %s\n", code(name), usage)
	})
	return text
}

// jsonPage describes the objects that verbs print with --json.
func jsonPage() page {
	p := page{name: "json", title: "JSON output"}
	p.text = "With `--json` a verb prints one object. Keys are text, empty lists are `[]`, and sensitive values are `" + view.Masked + "`.\n" +
		"`show` prints what `plan` prints, `apply` what `run` prints.\n"
	shapes := view.Shapes()
	names := make([]string, 0, len(shapes))
	for name := range shapes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p.text += fmt.Sprintf("\n## %s\n\n| member | type | meaning |\n|---|---|---|\n", name)
		p.text += membersText(reflect.TypeOf(shapes[name]).Elem(), "")
	}
	return p
}

// membersText lists the members of an object, those of inner objects behind a
// dot.
func membersText(t reflect.Type, prefix string) string {
	text := ""
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		typ, inner := jsonType(f.Type)
		if f.Tag.Get("doc") == "" {
			continue // the object's own line names its members
		}
		text += fmt.Sprintf("| %s | %s | %s |\n", code(prefix+name), typ, cell(f.Tag.Get("doc")))
		if inner != nil {
			deeper := prefix + name + "."
			if typ == "list of objects" {
				deeper = prefix + name + "[]."
			}
			text += membersText(inner, deeper)
		}
	}
	return text
}

// jsonType names the JSON type of a Go type, and gives the struct in it.
func jsonType(t reflect.Type) (name string, inner reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.PkgPath() == "time":
		return "text", nil
	case t.PkgPath() == "encoding/json":
		return "any", nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return "object", t
	case reflect.Slice:
		of, inner := jsonType(t.Elem())
		if inner != nil {
			return "list of objects", inner
		}
		return "list of " + of, nil
	case reflect.Bool:
		return "true or false", nil
	case reflect.String:
		return "text", nil
	}
	return "number", nil
}
