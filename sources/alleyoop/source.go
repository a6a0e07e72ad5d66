// Package alleyoop is the source kind alleyoop: clients, process definitions,
// process instances, tasks and finished tasks of AlleyOop.
package alleyoop

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"koppel/engine/connector"
	"koppel/internal/alleyoop"
)

// Config are the arguments of an alleyoop source.
type Config struct {
	Connection connector.Connection `hcl:"connection" doc:"the installation"`
	Action     string               `hcl:"action" oneof:"clients process-definitions process-instances tasks task-history" doc:"what is read"`
	Headers    Headers              `hcl:"headers,optional" doc:"what narrows the read, by the names of AlleyOop's headers without X-, such as { kvk = \"12345678\" }; one that is empty is not sent. clients: clientId, bsn, kvk, name, referId, rsin, vat, wage; process-instances: taskId, clientId, processKey, periodStart, periodEnd; tasks and task-history: those, group and signal"`
}

// Headers are values by name. They may hold a citizen service number, so they
// are never printed.
type Headers map[string]string

// String hides the values.
func (h Headers) String() string { return fmt.Sprintf("%d headers", len(h)) }

// GoString hides the values.
func (h Headers) GoString() string { return h.String() }

// MarshalText hides the values.
func (h Headers) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// Kind is the source kind alleyoop.
func Kind() connector.Kind[connector.Source] {
	k := connector.Define("alleyoop", "Clients, process definitions, process instances, active or finished tasks of AlleyOop, each read whole.", Config{}, open)
	k.Connections = []connector.Kind[any]{alleyoop.Kind()}
	k.Version = 1
	return k
}

// DefaultKey names the fields that tell the records of the action apart.
func (c *Config) DefaultKey() []string { return alleyoop.Action(c.Action).Key() }

// Sensitive names the fields that are sensitive whatever the file says.
func (c *Config) Sensitive() []string {
	if alleyoop.Action(c.Action) == alleyoop.Clients {
		return []string{"bsn"}
	}
	return nil
}

// Validate checks the headers against the action.
func (c *Config) Validate() error {
	_, err := c.headers()
	return err
}

func (c *Config) headers() ([]alleyoop.Header, error) {
	if c.Action == "" {
		return nil, &connector.FieldError{Field: "action", Problem: "is empty"}
	}
	var list []alleyoop.Header
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		h, err := alleyoop.Action(c.Action).Header(name, c.Headers[name])
		if err != nil {
			return nil, &connector.FieldError{Field: "headers", Problem: err.Error()}
		}
		if slices.ContainsFunc(list, func(other alleyoop.Header) bool { return other.Name == h.Name }) {
			return nil, &connector.FieldError{Field: "headers", Problem: fmt.Sprintf("names %s twice", h.Name), Hint: "names are the same whatever their case"}
		}
		list = append(list, h)
	}
	return list, nil
}

type source struct {
	client  *alleyoop.Client
	action  alleyoop.Action
	headers []alleyoop.Header
}

func open(ctx context.Context, c Config, env connector.Env) (connector.Source, error) {
	headers, err := c.headers()
	if err != nil {
		return nil, err
	}
	client, err := alleyoop.For(ctx, c.Connection)
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		if h.Value == "" && env.Log != nil {
			env.Log.LogAttrs(ctx, slog.LevelWarn, "a header without a value is not sent and narrows nothing", slog.String("header", h.Name), slog.String("action", c.Action))
		}
	}
	return &source{client: client, action: alleyoop.Action(c.Action), headers: headers}, nil
}

// Check asks for what the source reads.
func (s *source) Check(ctx context.Context) error {
	_, err := s.client.List(ctx, s.action, s.headers)
	return err
}

// chunk is how many bytes are handed over at once, about.
const chunk = 1 << 20

// Read hands over the one partition that there is.
func (s *source) Read(ctx context.Context, out connector.Reader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := out.Begin("", connector.Full); err != nil {
		return err
	}
	records, err := s.client.List(ctx, s.action, s.headers)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return out.Fail("", err)
	}
	var lines []byte
	for i, r := range records {
		lines = append(append(lines, r...), '\n')
		if len(lines) < chunk && i < len(records)-1 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := out.Records("", 0, lines); err != nil {
			return err
		}
		lines = lines[:0]
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return out.End("", nil, connector.Interval{})
}
