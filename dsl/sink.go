package dsl

import (
	"context"

	"koppel/engine"
	"koppel/engine/connector"
)

// sink checks one sink instance and makes it ready to be opened.
func (l *loader) sink(d *declaration, in *instance) {
	kind := l.kinds.sinks[d.Kind]
	config := kind.Config()
	dec := l.decode(l.values, d, in, config, connectionNames(kind.Uses(l.kinds.all)), nil, nil)
	s := &engine.Sink{Address: d.address() + in.suffix(), Kind: d.Kind, Title: titleOf(d, config, dec.hidden), Static: kind.Static}
	s.Open = func(ctx context.Context, env connector.Env) (connector.Sink, error) {
		config := kind.Config()
		v := l.strict(ctx)
		l.decode(v, d, l.settled(ctx, d, in), config, connectionNames(kind.Uses(l.kinds.all)), nil, &env)
		if err := v.out.err(s.Address); err != nil {
			return nil, err
		}
		return kind.Open(ctx, config, env)
	}
	if in.phantom {
		return
	}
	l.project.sinkConfigs[s.Address] = config
	l.project.unsettled[s.Address] = len(dec.pending) > 0
	l.project.Sinks[s.Address] = s
}
