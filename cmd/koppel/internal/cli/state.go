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

func (a *app) stateVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Look into the state and edit it",
		Long: `State shows and edits what koppel remembers of what it delivered. It never
touches a source or a target. Every edit copies the state first and says where the
copy lies; what can't be taken back asks, or needs --yes where nobody can be asked.`,
		Example: `  koppel state list
  koppel state show pipeline.employees
  koppel state mv pipeline.people pipeline.employees
  koppel state backup`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.stateList(), a.stateShow(), a.stateMove(), a.stateRemove(), a.stateReset(), a.stateRekey(), a.stateExport(),
		a.stateImport(), a.stateBackup())
	return cmd
}

func (a *app) stateList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List what is remembered, by address", Example: "  koppel state list --json", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), looking, func(s *session) error {
				pipelines, sources, err := s.StateList(cmd.Context())
				if err != nil {
					return err
				}
				if a.json {
					return view.WriteJSON(a.out, view.NewStateList(pipelines, sources))
				}
				a.teller(s, false).StateList(pipelines, sources)
				return nil
			})
		},
	}
}

func (a *app) stateShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ADDRESS", Short: "Show what is remembered of one pipeline or source",
		Example: "  koppel state show pipeline.employees\n  koppel state show source.sql.staff --json", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), looking, func(s *session) error { return a.showState(cmd.Context(), s, args[0]) })
		},
	}
}

func (a *app) showState(ctx context.Context, s *session, name string) error {
	pipelines, sources, err := s.StateList(ctx)
	if err != nil {
		return err
	}
	var p []engine.PipelineState
	var src []engine.SourceState
	for _, one := range pipelines {
		if one.Address == name || one.Name == name {
			p = append(p, one)
		}
	}
	for _, one := range sources {
		if one.Address == name || one.Address == "source."+name {
			src = append(src, one)
		}
	}
	t := a.teller(s, false)
	switch {
	case len(p)+len(src) == 0:
		return a.notRemembered(name, pipelines, sources)
	case a.json:
		return view.WriteJSON(a.out, view.NewStateList(p, src))
	case len(p) > 0:
		t.PipelineState(&p[0])
	default:
		t.SourceState(&src[0])
	}
	return nil
}

// notRemembered says what is remembered instead.
func (a *app) notRemembered(name string, pipelines []engine.PipelineState, sources []engine.SourceState) error {
	var all []string
	for _, p := range pipelines {
		all = append(all, p.Address)
	}
	for _, s := range sources {
		all = append(all, s.Address)
	}
	if len(all) == 0 || len(all) > 12 {
		return wrong("nothing is remembered of %s; koppel state list shows what is", name)
	}
	return wrong("nothing is remembered of %s; there is %s", name, strings.Join(all, ", "))
}

func (a *app) stateMove() *cobra.Command {
	return &cobra.Command{
		Use: "mv FROM TO", Short: "Carry the state of a pipeline or source over to another address",
		Long: `Mv carries what is remembered over to another address, as a moved block in the
files does. Nothing may be remembered of the new address yet.`,
		Example: "  koppel state mv pipeline.people pipeline.employees\n  koppel state mv 'pipeline.people' 'pipeline.people[\"acme\"]'",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			for _, address := range args {
				if !strings.HasPrefix(address, "pipeline.") && !strings.HasPrefix(address, "source.") {
					return wrong("%q is no address: write pipeline.NAME or source.KIND.NAME", address)
				}
			}
			if strings.HasPrefix(args[0], "pipeline.") != strings.HasPrefix(args[1], "pipeline.") {
				return wrong("a pipeline's state can't become a source's, nor the other way round")
			}
			return a.with(ctx, writing, func(s *session) error {
				if s.Project.Pipelines[args[1]] == nil && s.Project.Sources[args[1]] == nil {
					a.note(fmt.Sprintf("Warning: %s is not configured.", args[1]))
				}
				e, err := s.MoveState(ctx, args[0], args[1], a.who())
				return a.edited(s, "mv", e, err, fmt.Sprintf("%s is now %s.", args[0], args[1]))
			})
		},
	}
}

