package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"koppel/engine"

	"github.com/spf13/cobra"
)

func (a *app) applyVerb() *cobra.Command {
	approved := false
	cmd := &cobra.Command{
		Use:   "apply [FILE | PIPELINE …]",
		Short: "Apply a saved plan, or plan, ask and apply",
		Long: `Apply applies exactly the saved plan; what moved since is skipped by name. A
plan is applied once; after a crash, apply goes on with it. Without a file it plans,
shows the plan and asks; --auto-approve answers yes. Guards hold either way.`,
		Example: "  koppel apply employees.plan\n  koppel apply\n  koppel apply employees --auto-approve",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && isFile(a.at(args[0])) {
				return a.applyFile(cmd.Context(), a.at(args[0]))
			}
			return a.planAndApply(cmd.Context(), args, approved)
		},
	}
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "apply without asking")
	return cmd
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// namesFile tells that an argument can be a file's name only.
func namesFile(arg string) bool {
	return strings.ContainsAny(arg, "./\\") && !strings.Contains(arg, "[") && !strings.HasPrefix(arg, "pipeline.")
}

// applyFile applies a saved plan.
func (a *app) applyFile(ctx context.Context, path string) error {
	s, err := a.open(ctx, writing)
	if err != nil {
		return err
	}
	res, err := s.Apply(ctx, path)
	if err == nil {
		err = a.reportRun(ctx, s, res)
	}
	return errors.Join(err, s.close())
}

// planAndApply plans, asks and applies that very plan.
func (a *app) planAndApply(ctx context.Context, names []string, approved bool) error {
	if len(names) == 1 && namesFile(names[0]) {
		return wrong("there is no plan file %s; `koppel plan --out %s` makes a plan", names[0], names[0])
	}
	if !approved && (!a.interactive() || a.json) {
		return wrong("apply asks before it writes, and there is no terminal to ask on; give --auto-approve, or a plan: koppel plan --out FILE, then koppel apply FILE")
	}
	path, remove, err := temporaryPlan()
	if err != nil {
		return err
	}
	defer remove()
	goOn, err := a.planFirst(ctx, names, path, approved)
	if err != nil || !goOn {
		return err
	}
	return a.applyFile(ctx, path)
}

// temporaryPlan names a file for a plan that only this process applies.
func temporaryPlan() (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "koppel-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for the plan: %w", err)
	}
	return filepath.Join(dir, "koppel.plan"), func() { _ = os.RemoveAll(dir) }, nil
}

// planFirst saves a plan and shows it; it tells whether to go on.
func (a *app) planFirst(ctx context.Context, names []string, path string, approved bool) (goOn bool, err error) {
	s, err := a.open(ctx, saving)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	pipelines, err := s.project.Select(names)
	if err != nil {
		if len(names) == 1 {
			return false, wrong("there is no plan file %s, and %w", names[0], err)
		}
		return false, wrong("%w", err)
	}
	p, err := s.Plan(ctx, engine.Options{Pipelines: pipelines, Out: path})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	a.ready()
	if !a.json {
		if err := a.showPlan(s, p, false); err != nil {
			return false, err
		}
		fmt.Fprintln(a.out)
		if err := a.out.Flush(); err != nil {
			return false, fmt.Errorf("write the plan: %w", err)
		}
	}
	if approved {
		return true, nil
	}
	if !a.ask("Apply this plan? Only yes is yes:") {
		a.note("Nothing was applied.")
		return false, silent(judgePlan(s, p, false).code())
	}
	return true, nil
}
