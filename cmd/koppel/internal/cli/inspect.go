package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"

	"koppel/engine"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

// inspectVerbs look into what happened, and decide on it by hand.
func (a *app) inspectVerbs() []*cobra.Command {
	return []*cobra.Command{
		a.runsVerb(), a.historyVerb(), a.explainVerb(), a.heldVerb(), a.failedVerb(), a.undoVerb(), a.stateVerb(), a.retireVerb(), a.eraseVerb(),
	}
}

// with opens the project and its state for one verb.
func (a *app) with(ctx context.Context, acc access, fn func(*session) error) error {
	s, err := a.open(ctx, acc)
	if err != nil {
		return err
	}
	return errors.Join(named(fn(s)), s.close())
}

// named gives exit 3 to errors that say that an argument names nothing, too
// much, or what can't be used so.
func named(err error) error {
	var unknown *engine.UnknownError
	var ambiguous *engine.AmbiguousError
	var taken *engine.TakenError
	if errors.As(err, &unknown) || errors.As(err, &ambiguous) || errors.As(err, &taken) || errors.Is(err, engine.ErrConfigured) {
		return &exitError{code: exitWrong, err: err}
	}
	return err
}

// teller writes results for people.
func (a *app) teller(s *session, all bool) *view.Teller {
	a.ready()
	style := a.style()
	style.All = all
	return &view.Teller{Writer: a.out, Style: style, Zone: s.Project.Location, Now: a.now()}
}

// addresses gives the pipelines that arguments name, those that are only
// remembered too; nil without arguments.
func (a *app) addresses(ctx context.Context, s *session, names []string) ([]string, error) {
	var list []string
	for _, name := range names {
		chosen, err := s.project.Select([]string{name})
		if err != nil {
			address, known, stateErr := a.orphan(ctx, s, name)
			switch {
			case stateErr != nil:
				return nil, stateErr
			case !known:
				return nil, wrong("%w", err)
			}
			list = append(list, address)
			continue
		}
		for _, p := range chosen {
			list = append(list, p.Address)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// orphan finds a pipeline that the state knows and the files do not.
func (a *app) orphan(ctx context.Context, s *session, name string) (address string, known bool, err error) {
	orphans, err := s.Orphans(ctx)
	for _, o := range orphans {
		if o.Address == name || o.Address == "pipeline."+name {
			return o.Address, true, nil
		}
	}
	return "", false, err
}

// onePipeline gives the one pipeline that an argument names.
func (a *app) onePipeline(ctx context.Context, s *session, name string) (string, error) {
	list, err := a.addresses(ctx, s, []string{name})
	switch {
	case err != nil:
		return "", err
	case len(list) == 0:
		return "", wrong("pipeline %s has no instances", name)
	case len(list) > 1:
		choices := make([]string, len(list))
		for i, address := range list {
			choices[i] = "'" + strings.TrimPrefix(address, "pipeline.") + "'"
		}
		return "", wrong("pipeline %s has several instances: write one of %s", name, strings.Join(choices, ", "))
	}
	return list[0], nil
}

// completePipeline offers pipelines for the first argument alone.
func (a *app) completePipeline(cmd *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completePipelines(cmd, args, text)
}

// who names the person at the keyboard, for the trail of decisions.
func (a *app) who() string {
	name := ""
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if name == "" {
		name = a.env("USER")
	}
	if name == "" {
		name = fmt.Sprintf("user %d", os.Getuid())
	}
	if real := a.env("SUDO_USER"); real != "" && real != name {
		name += " (" + real + ")"
	}
	return name
}

// sure asks before something that can't be taken back by itself. Without a
// terminal --yes must say so.
func (a *app) sure(yes bool, what string) error {
	switch {
	case yes:
		return nil
	case !a.interactive() || a.json:
		return wrong("this would %s, and there is no terminal to ask on; give --yes", what)
	case !a.ask("This will " + view.Clean(what) + ". Only yes is yes:"):
		a.note("Nothing was done.")
		return silent(exitFailure)
	}
	return nil
}

// needReason says that a decision needs words.
func needReason(reason string) error {
	if strings.TrimSpace(reason) == "" {
		return wrong("say why with --reason TEXT; it is kept with the decision")
	}
	return nil
}
