package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"koppel/connections"
	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/connector"
	"koppel/internal/view"
	"koppel/sinks"
	"koppel/sources"

	"github.com/spf13/cobra"
)

func (a *app) discoverVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "discover CONNECTION [NAME]",
		Short: "Show what a live system holds, with a ready source for it",
		Long: `Discover asks the system of a connection what it holds: of a database its tables and
views, of AFAS its connectors. With the name of one it shows its fields, and a source and
a pipeline that read it, or a sink that writes to it; all of that is HCL, to be added to
a file of the project. Nothing is written.
CONNECTION is an address, or the end of one that no other connection has.`,
		Example: `  koppel discover reception
  koppel discover connection.sqlite.reception employees
  koppel discover 'connection.postgres.tenant["acme"]' hr.employees
  koppel discover reception employees >> employees.hcl`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeConnection,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.discover(cmd.Context(), args[0], args[1:])
		},
	}
}

func (a *app) discover(ctx context.Context, name string, collection []string) error {
	p, err := a.load(ctx, offline)
	if err != nil {
		return err
	}
	c, err := p.Connection(name)
	if err != nil {
		return named(err)
	}
	spool, tidy, err := tempDir(p.Dir, looking)
	if err != nil {
		return err
	}
	defer tidy()
	d, err := a.openDiscoverer(ctx, p, c, spool)
	if err != nil {
		return err
	}
	if len(collection) > 0 {
		return a.describe(ctx, p, c, d, collection[0])
	}
	all, err := d.Discover(ctx)
	if err != nil {
		return atAddress(c, err)
	}
	list := view.NewCollections(c.Address, c.Kind, all)
	if a.json {
		return view.WriteJSON(a.out, list)
	}
	if err := list.WriteText(a.out); err != nil || len(all) == 0 {
		return err
	}
	a.note("A name behind the connection shows its fields and a ready source: koppel discover " + name + " NAME")
	return nil
}

// openDiscoverer opens a connection that can tell what its system holds.
func (a *app) openDiscoverer(ctx context.Context, p *dsl.Project, c *dsl.Connection, spool string) (connector.Discoverer, error) {
	log, err := a.log()
	if err != nil {
		return nil, err
	}
	opened, err := c.Open(ctx, connector.Env{Dir: p.Dir, Spool: spool, Now: a.now, Clock: a.now().In(p.Location), Log: log, ReadOnly: true})
	if err != nil {
		return nil, atAddress(c, err)
	}
	d, ok := opened.(connector.Discoverer)
	if !ok {
		return nil, wrong("%s: connections of the kind %s can't tell what their system holds%s", c.Address, c.Kind, readers(c.Kind))
	}
	return d, nil
}

// readers names the pages of the kinds of sources that read from a connection.
func readers(kind string) string {
	var pages []string
	for _, k := range sources.All() {
		for _, c := range k.Uses(connector.Connections(sources.All(), sinks.All(), connections.All()...)) {
			if c.Name == kind {
				pages = append(pages, "koppel docs source-"+k.Name)
			}
		}
	}
	if len(pages) == 0 {
		return ""
	}
	return "; say in a source what to read: " + strings.Join(pages, ", ")
}

// describe shows one collection.
func (a *app) describe(ctx context.Context, p *dsl.Project, c *dsl.Connection, d connector.Discoverer, name string) error {
	found, err := d.Describe(ctx, name)
	if errors.Is(err, connector.ErrNoCollection) {
		return a.unknownCollection(ctx, c, d, name)
	}
	if err != nil {
		return atAddress(c, err)
	}
	shown := view.NewDiscovered(c.Address, found, p.Draft(c.Address, found))
	if a.json {
		return view.WriteJSON(a.out, shown)
	}
	return shown.WriteText(a.out)
}

// unknownCollection says what was probably meant.
func (a *app) unknownCollection(ctx context.Context, c *dsl.Connection, d connector.Discoverer, name string) error {
	all, err := d.Discover(ctx)
	if err != nil {
		return atAddress(c, err)
	}
	unknown := &engine.UnknownError{What: "table, view, connector or the like", Name: name, In: c.Address}
	var names []string
	for _, x := range all {
		names = append(names, x.Name)
	}
	if near := dsl.Suggest(name, names); near != "" {
		if strings.Contains(near, `"`) {
			near = "'" + near + "'" // for the shell
		}
		unknown.Near = []string{near}
	}
	return named(unknown)
}

// atAddress puts the address of a connection before an error of it.
func atAddress(c *dsl.Connection, err error) error {
	var own *dsl.OpenError
	var field *connector.FieldError
	switch {
	case errors.As(err, &own):
		return err // it names the address
	case errors.As(err, &field), errors.Is(err, connector.ErrUndiscoverable):
		return wrong("%s: %w", c.Address, err)
	}
	if strings.HasPrefix(err.Error(), c.Address) {
		return err
	}
	return fmt.Errorf("%s: %w", c.Address, err)
}

// completeConnection offers connections for the first argument.
func (a *app) completeConnection(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	o, err := a.options(offline)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	p, _ := dsl.Load(cmd.Context(), o)
	var names []string
	for _, c := range p.Connections {
		names = append(names, c.Address)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
