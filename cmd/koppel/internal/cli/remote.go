package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
)

// remoteCheck holds a project against its systems: each source and sink that
// can tests itself, and the fields that pipelines read are looked for among
// those that the system has.
type remoteCheck struct {
	p     *dsl.Project
	env   connector.Env
	found dsl.Diagnostics
}

// remote asks the systems of a project. It reads only.
func (a *app) remote(ctx context.Context, p *dsl.Project) (dsl.Diagnostics, error) {
	log, err := a.log()
	if err != nil {
		return nil, err
	}
	spool, tidy, err := tempDir(p.Dir, looking)
	if err != nil {
		return nil, err
	}
	defer tidy()
	c := &remoteCheck{p: p, env: connector.Env{Dir: p.Dir, Spool: spool, Now: a.now, Clock: a.now().In(p.Location), Log: log, ReadOnly: true}}
	for _, address := range slices.Sorted(maps.Keys(p.Sources)) {
		if err := c.source(ctx, p.Sources[address]); err != nil {
			return nil, err
		}
	}
	for _, address := range slices.Sorted(maps.Keys(p.Pipelines)) {
		pl := p.Pipelines[address]
		if err := c.lookups(ctx, pl); err != nil {
			return nil, err
		}
		if pl.Into != "" {
			if err := c.sink(ctx, pl); err != nil {
				return nil, err
			}
		}
	}
	return c.found, ctx.Err()
}

func (c *remoteCheck) source(ctx context.Context, src *engine.Source) error {
	env := c.env
	env.Key = src.Key
	if w := src.Window; w != nil {
		env.Window, env.WindowField = func() (string, string) { return "", "" }, w.Field
	}
	opened, err := src.Open(ctx, env)
	if err != nil {
		c.add(src.Address, err)
		return ctx.Err()
	}
	defer closeQuietly(opened)
	if checker, ok := opened.(connector.Checker); ok {
		if err := checker.Check(ctx); err != nil {
			c.add(src.Address, err)
			return ctx.Err()
		}
	}
	described, ok := opened.(connector.Described)
	if !ok {
		return nil
	}
	fields, err := described.Fields(ctx)
	if err != nil {
		c.add(src.Address, err)
		return ctx.Err()
	}
	c.fields(src, fields)
	return nil
}

// fields looks for what pipelines read among the fields of a source.
func (c *remoteCheck) fields(src *engine.Source, fields []connector.Field) {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	for _, address := range slices.Sorted(maps.Keys(c.p.Pipelines)) {
		pl := c.p.Pipelines[address]
		if pl.From != src.Address || pl.Program == nil {
			continue
		}
		for _, path := range pl.Program.Reads().Roots["src"] {
			if len(path) == 0 || slices.Contains(names, path[0]) {
				continue
			}
			problem := fmt.Sprintf("reads src.%s, which %s does not have", path[0], src.Title)
			if near := dsl.Suggest(path[0], names); near != "" {
				problem += fmt.Sprintf("; did you mean %q?", near)
			}
			c.add(pl.Address, errors.New(problem))
		}
	}
}

func (c *remoteCheck) sink(ctx context.Context, pl *engine.Pipeline) error {
	env := c.env
	env.Shape = pl.Shape()
	opened, err := c.p.Sinks[pl.Into].Open(ctx, env)
	if err != nil {
		c.add(pl.Into, err)
		return ctx.Err()
	}
	defer closeQuietly(opened)
	if checker, ok := opened.(connector.Checker); ok {
		if err := checker.Check(ctx); err != nil {
			c.add(pl.Into, err)
		}
	}
	return ctx.Err()
}

// lookups sees that what lookups ask takes the credentials, where a connection
// can tell without a question.
func (c *remoteCheck) lookups(ctx context.Context, pl *engine.Pipeline) error {
	for _, l := range pl.Lookups {
		asker, _, err := l.Open(ctx, c.env)
		checker, ok := asker.(connector.Checker)
		if err == nil && ok {
			err = checker.Check(ctx)
		}
		if err != nil {
			c.add(pl.Address, fmt.Errorf("lookup %q: %w", l.Name, err))
		}
	}
	return ctx.Err()
}

// add notes what a system said against a block.
func (c *remoteCheck) add(address string, err error) {
	if many, ok := err.(interface{ Unwrap() []error }); ok && reflect.TypeOf(err) == reflect.TypeOf(errors.Join(err)) {
		for _, one := range many.Unwrap() {
			c.add(address, one)
		}
		return
	}
	d := dsl.Diagnostic{Code: "remote", Summary: fmt.Sprintf("%s: %v", address, err)}
	if errors.Is(err, connector.ErrUnreachable) {
		d.Code = "unreachable"
	}
	var doubt *connector.Doubt
	if errors.As(err, &doubt) {
		d.Severity = dsl.Warning
	}
	var field *connector.FieldError
	if errors.As(err, &field) {
		d.Detail = field.Hint
	}
	for _, b := range c.p.Blocks {
		if slices.Contains(b.Instances, address) {
			d.File, d.Range = b.File, b.Range
		}
	}
	c.found = append(c.found, d)
}

func closeQuietly(v any) {
	if c, ok := v.(io.Closer); ok {
		_ = c.Close() // nothing was written
	}
}
