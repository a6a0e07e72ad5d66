package cli

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"koppel/engine"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) runsVerb() *cobra.Command {
	limit := 20
	list := func(cmd *cobra.Command, args []string) error { return a.listRuns(cmd.Context(), args, limit) }
	cmd := &cobra.Command{
		Use:   "runs [list [PIPELINE …] | show ID]",
		Short: "Show what runs did",
		Long: `Runs lists the runs, newest first, and what people decided by hand between
them; show tells what one of them did, change by change.`,
		Example:           "  koppel runs\n  koppel runs list employees --limit 100\n  koppel runs show 12\n  koppel runs show 12 --json",
		ValidArgsFunction: a.completePipelines,
		Args:              cobra.ArbitraryArgs,
		RunE:              list,
	}
	inner := &cobra.Command{
		Use: "list [PIPELINE …]", Short: "List runs, newest first", Example: "  koppel runs list employees",
		ValidArgsFunction: a.completePipelines, Args: cobra.ArbitraryArgs, RunE: list,
	}
	for _, c := range []*cobra.Command{cmd, inner} {
		c.Flags().IntVar(&limit, "limit", 20, "how many; 0: all")
	}
	cmd.AddCommand(inner, a.runsShow())
	return cmd
}

func (a *app) listRuns(ctx context.Context, names []string, limit int) error {
	if limit < 0 {
		return wrong("--limit %d: write how many, or 0 for all", limit)
	}
	return a.with(ctx, looking, func(s *session) error {
		addresses, err := a.addresses(ctx, s, names)
		if err != nil {
			return err
		}
		runs, err := s.RunList(ctx, addresses, limit)
		if err != nil {
			return err
		}
		if a.json {
			return view.WriteJSON(a.out, view.NewRuns(runs))
		}
		a.teller(s, false).Runs(runs)
		return nil
	})
}

func (a *app) runsShow() *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show what one run did", Example: "  koppel runs show 12 --all", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := runID(args[0])
			if err != nil {
				return err
			}
			return a.showRun(cmd.Context(), id, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show every change")
	return cmd
}

// runID reads the number of a run.
func runID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, wrong("%q is no number of a run; koppel runs lists them", text)
	}
	return id, nil
}

// shownChanges is how many changes of a run are shown.
const shownChanges = 30

// errEnough ends a walk over changes.
var errEnough = errors.New("enough was seen")

func (a *app) showRun(ctx context.Context, id int64, all bool) error {
	return a.with(ctx, looking, func(s *session) error {
		run, err := s.RunByID(ctx, id)
		if err != nil {
			return err
		}
		var changes []engine.RunChange
		err = s.RunChanges(ctx, run, func(c engine.RunChange) error {
			if !a.json && !all && len(changes) == shownChanges {
				return errEnough
			}
			changes = append(changes, c)
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		if a.json {
			out := view.RunDetails{FormatVersion: view.FormatVersion, Run: view.NewRunEntry(run), Changes: []view.RunChange{}}
			for i := range changes {
				out.Changes = append(out.Changes, view.NewRunChange(strings.TrimPrefix(changes[i].Pipeline, "pipeline."), &changes[i]))
			}
			return view.WriteJSON(a.out, out)
		}
		more := int64(0)
		if err != nil {
			more = changed(run) - int64(len(changes))
		}
		a.teller(s, all).Run(run, changes, more)
		return nil
	})
}

// changed counts what a run changed.
func changed(run *engine.RunSummary) int64 {
	var n int64
	for _, p := range run.Pipelines {
		n += p.Counts.Created + p.Counts.Updated + p.Counts.Deleted + p.Counts.Disabled
	}
	return n
}
