package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"koppel/engine"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

// A backPlan is what the flags of undo and retire say.
type backPlan struct {
	out string
	all bool
}

func (b *backPlan) flags(cmd *cobra.Command, file string) {
	cmd.Flags().StringVar(&b.out, "out", "", "save the plan as `FILE`; default "+file)
	cmd.Flags().BoolVar(&b.all, "all", false, "show every change")
}

func (a *app) undoVerb() *cobra.Command {
	var b backPlan
	cmd := &cobra.Command{
		Use:   "undo RUN",
		Short: "Plan what takes a run back",
		Long: `Undo makes a plan that takes a run back: what it created is deleted, what it
changed or deleted is as before. The plan is saved and applied like any other. What
a later run changed stays, and so does what can't be taken back: mail, signals, files.
Once it is applied, runs leave these records alone while they want what was undone.`,
		Example: "  koppel undo 12\n  koppel show undo-12.plan\n  koppel apply undo-12.plan",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := runID(args[0])
			if err != nil {
				return err
			}
			return a.undo(cmd.Context(), id, b)
		},
	}
	b.flags(cmd, "undo-RUN.plan")
	return cmd
}

func (a *app) undo(ctx context.Context, run int64, b backPlan) error {
	if b.out == "" {
		b.out = fmt.Sprintf("undo-%d.plan", run)
	}
	return a.with(ctx, looking, func(s *session) error {
		r, err := s.RunByID(ctx, run)
		if err != nil {
			return err
		}
		if r.Decision() {
			return wrong("%d is no run but a decision by hand (%s), which undo does not take back", run, r.Kind)
		}
		for _, p := range r.Pipelines {
			if s.Project.Pipelines[p.Address] == nil {
				a.note(fmt.Sprintf("Warning: %s is no longer configured; what the run did to it is not undone.", p.Address))
			}
		}
		return a.savePlan(s, b, func(out string) (*engine.Planned, error) { return s.Undo(ctx, run, out) })
	})
}

// savePlan makes a plan that goes to a file, and shows it.
func (a *app) savePlan(s *session, b backPlan, plan func(out string) (*engine.Planned, error)) error {
	if _, err := os.Lstat(a.at(b.out)); err == nil {
		return wrong("%s exists already; give another file with --out", b.out)
	}
	p, err := plan(a.at(b.out))
	if err != nil {
		return err
	}
	a.ready()
	if err := a.showPlan(s, p, b.all); err != nil {
		return errors.Join(err, p.Close())
	}
	x := &exits{}
	for i := range p.Header.Pipelines {
		if len(p.Header.Pipelines[i].Problems) > 0 {
			x.partial = true
		}
	}
	saved := fmt.Sprintf("Plan %s saved to %s", p.Header.ID, view.Clean(b.out))
	if a.json {
		a.note(saved)
	} else {
		fmt.Fprintf(a.out, "\n%s; koppel apply %s does it\n", saved, view.Clean(b.out))
	}
	return errors.Join(p.Close(), silent(x.code()))
}

func (a *app) retireVerb() *cobra.Command {
	var b backPlan
	cmd := &cobra.Command{
		Use:   "retire ADDRESS",
		Short: "Plan the deletes of a pipeline that is no longer configured",
		Long: `Retire makes a plan that deletes what a pipeline delivered that is no longer
configured; its sink must still be. What another pipeline holds stays. The plan is
saved and applied like any other.`,
		Example: "  koppel retire pipeline.employees\n  koppel apply retire-employees.plan",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.retire(cmd.Context(), args[0], b) },
	}
	b.flags(cmd, "retire-NAME.plan")
	return cmd
}

func (a *app) retire(ctx context.Context, name string, b backPlan) error {
	return a.with(ctx, looking, func(s *session) error {
		address, known, err := s.named().Orphan(ctx, name)
		if err != nil {
			return err
		}
		if !known {
			return a.notOrphaned(ctx, s, name)
		}
		if b.out == "" {
			b.out = "retire-" + fileName(strings.TrimPrefix(address, "pipeline.")) + ".plan"
		}
		return a.savePlan(s, b, func(out string) (*engine.Planned, error) { return s.Retire(ctx, address, out) })
	})
}

// notOrphaned says why an address can't be retired.
func (a *app) notOrphaned(ctx context.Context, s *session, name string) error {
	if list, err := s.project.Select([]string{name}); err == nil && len(list) > 0 {
		return wrong("%s is still configured; remove its block first, then retire it", list[0].Address)
	}
	orphans, err := s.Orphans(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, o := range orphans {
		names = append(names, o.Address)
	}
	if len(names) == 0 {
		return wrong("nothing is remembered of %s, and no other address is orphaned", name)
	}
	return wrong("nothing is remembered of %s; orphaned are %s", name, strings.Join(names, ", "))
}

// fileName leaves out of a name what files are not called.
func fileName(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		case r == '"' || r == ']':
			return -1
		}
		return '-'
	}, name), "-.")
}
