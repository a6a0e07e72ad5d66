package cli

import (
	"context"
	"errors"
	"net"

	"koppel/dsl"
	"koppel/internal/serve"

	"github.com/spf13/cobra"
)

func (a *app) serveVerb() *cobra.Command {
	listen := ""
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run pipelines by their schedules and webhooks, until stopped",
		Long: `Serve runs the pipelines of the project by their schedules and by webhooks that
arrive, until it is stopped. SIGINT or SIGTERM lets what runs stop between two
batches; a second one ends the process at once. SIGHUP loads the files again.`,
		Example: `  koppel serve
  koppel serve --listen 0.0.0.0:8443
  koppel -C /etc/koppel serve --log-level info --log-format json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), listen) },
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "`ADDRESS` to serve HTTP on")
	return cmd
}

func (a *app) serve(ctx context.Context, listen string) error {
	s, err := a.open(ctx, writing)
	if err != nil {
		return err
	}
	return errors.Join(a.serveProject(ctx, s, listen), s.close())
}

func (a *app) serveProject(ctx context.Context, s *session, listen string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return wrong("--listen %s: %w", listen, err)
	}
	service, err := serve.New(serve.Options{
		Project: s.project, Load: func(ctx context.Context) (*dsl.Project, error) { return a.load(ctx, secrets) },
		Store: s.store, Now: a.now, Log: s.Log, Version: s.Version, TempDir: s.TempDir, Holder: s.Holder,
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	return service.Run(ctx, l)
}
