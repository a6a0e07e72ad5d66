package cli

import (
	"context"

	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) pauseVerb() *cobra.Command {
	return a.pausing(&cobra.Command{
		Use:   "pause PIPELINE …",
		Short: "Have schedules and webhooks leave a pipeline alone",
		Long: `Pause has koppel serve leave pipelines alone until they are resumed: their
schedules, and webhooks that arrive. What is remembered of them stays as it is, and
koppel run runs them still. A run that goes on is not stopped.`,
		Example: "  koppel pause employees --reason \"the directory is being moved\"\n  koppel pause 'employees[\"acme\"]'",
	}, true)
}

func (a *app) resumeVerb() *cobra.Command {
	return a.pausing(&cobra.Command{
		Use:   "resume PIPELINE …",
		Short: "Let schedules and webhooks run a pipeline again",
		Long: `Resume ends a pause. What was due meanwhile, however often, is one run, at once;
where the schedule says missed = "skip" the pipeline waits for its next time.`,
		Example: "  koppel resume employees",
	}, false)
}

func (a *app) pausing(cmd *cobra.Command, paused bool) *cobra.Command {
	reason := ""
	cmd.Args, cmd.ValidArgsFunction = cobra.MinimumNArgs(1), a.completePipelines
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return a.setPaused(cmd.Context(), args, paused, reason) }
	cmd.Flags().StringVar(&reason, "reason", "", "`TEXT` that is kept with it")
	return cmd
}

func (a *app) setPaused(ctx context.Context, names []string, paused bool, reason string) error {
	return a.with(ctx, writing, func(s *session) error {
		list, err := s.project.Select(names)
		if err != nil {
			return wrong("%w", err)
		}
		var addresses []string
		for _, p := range list {
			addresses = append(addresses, p.Address)
		}
		changed, err := s.SetPaused(ctx, addresses, paused, a.who(), reason)
		if err != nil {
			return err
		}
		out := view.NewPaused(paused, addresses, changed)
		if a.json {
			return view.WriteJSON(a.out, out)
		}
		a.teller(s, false).Paused(out)
		return nil
	})
}
