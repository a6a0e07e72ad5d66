package cli

import (
	"context"
	"strings"

	"koppel/connections"
	"koppel/dsl"
	"koppel/sinks"
	"koppel/sources"
)

// A need says what a verb needs of its project.
type need int

const (
	offline need = iota // nothing outside of the files
	secrets             // the secrets that programs read
)

// options says what to load, as the flags of every verb have it.
func (a *app) options(n need) (dsl.Options, error) {
	o := dsl.Options{
		Dir: a.dir, VarFiles: a.varFiles, VarFileDir: a.dir, Environ: a.environ, Vars: map[string]string{},
		Sources: sources.All(), Sinks: sinks.All(), Connections: connections.All(), Version: version(), Resolve: n == secrets,
	}
	for _, v := range a.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return o, wrong("--var %q: write NAME=VALUE", v)
		}
		o.Vars[name] = value
	}
	return o, nil
}

// load reads the project. What is wrong with it is printed, and ends the verb
// with exit 3; warnings are printed unless they are not wanted.
func (a *app) load(ctx context.Context, n need) (*dsl.Project, error) {
	o, err := a.options(n)
	if err != nil {
		return nil, err
	}
	p, problems := dsl.Load(ctx, o)
	if problems.HasErrors() || !a.quiet {
		if err := a.writeDiagnostics(p, problems); err != nil {
			return nil, err
		}
	}
	if problems.HasErrors() {
		return nil, silent(exitWrong)
	}
	return p, nil
}

// writeDiagnostics shows the problems of a project on stderr.
func (a *app) writeDiagnostics(p *dsl.Project, problems dsl.Diagnostics) error {
	width := 0
	if a.errTerminal {
		width = a.width
	}
	return problems.Write(a.err, p.Files, a.colors(a.errTerminal), width)
}
