package cli

import (
	"path/filepath"

	"koppel/internal/console"
	"koppel/internal/serve"
)

// attach gives a service its API.
func (a *app) attach(service *serve.Service, s *session) error {
	api := console.New(console.Options{
		Service: service, Store: s.store, Now: a.now, Log: s.Log, Version: s.Version, TempDir: s.TempDir,
		PlanDir: filepath.Join(s.project.Dir, ".koppel", "plans"), Holder: s.Holder,
	})
	service.Background(api.Serve)
	return service.Route("/api/", api)
}
