// Package sandbox runs simulated vendor systems on loopback for the demo, the
// verb sandbox and tests. They are written from the vendors' documentation, and
// keep to it where that is hard on a caller.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"koppel/internal/sandbox/afas"
	"koppel/internal/sandbox/alleyoop"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/graph"
	"koppel/internal/sandbox/rest"
	"koppel/internal/sandbox/smtp"
	"koppel/internal/sandbox/soap"
	"koppel/internal/sandbox/traffic"
	"koppel/internal/sandbox/xpert"
)

// Options of a sandbox. The zero value is good for tests.
type Options struct {
	// Seed makes the data and the credentials: equal seeds, equal sandboxes.
	Seed uint64
	// Employees in AFAS, in Microsoft 365 and in the Xpert Suite, Clients in AlleyOop, Orders in the shop, Persons in
	// the SOAP directory; 0: 40, 12, 60 and 30.
	Employees, Clients, Orders, Persons int
	// Port of the control API; the systems listen on those after it. 0: any free
	// ports.
	Port int
	// Now is the clock of all systems; nil: time.Now.
	Now func() time.Time
	// Log is a file that gets one JSON line per call, on the disk before the
	// answer; empty: none.
	Log string
	// CAFile gets the authority of the mail server; empty: a temporary file.
	CAFile string
	// AFAS, AlleyOop, REST, Graph, SMTP and Xpert set what is particular to them; Seed, Now, Log
	// and the counts above are put in.
	AFAS     afas.Options
	AlleyOop alleyoop.Options
	REST     rest.Options
	Graph    graph.Options
	SMTP     smtp.Options
	Xpert    xpert.Options
}

// A Sandbox is all systems, running. It is safe for concurrent use.
type Sandbox struct {
	AFAS     *afas.System
	AlleyOop *alleyoop.System
	REST     *rest.System
	SOAP     *soap.System
	Graph    *graph.System
	SMTP     *smtp.System
	Xpert    *xpert.System

	control *traffic.Server
	log     *traffic.Log
	systems []*System
}

// A System is one of the systems as far as all are alike.
type System struct {
	Name        string           `json:"name"`
	About       string           `json:"about"`
	URL         string           `json:"url"` // as it stands in a connection block
	Credentials any              `json:"credentials"`
	Server      Server           `json:"-"`
	Traffic     *traffic.Traffic `json:"-"`
	Data        *dataset.Store   `json:"-"`

	port   int             // how far its port is from that of the control API
	twice  func() []string // names what exists twice and should not
	revoke func()          // ends all tokens that were given out; nil: none are
	// listen starts the server of a system that does not speak HTTP, and listing
	// writes what it received for people; nil: there is none.
	listen  func(port int) (Server, error)
	listing func(io.Writer) error
	// deliver sends webhooks now: all that wait, or the one with an id; nil: it
	// sends none.
	deliver func(ctx context.Context, id string) ([]dataset.Row, error)
}

// A Server is what a system listens with. It can be taken off the net and
// brought back under the same address.
type Server interface {
	URL() string
	Up() error
	Down() error
	Stop(ctx context.Context) error
}

// Info says where a sandbox is and what gets in.
type Info struct {
	FormatVersion string    `json:"format_version"`
	Control       string    `json:"control"`
	Systems       []*System `json:"systems"`
}

// Start starts all systems and the control API. They run until Stop.
func Start(ctx context.Context, o Options) (*Sandbox, error) {
	s := &Sandbox{}
	if err := s.start(o); err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
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
	if err := s.make(o); err != nil {
		return err
	}
	port := func(i int) int {
		if o.Port == 0 {
			return 0
		}
		return o.Port + i
	}
	if s.control, err = traffic.Listen(port(0), newControl(s)); err != nil {
		return fmt.Errorf("start the control API: %w", err)
	}
	for _, system := range s.systems {
		listen := system.listen
		if listen == nil {
			listen = func(port int) (Server, error) { return traffic.Listen(port, system.Traffic) }
		}
		server, err := listen(port(system.port))
		if err != nil {
			return fmt.Errorf("start %s: %w", system.Name, err)
		}
		system.Server = server
		system.URL = system.Server.URL() + system.URL
	}
	return nil
}

