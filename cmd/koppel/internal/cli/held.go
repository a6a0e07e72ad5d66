package cli

import (
	"context"
	"errors"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

// A verdict is what a person says about open records.
type verdict struct {
	only    []string
	reason  string
	lasting string // of an approval; empty: for good
}

// lifetime reads how long something holds, as a flag says; 0 when it says
// nothing.
func lifetime(flag, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := dsl.ParseDuration(text)
	if err == nil && d <= 0 {
		err = errors.New("write a time that is longer than none, such as 24h or 90d")
	}
	if err != nil {
		return 0, wrong("%s %q: %w", flag, text, err)
	}
	return d, nil
}

// flags are those of verbs that decide.
func (v *verdict) flags(cmd *cobra.Command, reason string) {
	f := cmd.Flags()
	f.StringArrayVar(&v.only, "only", nil, "only the record with this `KEY`; may be given several times")
	f.StringVar(&v.reason, "reason", "", "why, in a few `words`"+reason)
}

func (a *app) heldVerb() *cobra.Command {
	all, aside := false, false
	list := func(cmd *cobra.Command, args []string) error { return a.listHeld(cmd.Context(), args, aside, all) }
	cmd := &cobra.Command{
		Use:   "held [list | approve | reject] [PIPELINE | SOURCE …]",
		Short: "Show and decide what guards hold",
		Long: `Held lists the changes that guards hold, and the reads that complete_when did not
accept. Approving lets the next run do exactly what is listed, if it still wants it;
rejecting makes runs leave it alone. What only a plan found is not held yet: run first.`,
		Example: `  koppel held
  koppel held list employees
  koppel held approve employees --reason "reorganisation, asked HR"
  koppel held approve employees --only 1042 --only 998 --reason "left in May" --for 24h
  koppel held reject employees --only 998 --reason "back next month"
  koppel held approve source.afas_get.employees --reason "the department closed"`,
		ValidArgsFunction: a.completePipelines,
		Args:              cobra.ArbitraryArgs,
		RunE:              list,
	}
	inner := &cobra.Command{
		Use: "list [PIPELINE | SOURCE …]", Short: "List what is held", Example: "  koppel held list employees --all",
		ValidArgsFunction: a.completePipelines, Args: cobra.ArbitraryArgs, RunE: list,
	}
	for _, c := range []*cobra.Command{cmd, inner} {
		c.Flags().BoolVar(&all, "all", false, "show every record and field")
		c.Flags().BoolVar(&aside, "set-aside", false, "also what was rejected, or taken back by an undo")
	}
	cmd.AddCommand(inner, a.heldApprove(), a.heldReject())
	return cmd
}

func (a *app) listHeld(ctx context.Context, names []string, aside, all bool) error {
	return a.with(ctx, looking, func(s *session) error {
		pipelines, sources, err := s.named().PipelinesAndSources(ctx, names)
		if err != nil {
			return err
		}
		var changes []engine.OpenKey
		var reads []engine.HeldRead
		if len(names) == 0 || len(pipelines) > 0 {
			if changes, err = s.Held(ctx, pipelines, aside); err != nil {
				return err
			}
		}
		if len(names) == 0 || len(sources) > 0 {
			if reads, err = s.HeldReads(ctx, sources); err != nil {
				return err
			}
		}
		if a.json {
			return view.WriteJSON(a.out, view.NewHeld(changes, reads))
		}
		a.teller(s, all).Held(changes, reads)
		return nil
	})
}

func (a *app) heldApprove() *cobra.Command {
	var v verdict
	cmd := &cobra.Command{
		Use:   "approve PIPELINE | SOURCE --reason TEXT",
		Short: "Let the next run do exactly what is held",
		Example: `  koppel held approve employees --reason "asked HR"
  koppel held approve source.afas_get.employees --reason "the department closed"`,
		ValidArgsFunction: a.completePipeline,
		Args:              cobra.ExactArgs(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.approve(cmd.Context(), args[0], v) },
	}
	v.flags(cmd, "; required")
	cmd.Flags().StringVar(&v.lasting, "for", "", "how long the approval holds, such as `24h`; default: until a run uses it")
	return cmd
}

func (a *app) approve(ctx context.Context, name string, v verdict) error {
	if err := needReason(v.reason); err != nil {
		return err
	}
	lasting, err := lifetime("--for", v.lasting)
	if err != nil {
		return err
	}
	return a.with(ctx, writing, func(s *session) error {
		pipelines, sources, err := s.named().PipelinesAndSources(ctx, []string{name})
		if err != nil {
			return err
		}
		d := engine.Decision{Addresses: pipelines, Only: v.only, Reason: v.reason, Who: a.who(), For: lasting}
		if len(sources) == 0 {
			out, err := s.Approve(ctx, d)
			return a.decided(s, out, err, "approved; the next run does it if it still wants exactly this", "held")
		}
		if len(v.only) > 0 {
			return wrong("a read is approved as a whole; leave out --only")
		}
		out, err := s.ApproveRead(ctx, sources[0], d)
		if err != nil {
			return err
		}
		if a.json {
			return view.WriteJSON(a.out, view.NewDecision(out))
		}
		a.teller(s, false).ReadApproved(out.Read)
		return nil
	})
}

func (a *app) heldReject() *cobra.Command {
	var v verdict
	cmd := &cobra.Command{
		Use: "reject PIPELINE | SOURCE --reason TEXT", Short: "Make runs leave alone what is held, or take the approval of a read back",
		Example: `  koppel held reject employees --only 998 --reason "back next month"
  koppel held reject source.afas_get.employees --reason "fewer are right"`,
		ValidArgsFunction: a.completePipeline,
		Args:              cobra.ExactArgs(1),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.reject(cmd.Context(), args[0], v) },
	}
	v.flags(cmd, "; required")
	return cmd
}

