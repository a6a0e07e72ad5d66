// Package alleyoopsignals is the sink kind alleyoop_signals: signals to process
// instances of AlleyOop, in the order of the source.
package alleyoopsignals

import (
	"context"
	"errors"
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/alleyoop"
	"koppel/internal/httpclient"
)

// Config are the arguments of an alleyoop_signals sink.
type Config struct {
	Connection connector.Connection `hcl:"connection" doc:"the installation"`
}

// Kind is the sink kind alleyoop_signals.
func Kind() connector.Kind[connector.Sink] {
	k := connector.Define("alleyoop_signals",
		"Signals to process instances of AlleyOop, from the mapped fields clientId, processKey, periodStart, periodEnd and signal. For each instance they go in the order of the source; one that is refused makes the later ones of its instance wait.",
		Config{}, open)
	k.Connections = []connector.Kind[any]{alleyoop.Kind()}
	k.Static = connector.Traits{Ordered: true, Journalled: true, Additive: true}
	k.Version = 1
	return k
}

// Fits tells whether the fields of a signal are mapped.
func (*Config) Fits(shape record.Shape) error {
	return alleyoop.CheckShape(shape, append(alleyoop.DossierFields(), "signal")...)
}

func open(ctx context.Context, c Config, env connector.Env) (connector.Sink, error) {
	client, err := alleyoop.For(ctx, c.Connection)
	if err != nil {
		return nil, err
	}
	if err := c.Fits(env.Shape); err != nil {
		return nil, err
	}
	return &sink{client}, nil
}

type sink struct{ client *alleyoop.Client }

// Traits says that order counts and that nothing is sent twice.
func (s *sink) Traits() connector.Traits {
	return connector.Traits{Ordered: true, Journalled: true, Additive: true, Identity: s.client.Identity("signals")}
}

// Lane names the instance of a change, whose signals keep their order.
func (s *sink) Lane(c record.Change) string {
	body := c.After
	if body == nil {
		body = c.Before
	}
	d, err := alleyoop.DossierOf(body)
	if err != nil {
		return "key " + string(c.Key)
	}
	return d.String()
}

// A message is one signal to one instance.
type message struct {
	dossier alleyoop.Dossier
	signal  string
}

func messageOf(body []byte) (m message, err error) {
	if m.dossier, err = alleyoop.DossierOf(body); err != nil {
		return m, err
	}
	m.signal, err = alleyoop.FieldOf(body, "signal")
	return m, err
}

// Write sends the signals one after the other. An update sends its signal when
// it is another one, or for another instance.
func (s *sink) Write(ctx context.Context, changes []record.Change) ([]connector.Outcome, error) {
	var all []connector.Outcome
	for _, c := range changes {
		out, err := s.one(ctx, c)
		if err == nil || out.Status == connector.NotSent {
			all = append(all, out)
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func (s *sink) one(ctx context.Context, c record.Change) (connector.Outcome, error) {
	if c.Op != record.Create && c.Op != record.Update {
		return alleyoop.Refusal("a signal can't be taken back"), nil
	}
	m, err := messageOf(c.After)
	if err != nil {
		return alleyoop.Refusal(err.Error()), nil
	}
	if before, err := messageOf(c.Before); c.Op == record.Update && err == nil && before == m {
		return connector.Outcome{}, nil
	}
	failed := s.client.Send(ctx, m.dossier, m.signal)
	if alleyoop.NotDue(failed) {
		return s.notDue(ctx, m, failed)
	}
	out, stop := alleyoop.Outcome(failed)
	if stop == nil && out.Status == connector.Unknown {
		if now, err := s.client.Standing(ctx, m.dossier, m.signal); err == nil && now == alleyoop.Done {
			return connector.Outcome{}, nil
		}
	}
	return out, stop
}

// notDue is the refusal of a signal that no active task waits for. It names
// those that are active.
func (s *sink) notDue(ctx context.Context, m message, refused error) (connector.Outcome, error) {
	var failed *httpclient.Error
	said := "no given task"
	if errors.As(refused, &failed) && failed.Words != "" {
		said = failed.Words
	}
	active, err := s.client.Active(ctx, m.dossier)
	if err != nil {
		if ctx.Err() != nil {
			return connector.Outcome{}, ctx.Err()
		}
		active = "its active tasks can't be read: " + err.Error()
	}
	return alleyoop.Refusal(fmt.Sprintf("%s: the signal %s is not due; %s", said, m.signal, active)), nil
}

// Find tells of signals whose answer was lost whether they arrived, by the
// tasks that are active and finished.
func (s *sink) Find(ctx context.Context, changes []record.Change) ([]connector.Found, error) {
	out := make([]connector.Found, len(changes))
	for i, c := range changes {
		m, err := messageOf(c.After)
		if err != nil {
			continue // it was refused before anything was sent
		}
		standing, err := s.client.Standing(ctx, m.dossier, m.signal)
		if err != nil {
			return nil, err
		}
		switch standing {
		case alleyoop.Done:
			out[i].N = 1
		case alleyoop.Unclear:
			out[i].Untold = true
		}
	}
	return out, nil
}

// Check asks AlleyOop for its process definitions.
func (s *sink) Check(ctx context.Context) error { return s.client.Check(ctx) }