// make fills the systems.
func (s *Sandbox) make(o Options) error {
	o.AFAS.Seed, o.AFAS.Employees, o.AFAS.Now, o.AFAS.Log = o.Seed, o.Employees, o.Now, s.log
	o.AlleyOop.Seed, o.AlleyOop.Clients, o.AlleyOop.Now, o.AlleyOop.Log = o.Seed, o.Clients, o.Now, s.log
	o.REST.Seed, o.REST.Orders, o.REST.Now, o.REST.Log = o.Seed, o.Orders, o.Now, s.log
	o.Graph.Seed, o.Graph.Users, o.Graph.Now, o.Graph.Log = o.Seed, o.Employees, o.Now, s.log
	o.SMTP.Seed, o.SMTP.Now, o.SMTP.Log = o.Seed, o.Now, s.log
	o.Xpert.Seed, o.Xpert.Employees, o.Xpert.Now, o.Xpert.Log = o.Seed, o.Employees, o.Now, s.log
	var err, errA, errR, errS, errG, errM, errX error
	s.AFAS, err = afas.New(o.AFAS)
	s.AlleyOop, errA = alleyoop.New(o.AlleyOop)
	s.REST, errR = rest.New(o.REST)
	s.SOAP, errS = soap.New(soap.Options{Seed: o.Seed, Persons: o.Persons, Now: o.Now, Log: s.log})
	s.Graph, errG = graph.New(o.Graph)
	s.SMTP, errM = smtp.New(o.SMTP)
	s.Xpert, errX = xpert.New(o.Xpert)
	if err := errors.Join(err, errA, errR, errS, errG, errM, errX); err != nil {
		return err
	}
	s.systems = []*System{
		{
			Name: "afas", port: 1, About: "AFAS Profit: GetConnectors, UpdateConnectors, metainfo, OAuth", URL: afas.Path,
			Credentials: s.AFAS.Credentials, Traffic: s.AFAS.Traffic, Data: s.AFAS.Data, twice: s.AFAS.Doubled, revoke: s.AFAS.RevokeTokens,
		},
		{
			Name: "alleyoop", port: 2, About: "AlleyOop (Workflow): clients, process instances, tasks, files", URL: alleyoop.Path,
			Credentials: s.AlleyOop.Credentials, Traffic: s.AlleyOop.Traffic, Data: s.AlleyOop.Data, twice: s.AlleyOop.Doubled,
		},
		{
			Name: "rest", port: 3, About: "a shop and a service desk: every way of paging, searches, writes", URL: rest.Path,
			Credentials: s.REST.Credentials, Traffic: s.REST.Traffic, Data: s.REST.Data, twice: s.REST.Doubled, revoke: s.REST.RevokeTokens,
		},
		{
			Name: "soap", port: 4, About: "a directory of persons behind SOAP 1.1 and 1.2 with WS-Security", URL: soap.Path,
			Credentials: s.SOAP.Credentials, Traffic: s.SOAP.Traffic, Data: s.SOAP.Data, twice: s.SOAP.Doubled,
		},
		{
			Name: "graph", port: 5, About: "Microsoft 365: Graph with users, groups, calendars, and its token endpoint",
			Credentials: s.Graph.Credentials, Traffic: s.Graph.Traffic, Data: s.Graph.Data, twice: s.Graph.Doubled, revoke: s.Graph.RevokeTokens,
			listen: func(port int) (Server, error) { return s.Graph.Listen(port) }, deliver: s.Graph.Deliver,
		},
		{
			Name: "smtp", port: 6, About: "a mail server: STARTTLS on its port, implicit TLS on the next one, and what arrived",
			Credentials: &s.SMTP.Credentials, Traffic: s.SMTP.Traffic, Data: s.SMTP.Data, twice: s.SMTP.Doubled, listing: s.SMTP.Listing,
			listen: func(port int) (Server, error) { return s.SMTP.Listen(port, o.CAFile) },
		},
		{ // behind the two ports of the mail server
			Name: "xpert", port: 8, About: "Xpert Suite: accounts, employees and absences behind one-time codes, and its webhooks",
			Credentials: s.Xpert.Credentials, Traffic: s.Xpert.Traffic, Data: s.Xpert.Data, twice: s.Xpert.Doubled, revoke: s.Xpert.RevokeTokens,
			listen: func(port int) (Server, error) { return s.Xpert.Listen(port) }, deliver: s.Xpert.Deliver,
		},
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

// ControlURL is the address of the control API.
func (s *Sandbox) ControlURL() string { return s.control.URL() }

// Info says where the sandbox is and what gets in.
func (s *Sandbox) Info() Info {
	return Info{FormatVersion: "1.0", Control: s.ControlURL(), Systems: s.systems}
}

// Doubled names what exists twice in the system and should not.
func (s *System) Doubled() []string { return s.twice() }

// Listing writes what the system received, for people.
func (s *System) Listing(w io.Writer) error {
	if s.listing == nil {
		return &callerError{http.StatusBadRequest, s.Name + " has no listing; its tables stand under /" + s.Name + "/data"}
	}
	return s.listing(w)
}

// Deliver sends webhooks that wait, whenever they are due, or the one with an id
// again, and gives them as they are then.
func (s *System) Deliver(ctx context.Context, id string) ([]dataset.Row, error) {
	if s.deliver == nil {
		return nil, &callerError{http.StatusBadRequest, s.Name + " sends no webhooks"}
	}
	rows, err := s.deliver(ctx, id)
	if err == nil && id != "" && len(rows) == 0 {
		err = &callerError{http.StatusNotFound, "there is no delivery " + id}
	}
	for i := range rows {
		rows[i] = shown(rows[i])
	}
	return rows, err
}

func (s *System) revokeTokens() error {
	if s.revoke == nil {
		return &callerError{http.StatusBadRequest, s.Name + " gives out no tokens"}
	}
	s.revoke()
	return nil
}

// Stop ends all systems once the calls that run are answered, at the latest
// when the context ends.
func (s *Sandbox) Stop(ctx context.Context) error {
	var errs []error
	if s.control != nil {
		errs = append(errs, s.control.Stop(ctx))
	}
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
