package afasupdate

import (
	"context"
	"fmt"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/afas"
)

// sink is an opened afas_update sink.
type sink struct {
	config Config
	client *afas.Client
	env    connector.Env
	unsent map[string]bool // mapped, but not for this target
	// looked: a refusal was held against the list of connectors already.
	looked bool
}

// A finder is a sink that can look at what AFAS holds.
type finder struct{ *sink }

// Fits holds the mapped fields against the arguments.
func (c *Config) Fits(shape record.Shape) error {
	names := map[string]bool{}
	for _, f := range shape.Fields {
		names[f.Name] = true
		if f.Send && (f.Type == "object" || f.Type == "list") && c.child(f.Name) == nil {
			return &connector.FieldError{Field: "child", Problem: fmt.Sprintf("%q is missing: the mapped field of that name is of type %s", f.Name, f.Type),
				Hint: fmt.Sprintf("AFAS takes texts, numbers and booleans; objects go below the record: child %q {}", f.Name)}
		}
	}
	if f := c.Find; f != nil && len(shape.Key) > 0 && len(shape.Key) != len(f.Key) {
		return &connector.FieldError{Field: "find.key", Problem: fmt.Sprintf("names %d columns, and the pipeline's key has %d parts", len(f.Key), len(shape.Key))}
	}
	if len(shape.Fields) == 0 || shape.Open {
		return nil
	}
	for _, child := range c.Children {
		if !names[child.Name] {
			return &connector.FieldError{Field: "child", Problem: fmt.Sprintf("%q has no mapped field of that name", child.Name)}
		}
	}
	return nil
}

func (c *Config) child(name string) *Child {
	for i := range c.Children {
		if c.Children[i].Name == name {
			return &c.Children[i]
		}
	}
	return nil
}

// Traits name the environment and the connector. A create that is an update can
// be made twice.
func (s *sink) Traits() connector.Traits {
	return connector.Traits{
		Deletes: s.config.inserts(), Undoable: true, Answers: true, Journalled: s.config.inserts(),
		Identity: s.client.Identity() + " " + s.config.Connector + " " + s.config.root(),
	}
}

// Write sends the changes, one call for each.
func (s *sink) Write(ctx context.Context, batch []record.Change) ([]connector.Outcome, error) {
	if s.env.ReadOnly {
		return nil, fmt.Errorf("write UpdateConnector %q: opened for reading only", s.config.Connector)
	}
	var out []connector.Outcome
	for i := range batch {
		one, err := s.write(ctx, &batch[i])
		if err == nil || one.Status == connector.NotSent {
			out = append(out, one)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}
