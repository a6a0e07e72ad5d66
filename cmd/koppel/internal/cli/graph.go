package cli

import (
	"context"

	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) graphVerb() *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:   "graph [PIPELINE …]",
		Short: "Show how sources, pipelines, joins and sinks hang together",
		Example: `  koppel graph
  koppel graph --format svg > graph.svg
  koppel graph --format dot employees`,
		ValidArgsFunction: a.completePipelines,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.graph(cmd.Context(), args, format) },
	}
	cmd.Flags().StringVar(&format, "format", "text", "`FORM`: text, dot or svg")
	return cmd
}

func (a *app) graph(ctx context.Context, names []string, format string) error {
	p, err := a.load(ctx, offline)
	if err != nil {
		return err
	}
	list, err := p.Select(names)
	if err != nil {
		return &exitError{code: exitWrong, err: err}
	}
	g := view.NewGraph(p.Project, list)
	if a.json {
		return view.WriteJSON(a.out, g)
	}
	switch format {
	case "text":
		return g.WriteText(a.out)
	case "dot":
		return g.WriteDot(a.out)
	case "svg":
		return g.WriteSVG(a.out)
	}
	return wrong("--format %q is none of text, dot, svg", format)
}
