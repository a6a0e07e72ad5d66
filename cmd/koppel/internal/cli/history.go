package cli

import (
	"context"

	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) historyVerb() *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use:   "history PIPELINE KEY",
		Short: "Show one record over time",
		Long: `History tells what happened to one record: in which runs, why, its fields before
and after, and who approved what a guard had held. A key of several parts is
written with slashes; where that can be read in two ways, as a JSON list of its parts.`,
		Example:           "  koppel history employees 1042\n  koppel history calendar 'room@example.org/AAMk1' --json",
		ValidArgsFunction: a.completePipeline,
		Args:              cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.history(cmd.Context(), args[0], args[1], all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show every field")
	return cmd
}

func (a *app) history(ctx context.Context, pipeline, key string, all bool) error {
	return a.with(ctx, looking, func(s *session) error {
		address, err := a.onePipeline(ctx, s, pipeline)
		if err != nil {
			return err
		}
		h, err := s.History(ctx, address, key)
		if err != nil {
			return err
		}
		if a.json {
			return view.WriteJSON(a.out, view.NewHistory(h))
		}
		a.teller(s, all).History(h)
		return nil
	})
}
