package cli

import (
	"context"
	"errors"

	"koppel/engine"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) runVerb() *cobra.Command {
	var o engine.Options
	cmd := &cobra.Command{
		Use:   "run [PIPELINE …]",
		Short: "Plan and apply without asking, under the guards",
		Long: `Run reads the sources, compares and brings the targets in step, pipeline after
pipeline in dependency order. What a guard holds is left for someone to approve.`,
		Example: `  koppel run
  koppel run employees --json
  koppel run employees --key 1042
  koppel run employees --baseline      remember what is there, write nothing`,
		ValidArgsFunction: a.completePipelines,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.runPipelines(cmd.Context(), args, o) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.Full, "full", false, "read incremental sources whole")
	f.StringVar(&o.Key, "key", "", "only the record with this `KEY`; parts joined by /")
	f.BoolVar(&o.Baseline, "baseline", false, "remember the present set as delivered and write nothing")
	return cmd
}

func (a *app) runPipelines(ctx context.Context, names []string, o engine.Options) error {
	s, err := a.open(ctx, writing)
	if err != nil {
		return err
	}
	if o.Pipelines, err = selected(s, names); err != nil {
		return errors.Join(err, s.close())
	}
	res, err := s.Run(ctx, o)
	if err == nil {
		err = a.reportRun(ctx, s, res)
	}
	return errors.Join(err, s.close())
}

// reportRun prints what a run did and judges it.
func (a *app) reportRun(ctx context.Context, s *session, res *engine.Result) error {
	a.ready()
	if a.json {
		for i := range res.Pipelines {
			for _, w := range res.Pipelines[i].Warnings {
				a.note("Warning: " + res.Pipelines[i].Name + ": " + w.Message)
			}
		}
		if err := view.WriteJSON(a.out, view.NewRun(res)); err != nil {
			return err
		}
	} else if err := view.WriteRun(a.out, res, a.style()); err != nil {
		return err
	}
	a.sayOrphans(context.WithoutCancel(ctx), s)
	if err := s.drain(ctx); err != nil {
		s.Log.Warn("messages stay in their queue", "error", err)
	}
	return silent(judgeRun(s, res).code())
}

// judgeRun says which exit codes a run stands for.
func judgeRun(s *session, res *engine.Result) *exits {
	x := &exits{}
	for i := range res.Pipelines {
		p := &res.Pipelines[i]
		switch p.Status {
		case "failed":
			code := exitFailure
			if p.Err != nil {
				code = exitOfPipeline(s, p.Address, p.Err)
			}
			x.add(code)
		case "held":
			x.held = true
		case "partial":
			x.partial = true
		}
		if p.Unreachable {
			x.unreachable = true
		}
		if p.Counts.Held > 0 {
			x.held = true
		}
		if p.Counts.Failed > 0 || p.Moved > 0 {
			x.partial = true
		}
	}
	return x
}
