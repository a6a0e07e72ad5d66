package cli

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"koppel/dsl"
	"koppel/internal/monitor"
	"koppel/internal/serve"
	"koppel/internal/view"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
)

// A service is what the flags of serve say.
type service struct {
	listen  string
	runs    int
	noWatch bool
}

func (a *app) serveVerb() *cobra.Command {
	var o service
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run pipelines by their schedules and webhooks, until stopped",
		Long: `Serve runs the pipelines of the project by their schedules and by webhooks that
arrive, until it is stopped. SIGINT or SIGTERM lets what runs stop between two
batches; a second one ends the process at once. The files are loaded again when
they change, and on SIGHUP; what is wrong with them is logged, and the
configuration before stays in force. The log level is info unless given.`,
		Example: `  koppel serve
  koppel serve --listen 0.0.0.0:8443
  koppel -C /etc/koppel serve --log-format json
  kill -HUP PID                load the files again`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("log-level") {
				a.logLevel = "info"
			}
			return a.serve(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`ADDRESS` to serve HTTP on")
	f.IntVar(&o.runs, "max-runs", 4, "`COUNT` of pipelines that run at once, at most")
	f.BoolVar(&o.noWatch, "no-watch", false, "load the files again on SIGHUP only")
	return cmd
}

func (a *app) serve(ctx context.Context, o service) error {
	if o.runs < 1 {
		return wrong("--max-runs %d: at least one pipeline must be able to run", o.runs)
	}
	s, err := a.open(ctx, writing)
	if err != nil {
		return err
	}
	s.Progress = nil
	return errors.Join(a.serveProject(ctx, s, o), s.close())
}

func (a *app) serveProject(ctx context.Context, s *session, o service) error {
	l, err := net.Listen("tcp", o.listen)
	if err != nil {
		return wrong("listen on %s: %w; give another --listen ADDRESS", o.listen, err)
	}
	beat, every := watchdog()
	metrics := monitor.NewMetrics(s.Version)
	show := func(p *dsl.Project) {
		if err := a.showService(ctx, s, p, "http://"+l.Addr().String()); err != nil {
			s.Log.Warn("what is served can't be shown", "error", err.Error())
		}
	}
	var sv *serve.Service
	sv, err = serve.New(serve.Options{
		Project: s.project, Load: a.loadAgain(s.Log), Store: s.store, Now: a.now, Log: s.Log, Version: s.Version, TempDir: s.TempDir,
		Holder: s.Holder, MaxRuns: o.runs, Beat: beat, BeatEvery: every, Watch: a.watched(), NoWatch: o.noWatch, Calls: metrics.Call,
		Ready: func() {
			sv.OnReload(show)
			notify(daemon.SdNotifyReady)
		},
	})
	if err == nil {
		err = a.attach(ctx, sv, s, metrics)
	}
	if err != nil {
		return errors.Join(err, l.Close())
	}
	sv.Receive()
	a.dispatch(s, sv, metrics)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-hangups:
				_ = sv.Reload(ctx) // says so in the log
			}
		}
	}()
	defer context.AfterFunc(ctx, func() { notify(daemon.SdNotifyStopping) })()
	return sv.Run(ctx, l)
}

// loadAgain reads the project again. What is wrong with it goes to the log.
func (a *app) loadAgain(log *slog.Logger) func(context.Context) (*dsl.Project, error) {
	return func(ctx context.Context) (*dsl.Project, error) {
		o, err := a.options(secrets)
		if err != nil {
			return nil, err
		}
		p, problems := dsl.Load(ctx, o)
		wrong := false
		for _, d := range problems {
			if d.Severity == dsl.Error {
				wrong = true
				log.Error("the files are wrong", "file", d.File, "line", d.Range.Start.Line, "column", d.Range.Start.Column,
					"code", d.Code, "summary", d.Summary, "detail", d.Detail)
			}
		}
		if wrong {
			return nil, errors.New("its files are wrong; koppel validate shows where")
		}
		return p, nil
	}
}

// watched lists the files outside of the project's folder that say what it is.
func (a *app) watched() []string {
	var list []string
	for _, f := range a.varFiles {
		list = append(list, inside(a.dir, f))
	}
	return list
}

// schedulesShown is how many schedules are shown at the start.
const schedulesShown = 20

// showService says what is served where.
func (a *app) showService(ctx context.Context, s *session, p *dsl.Project, url string) error {
	paused, err := s.Paused(ctx)
	if err != nil {
		return err
	}
	list, err := p.Select(nil)
	if err != nil {
		return err
	}
	all, err := view.NewSchedules(list, paused, a.now())
	if err != nil {
		return err
	}
	if a.json {
		err = view.WriteJSON(a.out, view.NewService(url, len(list), all))
	} else {
		a.teller(s, false).Service(view.NewService(url, len(list), all), schedulesShown)
	}
	return errors.Join(err, a.out.Flush())
}

// notify tells systemd how the service is, where there is one that asks.
func notify(state string) { _, _ = daemon.SdNotify(false, state) }

// watchdog gives what tells systemd that the service is alive, and how often
// that must be; nil where nobody asks.
func watchdog() (beat func(), every time.Duration) {
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil || within <= 0 {
		return nil, 0
	}
	return func() { notify(daemon.SdNotifyWatchdog) }, within / 3
}
