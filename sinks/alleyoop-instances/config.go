// Package alleyoopinstances is the sink kind alleyoop_instances: process
// instances of AlleyOop, each made once.
package alleyoopinstances

import (
	"context"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/alleyoop"
)

// Config are the arguments of an alleyoop_instances sink.
type Config struct {
	Connection connector.Connection `hcl:"connection" doc:"the installation"`
	Reason     string               `hcl:"reason,optional" doc:"why instances are removed, for AlleyOop's own log; deletes are kept from it unless the pipeline asks for them"`
}

// Kind is the sink kind alleyoop_instances.
func Kind() connector.Kind[connector.Sink] {
	k := connector.Define("alleyoop_instances",
		"Process instances of AlleyOop, from the mapped fields clientId, processKey, periodStart and periodEnd. One that exists already is taken over, never made twice. It answers instanceId.",
		Config{}, open)
	k.Connections = []connector.Kind[any]{alleyoop.Kind()}
	k.Static = connector.Traits{Deletes: true, Undoable: true, Journalled: true}
	k.Version = 1
	return k
}

// Validate checks the reason.
func (c *Config) Validate() error {
	if err := alleyoop.Checked("reason", c.Reason); err != nil {
		return &connector.FieldError{Field: "reason", Problem: err.Error()}
	}
	return nil
}

// Fits tells whether the fields that name an instance are mapped.
func (*Config) Fits(shape record.Shape) error {
	return alleyoop.CheckShape(shape, alleyoop.DossierFields()...)
}

func open(ctx context.Context, c Config, env connector.Env) (connector.Sink, error) {
	client, err := alleyoop.For(ctx, c.Connection)
	if err != nil {
		return nil, err
	}
	if err := c.Fits(env.Shape); err != nil {
		return nil, err
	}
	return &sink{client: client, reason: c.Reason, holders: map[string]record.Key{}}, nil
}