func (a *app) reject(ctx context.Context, name string, v verdict) error {
	if err := needReason(v.reason); err != nil {
		return err
	}
	return a.with(ctx, writing, func(s *session) error {
		pipelines, sources, err := s.named().PipelinesAndSources(ctx, []string{name})
		if err != nil {
			return err
		}
		if len(sources) > 0 {
			return a.withdraw(ctx, s, sources[0], engine.Decision{Reason: v.reason, Who: a.who()})
		}
		out, err := s.Reject(ctx, engine.Decision{Addresses: pipelines, Only: v.only, Reason: v.reason, Who: a.who()})
		return a.decided(s, out, err, "rejected; runs leave it alone while exactly this is wanted", "held")
	})
}

// withdraw takes back the approval of a read.
func (a *app) withdraw(ctx context.Context, s *session, source string, d engine.Decision) error {
	out, err := s.WithdrawRead(ctx, source, d)
	if errors.As(err, new(*engine.UnknownError)) {
		return wrong("no read of %s is approved, and one that is held is not rejected: it stays held until the source gives enough records again, or someone approves it", source)
	}
	if err != nil {
		return err
	}
	if a.json {
		return view.WriteJSON(a.out, view.NewDecision(out))
	}
	a.teller(s, false).ReadWithdrawn(out.Read)
	return nil
}

// decided reports what a decision did. One that found nothing is an error.
func (a *app) decided(s *session, d *engine.Decided, err error, verb, what string) error {
	if err != nil {
		return err
	}
	if len(d.Keys)+len(d.Skipped) == 0 {
		return wrong("nothing is %s there; what only a plan found is not in the state yet: run it first", what)
	}
	if a.json {
		if err := view.WriteJSON(a.out, view.NewDecision(d)); err != nil {
			return err
		}
	} else {
		a.teller(s, false).Decided(d, verb)
	}
	if len(d.Keys) == 0 {
		return silent(exitPartial)
	}
	return nil
}
