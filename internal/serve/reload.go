package serve

import (
	"context"
	"errors"
	"fmt"

	"koppel/dsl"
)

// Reload loads the configuration again and brings it into force. What runs
// ends under the configuration that it began with. When the new one is refused,
// the one before stays in force, and the error says why.
func (s *Service) Reload(ctx context.Context) error {
	if s.opts.Load == nil {
		return errors.New("load the configuration again: this service has only one")
	}
	s.loading.Lock()
	defer s.loading.Unlock()
	p, err := s.opts.Load(ctx)
	if err == nil {
		err = s.fits(p)
	}
	if err == nil {
		err = s.replace(p)
	}
	s.mu.Lock()
	s.refused = err
	s.mu.Unlock()
	if err != nil {
		s.log.Error("the new configuration is refused; the one before stays in force", "because", err.Error())
		return err
	}
	s.log.Info("a new configuration is in force", "pipelines", len(p.Pipelines))
	s.poke()
	return nil
}

// replace brings a configuration into force that was found good.
func (s *Service) replace(p *dsl.Project) error {
	if err := s.install(p); err != nil {
		return err
	}
	for _, f := range s.follow {
		f(p)
	}
	return nil
}

// fits tells whether the open state can serve a configuration.
func (s *Service) fits(p *dsl.Project) error {
	now := s.Project()
	switch {
	case p.State.Kind != now.State.Kind || p.State.Path != now.State.Path:
		return fmt.Errorf("the state is to be kept elsewhere (%s %q): restart koppel serve", p.State.Kind, p.State.Path)
	case p.Sensitive && !s.opts.Store.Sealed():
		return errors.New("the project declares something sensitive for the first time, so its state must be sealed: restart koppel serve")
	}
	return nil
}
