package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func (a *app) showVerb() *cobra.Command {
	all := false
	cmd := &cobra.Command{
		Use:     "show FILE",
		Short:   "Show a saved plan, also one that can't be applied any more",
		Example: "  koppel show employees.plan\n  koppel show employees.plan --all",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.show(cmd.Context(), args[0], all) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "show every change")
	return cmd
}

func (a *app) show(ctx context.Context, path string, all bool) error {
	if err := a.planFile(path); err != nil {
		return err
	}
	s, err := a.open(ctx, looking)
	if err != nil {
		return err
	}
	return errors.Join(a.showIn(ctx, s, path, all), s.close())
}

func (a *app) showIn(ctx context.Context, s *session, path string, all bool) error {
	p, stale, err := s.OpenPlan(ctx, a.at(path))
	if err != nil {
		return err
	}
	if err := a.showPlan(s, p, all); err != nil {
		return errors.Join(err, p.Close())
	}
	if !a.json {
		fmt.Fprintf(a.out, "\nPlan %s of %s\n", p.Header.ID, p.Header.Created.In(s.Project.Location).Format("2006-01-02 15:04:05 MST"))
	}
	if stale != "" {
		a.note("Stale: " + stale + ". It can be shown, not applied.")
	}
	return p.Close()
}

// planFile says when there is no such file.
func (a *app) planFile(path string) error {
	info, err := os.Stat(a.at(path))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return wrong("there is no file %s; `koppel plan --out %s` makes a plan", path, path)
	case err != nil:
		return wrong("open the plan: %w", err)
	case info.IsDir():
		return wrong("%s is a folder, not a plan", path)
	}
	return nil
}
