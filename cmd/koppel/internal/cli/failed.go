package cli

import (
	"context"

	"koppel/engine"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) failedVerb() *cobra.Command {
	all, dismissed := false, false
	list := func(cmd *cobra.Command, args []string) error {
		return a.listFailed(cmd.Context(), args, dismissed, all)
	}
	cmd := &cobra.Command{
		Use:   "failed [list | retry | dismiss] [PIPELINE …]",
		Short: "Show and decide on records that failed or were refused",
		Long: `Failed lists the records that could not be mapped, that the target refused, and
those of which it is not known whether the target took them. Scheduled runs try a
refused one again after a while, runs by hand at once; retry makes it due at once.
A dismissed one is left alone while it fails in the same way.`,
		Example: `  koppel failed
  koppel failed list employees --json
  koppel failed retry employees
  koppel failed retry employees --only 1042
  koppel failed dismiss employees --only 1042 --reason "a test person"`,
		ValidArgsFunction: a.completePipelines,
		Args:              cobra.ArbitraryArgs,
		RunE:              list,
	}
	inner := &cobra.Command{
		Use: "list [PIPELINE …]", Short: "List what failed", Example: "  koppel failed list employees",
		ValidArgsFunction: a.completePipelines, Args: cobra.ArbitraryArgs, RunE: list,
	}
	for _, c := range []*cobra.Command{cmd, inner} {
		c.Flags().BoolVar(&all, "all", false, "show every record")
		c.Flags().BoolVar(&dismissed, "dismissed", false, "also those that were dismissed")
	}
	cmd.AddCommand(inner, a.failedRetry(), a.failedDismiss())
	return cmd
}

func (a *app) listFailed(ctx context.Context, names []string, dismissed, all bool) error {
	return a.with(ctx, looking, func(s *session) error {
		addresses, err := a.addresses(ctx, s, names)
		if err != nil {
			return err
		}
		list, err := s.Failed(ctx, addresses, dismissed)
		if err != nil {
			return err
		}
		if a.json {
			return view.WriteJSON(a.out, view.NewFailed(list))
		}
		a.teller(s, all).Failed(list)
		return nil
	})
}

func (a *app) failedRetry() *cobra.Command {
	var v verdict
	cmd := &cobra.Command{
		Use:   "retry [PIPELINE …]",
		Short: "Make refused records due at once",
		Long: `Retry makes refused records due at once. A record in doubt, or one that was
dismissed, is tried again only when --only names it: look at the target first, for
it is sent again then.`,
		Example:           "  koppel failed retry\n  koppel failed retry employees --only 1042",
		ValidArgsFunction: a.completePipelines,
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.decideFailed(cmd.Context(), args, v, (*engine.Engine).Retry, "due at once; the next run tries again")
		},
	}
	v.flags(cmd, "")
	return cmd
}

func (a *app) failedDismiss() *cobra.Command {
	var v verdict
	cmd := &cobra.Command{
		Use: "dismiss PIPELINE --reason TEXT", Short: "Leave failed records alone",
		Example:           `  koppel failed dismiss employees --only 1042 --reason "a test person"`,
		ValidArgsFunction: a.completePipelines,
		Args:              cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needReason(v.reason); err != nil {
				return err
			}
			return a.decideFailed(cmd.Context(), args, v, (*engine.Engine).Dismiss, "dismissed; runs leave it alone while it fails in the same way")
		},
	}
	v.flags(cmd, "; required")
	return cmd
}

func (a *app) decideFailed(ctx context.Context, names []string, v verdict,
	decide func(*engine.Engine, context.Context, engine.Decision) (*engine.Decided, error), verb string) error {
	return a.with(ctx, writing, func(s *session) error {
		addresses, err := a.addresses(ctx, s, names)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			pipelines, _, err := s.StateList(ctx)
			if err != nil {
				return err
			}
			for _, p := range pipelines {
				addresses = append(addresses, p.Address)
			}
		}
		out, err := decide(s.Engine, ctx, engine.Decision{Addresses: addresses, Only: v.only, Reason: v.reason, Who: a.who()})
		return a.decided(s, out, err, verb, "failed")
	})
}
