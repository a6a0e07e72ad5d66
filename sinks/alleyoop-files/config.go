// Package alleyoopfiles is the sink kind alleyoop_files: files that are added
// to process instances of AlleyOop.
package alleyoopfiles

import (
	"context"
	"os"

	"koppel/engine/connector"
	"koppel/internal/alleyoop"
)

// Config are the arguments of an alleyoop_files sink.
type Config struct {
	Connection connector.Connection `hcl:"connection" doc:"the installation"`
}

// Kind is the sink kind alleyoop_files.
func Kind() connector.Kind[connector.Sink] {
	k := connector.Define("alleyoop_files",
		"Files that are added to process instances of AlleyOop, from the mapped fields instanceId (or clientId, processKey, periodStart and periodEnd), type and path. The content counts as part of the record: a file that has changed is added again.",
		Config{}, open)
	k.Connections = []connector.Kind[any]{alleyoop.Kind()}
	k.Static = connector.Traits{Journalled: true, Additive: true, Content: "path"}
	k.Version = 1
	return k
}

func open(ctx context.Context, c Config, env connector.Env) (connector.Sink, error) {
	client, err := alleyoop.For(ctx, c.Connection)
	if err != nil {
		return nil, err
	}
	if err := c.Fits(env.Shape); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(env.Dir)
	if err != nil {
		return nil, err
	}
	return &sink{client: client, root: root}, nil
}
