package cli

import (
	"context"
	"errors"

	"koppel/dsl"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) graphVerb() *cobra.Command {
	format := ""
	cmd := &cobra.Command{
		Use:   "graph [PIPELINE …]",
		Short: "Show how sources, pipelines, joins and sinks hang together",
		Long: `Graph shows what flows into what, and of each pipeline with a schedule the next
five runs.`,
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
	if g.Schedules, err = view.NewSchedules(list, a.pausedPipelines(ctx, p), a.now()); err != nil {
		return err
	}
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

// pausedPipelines tells which pipelines are paused, by their addresses. A state
// that can't be read is noted: a graph needs none.
func (a *app) pausedPipelines(ctx context.Context, p *dsl.Project) map[string]bool {
	s, err := a.openProject(ctx, p, looking)
	if err == nil {
		var paused map[string]bool
		paused, err = s.Paused(ctx)
		if err = errors.Join(err, s.close()); err == nil {
			return paused
		}
	}
	a.note("Which pipelines are paused is not known: " + reasonOf(err))
	return nil
}
