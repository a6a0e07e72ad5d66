package cli

import (
	"context"

	"koppel/internal/console"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) tokenVerb() *cobra.Command {
	list := func(cmd *cobra.Command, _ []string) error { return a.listTokens(cmd.Context()) }
	cmd := &cobra.Command{
		Use:   "token [list | create NAME | revoke NAME]",
		Short: "Make and revoke tokens for the API of serve",
		Long: `Token lists the tokens with which programs use the API of serve. A viewer looks at
runs, plans and what is held; an admin also runs, decides and undoes. The secret of a
token is shown once and never stored. What is done with a token is recorded under its
name.`,
		Example: `  koppel token create dashboard --role viewer
  koppel token create deploy --role admin --expires 90d
  koppel token revoke deploy`,
		Args: cobra.NoArgs,
		RunE: list,
	}
	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: "List the tokens", Example: "  koppel token list --json", Args: cobra.NoArgs, RunE: list},
		a.tokenCreate(), a.tokenRevoke())
	return cmd
}

func (a *app) listTokens(ctx context.Context) error {
	return a.with(ctx, looking, func(s *session) error {
		all, err := s.Tokens(ctx)
		if err != nil {
			return err
		}
		if a.json {
			return view.WriteJSON(a.out, view.NewTokens(all, a.now()))
		}
		a.teller(s, false).Tokens(all)
		return nil
	})
}

func (a *app) tokenCreate() *cobra.Command {
	role, expires := "", ""
	cmd := &cobra.Command{
		Use: "create NAME --role viewer|admin", Short: "Make a token and show its secret, once",
		Example: "  koppel token create deploy --role admin --expires 90d",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.createToken(cmd.Context(), args[0], role, expires)
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "`ROLE` of who has it: viewer or admin; required")
	cmd.Flags().StringVar(&expires, "expires", "", "how long it can be used, such as `90d`; default: until it is revoked")
	return cmd
}

func (a *app) createToken(ctx context.Context, name, role, expires string) error {
	if role == "" {
		return wrong("say what the token is for with --role viewer or --role admin")
	}
	lasting, err := lifetime("--expires", expires)
	if err != nil {
		return err
	}
	t, secret, err := console.NewToken(name, role, lasting, a.now(), console.Random())
	if err != nil {
		return wrong("%w", err)
	}
	return a.with(ctx, writing, func(s *session) error {
		if err := s.AddToken(ctx, t, a.who()); err != nil {
			return err
		}
		if a.json {
			return view.WriteJSON(a.out, view.NewTokenChange(t, secret, a.now()))
		}
		a.teller(s, false).TokenCreated(t, secret)
		return nil
	})
}

func (a *app) tokenRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME", Short: "End a token at once", Example: "  koppel token revoke deploy", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return a.with(ctx, writing, func(s *session) error {
				t, err := s.RevokeToken(ctx, args[0], a.who())
				if err != nil {
					return err
				}
				if a.json {
					return view.WriteJSON(a.out, view.NewTokenChange(t, "", a.now()))
				}
				a.note("Token " + t.Name + " is revoked.")
				return nil
			})
		},
	}
}
