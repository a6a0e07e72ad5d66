package cli

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"

	"koppel/internal/console"
	"koppel/internal/monitor"
	"koppel/internal/serve"
)

// attach gives a service its API, metrics and health. metrics count the runs of
// the service already.
func (a *app) attach(ctx context.Context, sv *serve.Service, s *session, metrics *monitor.Metrics) error {
	remembered := &monitor.StateCollector{Store: s.store, Status: sv.Status, Now: a.now}
	if err := metrics.Add(remembered); err != nil {
		return err
	}
	traces, err := monitor.NewTraces(ctx, s.Version, a.environ)
	if err != nil {
		return wrong("%w", err)
	}
	if traces != nil {
		sv.Observe(traces)
		sv.Background(traces.Serve)
	}
	sv.Observe(metrics)
	sv.Observe(remembered)
	api := console.New(console.Options{
		Service: sv, Store: s.store, Now: a.now, Log: s.Log, Version: s.Version, TempDir: s.TempDir,
		PlanDir: filepath.Join(s.project.Dir, ".koppel", "plans"), Holder: s.Holder, Calls: metrics.Call,
	})
	sv.Background(api.Serve)
	health := &monitor.Health{Store: s.store, Status: sv.Status, Dirs: []string{s.TempDir, filepath.Dir(inside(s.project.Dir, s.project.State.Path))}, Now: a.now}
	return errors.Join(
		sv.Route("/api/", api),
		sv.Route("GET /metrics", api.Open(metrics.Page(s.Log))),
		sv.Route("GET /healthz", http.HandlerFunc(health.Live)),
		sv.Route("GET /readyz", http.HandlerFunc(health.Ready)),
	)
}
