package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"koppel/engine"
	"koppel/engine/plan"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

// A planRequest is what the flags of plan ask for.
type planRequest struct {
	engine.Options
	asOf     string
	all      bool
	detailed bool
}

func (a *app) planVerb() *cobra.Command {
	var r planRequest
	cmd := &cobra.Command{
		Use:   "plan [PIPELINE …]",
		Short: "Show what a run would change, and write nothing",
		Long: `Plan reads the sources, compares them with what was delivered and shows what
would change, with the fields before and after. It writes nothing anywhere; with
--out the plan is saved, and apply applies exactly that.`,
		Example: `  koppel plan
  koppel plan employees --out employees.plan
  koppel plan employees --key 1042 --all
  koppel plan --as-of 2026-12-31`,
		ValidArgsFunction: a.completePipelines,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.plan(cmd.Context(), args, r) },
	}
	f := cmd.Flags()
	f.StringVar(&r.Out, "out", "", "save the plan as `FILE`, for show and apply")
	f.StringVar(&r.Key, "key", "", "only the record with this `KEY`; parts joined by /")
	f.BoolVar(&r.Refresh, "refresh", false, "read the targets too, and correct what drifted")
	f.BoolVar(&r.FromSnapshot, "from-snapshot", false, "what if: records of the last read instead of the sources, offline")
	f.StringVar(&r.asOf, "as-of", "", "what if: as if today were `DATE`")
	f.BoolVar(&r.Full, "full", false, "read incremental sources whole")
	f.BoolVar(&r.all, "all", false, "show every change")
	f.BoolVar(&r.detailed, "detailed-exitcode", false, "exit 2 when there are changes")
	return cmd
}

// plan makes a plan, saves it when asked to, and shows it.
func (a *app) plan(ctx context.Context, names []string, r planRequest) error {
	if r.Out != "" && (r.FromSnapshot || r.asOf != "") {
		return wrong("a plan as of a date or from a snapshot is a what-if and can't be saved with --out")
	}
	acc := looking
	if r.Out != "" {
		if err := plan.MayReplace(a.at(r.Out)); err != nil {
			return wrong("%w", err)
		}
		acc = saving
	}
	s, err := a.open(ctx, acc)
	if err != nil {
		return err
	}
	return errors.Join(a.planIn(ctx, s, names, r), s.close())
}

func (a *app) planIn(ctx context.Context, s *session, names []string, r planRequest) (err error) {
	if r.Pipelines, err = selected(s, names); err != nil {
		return err
	}
	if r.asOf != "" {
		if r.AsOf, err = clockAt(r.asOf, s.Project.Location); err != nil {
			return err
		}
	}
	o := r.Options
	o.Out = a.at(r.Out)
	p, err := s.Plan(ctx, o)
	if err != nil {
		return err
	}
	a.ready()
	if err := a.showPlan(s, p, r.all); err != nil {
		return errors.Join(err, p.Close())
	}
	if r.Out != "" && !a.json {
		fmt.Fprintf(a.out, "\nPlan %s saved to %s   (valid as long as no record in it moves)\n", p.Header.ID, view.Clean(r.Out))
	}
	a.sayOrphans(ctx, s)
	x := judgePlan(s, p, r.detailed)
	return errors.Join(p.Close(), silent(x.code()))
}

// selected gives the pipelines that a verb's arguments name; all without any.
func selected(s *session, names []string) ([]*engine.Pipeline, error) {
	list, err := s.project.Select(names)
	if err != nil {
		return nil, &exitError{code: exitWrong, err: err}
	}
	return list, nil
}

// clockAt reads a date, in the project's time zone, or a date and time.
func clockAt(text string, zone *time.Location) (time.Time, error) {
	if t, err := time.ParseInLocation(time.DateOnly, text, zone); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, wrong("--as-of %q: write a date such as 2026-12-31, or a date and time such as 2026-12-31T12:00:00Z", text)
	}
	return t, nil
}

// showPlan prints a plan.
func (a *app) showPlan(s *session, p *engine.Planned, all bool) error {
	d := &view.PlanData{Header: p.Header, Entries: p.Entries, Err: p.Err, Project: s.Project}
	if a.json {
		a.sayWarnings(p.Header)
		return view.WritePlanJSON(a.out, d)
	}
	style := a.style()
	style.All = all
	return view.WritePlan(a.out, d, style)
}

// sayWarnings tells on stderr what a plan's JSON has no place for.
func (a *app) sayWarnings(h *plan.Header) {
	for i := range h.Pipelines {
		for _, w := range h.Pipelines[i].Warnings {
			a.note("Warning: " + h.Pipelines[i].Name + ": " + strings.TrimSpace(w.Key+" "+w.Message))
		}
	}
}

// sayOrphans names addresses that the state knows and the files do not.
func (a *app) sayOrphans(ctx context.Context, s *session) {
	orphans, err := s.Orphans(ctx)
	if err != nil {
		a.note("Warning: " + err.Error())
	}
	for _, o := range orphans {
		a.note(fmt.Sprintf("Orphaned: %s is no longer configured; what it delivered stays. `koppel retire %s` plans its deletes; a moved block carries its state to a new name.", o.Address, o.Address))
	}
}

// judgePlan says which exit codes a plan stands for.
func judgePlan(s *session, p *engine.Planned, detailed bool) *exits {
	x := &exits{}
	for i := range p.Header.Pipelines {
		h := &p.Header.Pipelines[i]
		if err := p.Err(h.Address); err != nil {
			x.add(exitOfPipeline(s, h.Address, err))
			continue
		}
		if h.Disabled {
			continue
		}
		c := &h.Counts
		if h.Unreachable {
			x.unreachable = true
		}
		if h.Blocked != "" && h.Whole {
			x.partial = true
		} else if h.Blocked != "" {
			x.failure = true
		}
		if c.Held > 0 || h.ReadHeld != "" {
			x.held = true
		}
		if c.Failed > 0 || !h.Complete {
			x.partial = true
		}
		if detailed && c.Create+c.Update+c.Delete+c.Disable > 0 {
			x.changes = true
		}
	}
	return x
}

// exitOfPipeline is the exit code of a pipeline that could not be planned or
// run: 3 when something that its programs read is not set.
func exitOfPipeline(s *session, address string, err error) int {
	if pl := s.Project.Pipelines[address]; pl != nil && pl.Err != nil && errors.Is(err, pl.Err) {
		return exitWrong
	}
	return exitOf(err)
}

// completePipelines offers the names of pipelines to a shell.
func (a *app) completePipelines(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	a.quiet = true
	p, err := a.load(cmd.Context(), offline)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	list, err := p.Select(nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names := make([]string, 0, len(list))
	for _, pl := range list {
		names = append(names, pl.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
