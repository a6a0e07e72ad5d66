package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"

	"koppel/dsl"
	"koppel/engine"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

// inspectVerbs look into what happened, and decide on it by hand.
func (a *app) inspectVerbs() []*cobra.Command {
	return []*cobra.Command{
		a.runsVerb(), a.historyVerb(), a.explainVerb(), a.heldVerb(), a.failedVerb(), a.deliveriesVerb(), a.undoVerb(), a.stateVerb(), a.retireVerb(), a.eraseVerb(),
		a.tokenVerb(),
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
	var name *dsl.NameError
	if errors.As(err, &name) || errors.As(err, &unknown) || errors.As(err, &ambiguous) || errors.As(err, &taken) || errors.Is(err, engine.ErrConfigured) {
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
	list, err := s.named().Pipelines(ctx, names)
	return list, named(err)
}

// onePipeline gives the one pipeline that an argument names.
func (a *app) onePipeline(ctx context.Context, s *session, name string) (string, error) {
	address, err := s.named().Pipeline(ctx, name)
	return address, named(err)
}

// named finds what arguments name.
func (s *session) named() dsl.Named { return dsl.Named{Project: s.project, Engine: s.Engine} }

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
