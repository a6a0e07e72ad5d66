package cli

import (
	"context"

	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) explainVerb() *cobra.Command {
	run, all := "", false
	cmd := &cobra.Command{
		Use:   "explain PIPELINE KEY",
		Short: "Follow one record through every stage of its pipeline",
		Long: `Explain reads the source as plan does, writes nothing, and shows one record at
every stage: as it was read, what each join found, what where and each field gave,
its key, what was delivered before, what the next run does with it, and why. A key
that is absent is explained too. With --run it tells what that run did to the
record, from the state alone.`,
		Example: `  koppel explain employees 1042
  koppel explain employees 1042 --run 12
  koppel explain employees 1042 --json`,
		ValidArgsFunction: a.completePipeline,
		Args:              cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if run == "" {
				return a.explain(cmd.Context(), args[0], args[1], all)
			}
			id, err := runID(run)
			if err != nil {
				return err
			}
			return a.explainRun(cmd.Context(), args[0], args[1], id, all)
		},
	}
	cmd.Flags().StringVar(&run, "run", "", "what the run with this `ID` did to it, offline")
	cmd.Flags().BoolVar(&all, "all", false, "show every field and event")
	return cmd
}

func (a *app) explain(ctx context.Context, pipeline, key string, all bool) error {
	return a.with(ctx, looking, func(s *session) error {
		address, err := a.onePipeline(ctx, s, pipeline)
		if err != nil {
			return err
		}
		p := s.Project.Pipelines[address]
		if p == nil {
			return wrong("%s is no longer configured, so that nothing maps its records; koppel history shows what happened to one", address)
		}
		x, err := s.Explain(ctx, p, key)
		if err != nil {
			if code := exitOfPipeline(s, address, err); code != exitFailure {
				return &exitError{code: code, err: named(err)}
			}
			return err
		}
		if a.json {
			return view.WriteJSON(a.out, view.NewExplanation(x, s.project.Located))
		}
		a.teller(s, all).Explanation(x, s.project.Located)
		return nil
	})
}

func (a *app) explainRun(ctx context.Context, pipeline, key string, run int64, all bool) error {
	return a.with(ctx, looking, func(s *session) error {
		address, err := a.onePipeline(ctx, s, pipeline)
		if err != nil {
			return err
		}
		x, err := s.ExplainRun(ctx, address, key, run)
		if err != nil {
			return err
		}
		if a.json {
			return view.WriteJSON(a.out, view.NewRunExplanation(x))
		}
		a.teller(s, all).RunExplanation(x)
		return nil
	})
}
