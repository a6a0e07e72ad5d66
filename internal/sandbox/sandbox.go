// Package sandbox runs simulated vendor systems on loopback for the demo, the
// verb sandbox and tests. They are written from the vendors' documentation, and
// keep to it where that is hard on a caller.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"koppel/internal/sandbox/afas"
	"koppel/internal/sandbox/alleyoop"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// Options of a sandbox. The zero value is good for tests.
type Options struct {
	// Seed makes the data and the credentials: equal seeds, equal sandboxes.
	Seed uint64
	// Employees in AFAS; 0: 40.
	Employees int
	// Clients in AlleyOop; 0: 12.
	Clients int
	// Port of the control API; the systems listen on those after it, in the
	// order of Systems. 0: any free ports.
	Port int
	// Now is the clock of all systems; nil: time.Now.
	Now func() time.Time
	// Log is a file that gets one JSON line per call, on the disk before the
	// answer; empty: none.
	Log string
	// AFAS and AlleyOop set what is particular to them; Seed, Now, Log and the
	// counts above are put in.
	AFAS     afas.Options
	AlleyOop alleyoop.Options
}

// A Sandbox is all systems, running. It is safe for concurrent use.
type Sandbox struct {
	AFAS     *afas.System
	AlleyOop *alleyoop.System

	log     *traffic.Log
	systems []*System
}

// A System is one of the systems as far as all are alike.
type System struct {
	Name        string           `json:"name"`
	URL         string           `json:"url"` // as it stands in a connection block
	Credentials any              `json:"credentials"`
	Server      *traffic.Server  `json:"-"`
	Traffic     *traffic.Traffic `json:"-"`
	Data        *dataset.Store   `json:"-"`
	Doubled     func() []string  `json:"-"` // names what exists twice and should not; nil: nothing can
}

// Start starts all systems. They run until Stop.
func Start(_ context.Context, o Options) (*Sandbox, error) {
	s := &Sandbox{}
	if err := s.start(o); err != nil {
		return nil, errors.Join(err, s.Stop(context.Background()))
	}
	return s, nil
}

func (s *Sandbox) start(o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	var err error
	if o.Log != "" {
		if s.log, err = traffic.OpenLog(o.Log); err != nil {
			return err
		}
	}
	o.AFAS.Seed, o.AFAS.Employees, o.AFAS.Now, o.AFAS.Log = o.Seed, o.Employees, o.Now, s.log
	if s.AFAS, err = afas.New(o.AFAS); err != nil {
		return err
	}
	o.AlleyOop.Seed, o.AlleyOop.Clients, o.AlleyOop.Now, o.AlleyOop.Log = o.Seed, o.Clients, o.Now, s.log
	if s.AlleyOop, err = alleyoop.New(o.AlleyOop); err != nil {
		return err
	}
	s.systems = []*System{
		{Name: "afas", URL: afas.Path, Credentials: s.AFAS.Credentials, Traffic: s.AFAS.Traffic, Data: s.AFAS.Data},
		{Name: "alleyoop", URL: alleyoop.Path, Credentials: s.AlleyOop.Credentials, Traffic: s.AlleyOop.Traffic, Data: s.AlleyOop.Data, Doubled: s.AlleyOop.Doubled},
	}
	for i, system := range s.systems {
		port := 0
		if o.Port > 0 {
			port = o.Port + 1 + i
		}
		if system.Server, err = traffic.Listen(port, system.Traffic); err != nil {
			return fmt.Errorf("start %s: %w", system.Name, err)
		}
		system.URL = system.Server.URL() + system.URL
	}
	return nil
}

// Systems lists the systems.
func (s *Sandbox) Systems() []*System { return s.systems }

// System gives the system of a name; nil: there is none.
func (s *Sandbox) System(name string) *System {
	for _, system := range s.systems {
		if system.Name == name {
			return system
		}
	}
	return nil
}

// URL is the address of a system as it stands in a connection block.
func (s *Sandbox) URL(name string) string { return s.System(name).URL }

// Stop ends all systems once the calls that run are answered, at the latest
// when the context ends.
func (s *Sandbox) Stop(ctx context.Context) error {
	var errs []error
	for _, system := range s.systems {
		if system.Server != nil {
			errs = append(errs, system.Server.Stop(ctx))
		}
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	return errors.Join(errs...)
}