// edited reports an edit of the state.
func (a *app) edited(s *session, verb string, e *engine.StateEdit, err error, what string) error {
	if err != nil {
		if e != nil && e.Backup != "" {
			a.note("The state as it was before is in " + e.Backup)
		}
		return err
	}
	if a.json {
		return view.WriteJSON(a.out, view.StateEdit{FormatVersion: view.FormatVersion, Verb: verb, Address: e.Address, To: e.To, Backup: e.Backup})
	}
	fmt.Fprintln(a.out, view.Clean(what))
	if e.Backup != "" {
		fmt.Fprintln(a.out, "The state as it was before is in "+view.Clean(e.Backup))
	}
	return nil
}

func (a *app) stateRemove() *cobra.Command {
	yes := false
	cmd := &cobra.Command{
		Use: "rm ADDRESS", Short: "Forget a source, or a pipeline that is no longer configured",
		Long: `Rm forgets what is remembered of a source, or of a pipeline that is no longer
configured. What the pipeline delivered stays at the target; retire deletes it there.
A source is read whole the next time.`,
		Example: "  koppel state rm pipeline.old\n  koppel state rm source.sql.staff --yes", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.with(ctx, writing, func(s *session) error {
				if err := a.sure(yes, "forget all that is remembered of "+args[0]); err != nil {
					return err
				}
				e, err := s.ForgetState(ctx, args[0], a.who())
				if errors.Is(err, engine.ErrConfigured) {
					return wrong("%s is still configured; koppel state reset %s makes it start over", args[0], args[0])
				}
				return a.edited(s, "rm", e, err, args[0]+" is forgotten.")
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) stateReset() *cobra.Command {
	yes := false
	cmd := &cobra.Command{
		Use: "reset PIPELINE", Short: "Make a pipeline start over",
		Long: `Reset forgets what a pipeline delivered, its history and its place in its sources.
The target is not touched: the next run delivers everything again, and rows that it
no longer knows of are not deleted any more.`,
		Example: "  koppel state reset employees", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completePipeline,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.with(ctx, writing, func(s *session) error {
				address, err := a.onePipeline(ctx, s, args[0])
				if err != nil {
					return err
				}
				if err := a.sure(yes, "forget all that "+address+" delivered, so that it starts over"); err != nil {
					return err
				}
				e, err := s.ResetState(ctx, address, a.who())
				return a.edited(s, "reset", e, err, address+" starts over with the next run.")
			})
		},
	}
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

func (a *app) stateRekey() *cobra.Command {
	envName, file := "", ""
	cmd := &cobra.Command{
		Use: "rekey", Short: "Seal the state under a new key",
		Long: `Rekey seals all that is stored under a new key. Where the key is kept in a file
beside the state, a new one is made unless one is given; where the configuration gives
the key, the new one must be given here, and to the configuration afterwards. Plans
saved before can't be opened any more, and the next run compares everything anew.`,
		Example: "  koppel state rekey\n  koppel state rekey --key-env NEW_STATE_KEY\n  koppel state rekey --key-file new.key", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := a.newKey(envName, file)
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			return a.with(ctx, writing, func(s *session) error {
				if key == nil && s.Project.State.Key != nil {
					return wrong("the configuration gives the key, so the new one must be given too: --key-env NAME or --key-file FILE")
				}
				e, err := s.RekeyState(ctx, key)
				what := "The state is sealed under a new key."
				if s.Project.State.Key != nil {
					what += " Give it to the configuration now: the old one no longer opens the state."
				}
				return a.edited(s, "rekey", e, err, what)
			})
		},
	}
	cmd.Flags().StringVar(&envName, "key-env", "", "`NAME` of the environment variable that holds the new key")
	cmd.Flags().StringVar(&file, "key-file", "", "`FILE` that holds the new key")
	return cmd
}

// minKey is how long a state key is at least, in bytes.
const minKey = 16

// newKey reads a key; nil: none was given.
func (a *app) newKey(name, file string) ([]byte, error) {
	var text string
	switch {
	case name != "" && file != "":
		return nil, wrong("give --key-env or --key-file, not both")
	case name != "":
		var set bool
		if text, set = a.environ(name); !set {
			return nil, wrong("the environment variable %s is not set", name)
		}
	case file != "":
		b, err := os.ReadFile(a.at(file))
		if err != nil {
			return nil, wrong("read the new key: %w", err)
		}
		text = strings.TrimRight(string(b), "\r\n")
	default:
		return nil, nil
	}
	if len(text) < minKey {
		return nil, wrong("the new key is too short: %d bytes or more are needed", minKey)
	}
	return []byte(text), nil
}
