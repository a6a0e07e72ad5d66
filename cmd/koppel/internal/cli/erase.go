package cli

import (
	"context"

	"koppel/engine"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) eraseVerb() *cobra.Command {
	var e engine.Erasure
	yes := false
	cmd := &cobra.Command{
		Use:   "erase PIPELINE KEY --reason TEXT",
		Short: "Remove a person from everything that koppel keeps",
		Long: `Erase removes one record from the state: what was delivered, what waits, its
history, the copy of its source record, and what other pipelines made of it that
read the same record. It makes no backup, for that would keep what is to go.

The target is not touched unless --from-target deletes the row there first. While
the source still has the record, the next run delivers it again: remove it there
first. Saved plans, exports, backups and logs can't be reached.`,
		Example: `  koppel erase employees 1042 --reason "request of 3 May"
  koppel erase employees 1042 --reason "request of 3 May" --from-target --yes`,
		ValidArgsFunction: a.completePipeline,
		Args:              cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			e.Address, e.Key, e.Who = args[0], args[1], a.who()
			return a.erase(cmd.Context(), e, yes)
		},
	}
	f := cmd.Flags()
	f.StringVar(&e.Reason, "reason", "", "why, in a few `words` that do not name the person; required")
	f.BoolVar(&e.FromTarget, "from-target", false, "delete the row at the target first")
	f.BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) erase(ctx context.Context, e engine.Erasure, yes bool) error {
	if err := needReason(e.Reason); err != nil {
		return err
	}
	return a.with(ctx, writing, func(s *session) error {
		address, err := a.onePipeline(ctx, s, e.Address)
		if err != nil {
			return err
		}
		e.Address = address
		if _, err := s.History(ctx, address, e.Key); err != nil {
			return err
		}
		what := "erase " + e.Key + " of " + address + " from the state for good"
		if e.FromTarget {
			what = "delete " + e.Key + " at the target of " + address + ", and erase it from the state for good"
		}
		if err := a.sure(yes, what); err != nil {
			return err
		}
		out, err := s.Erase(ctx, e)
		if err != nil {
			return err
		}
		if a.json {
			return view.WriteJSON(a.out, view.NewErased(out))
		}
		a.teller(s, false).Erased(out)
		return nil
	})
}
