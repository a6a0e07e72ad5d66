// Package afasupdate is the sink kind afas_update: the records of an
// UpdateConnector.
package afasupdate

import (
	"context"
	"fmt"
	"slices"

	"koppel/engine/connector"
	"koppel/internal/afas"
)

// Config are the arguments of an afas_update sink.
type Config struct {
	Connection connector.Connection `hcl:"connection" doc:"the environment of AFAS"`
	Connector  string               `hcl:"connector" doc:"the UpdateConnector, by its name in the app connector; capitals count"`
	Root       string               `hcl:"root,optional" doc:"the name of the outer object, where it is not that of the connector: AfasEmployee of KnEmployee; default: the connector"`
	Keys       []string             `hcl:"keys,optional" doc:"mapped fields that are sent as @NAME, and name the record in a delete; one that is not mapped is taken from what AFAS answered when the record was created"`
	OnCreate   string               `hcl:"on_create,optional" oneof:"insert update" doc:"\"update\" for connectors that only know PUT, such as KnCourseSessionMember, and then can't delete either; default insert"`
	Children   []Child              `hcl:"child,block" doc:"an object below the record, one for each"`
	Find       *Find                `hcl:"find,block" doc:"a GetConnector that shows what AFAS holds: asked when the answer to a call was lost, or when AFAS refuses what it may hold already"`
}

// A Child is an object below the record.
type Child struct {
	Name string   `hcl:"name,label" doc:"the object, such as KnPerson; the mapped field of that name holds it, an object or a list of them"`
	Keys []string `hcl:"keys,optional" doc:"its members that are sent as @NAME"`
}

// Find is where records are looked up.
type Find struct {
	Connector string            `hcl:"connector" doc:"the GetConnector; its columns are compared with the mapped fields of the same name, so that what stands in AFAS already is not written again when that would be refused"`
	Key       []string          `hcl:"key" doc:"its columns that hold the parts of the pipeline's key, in their order"`
	Columns   map[string]string `hcl:"columns,optional" doc:"its columns by the mapped fields, or members of a child, that have another name: { EmAd = \"EmailWork\" }"`
}

// Kind is the sink kind afas_update.
func Kind() connector.Kind[connector.Sink] {
	k := connector.Define("afas_update", "Records of an UpdateConnector of AFAS Profit: inserted, updated (only what changed) and deleted, a call for each.", Config{}, open)
	k.Connections = []connector.Kind[any]{afas.Kind()}
	k.Static = connector.Traits{Deletes: true, Undoable: true, Journalled: true}
	k.Version = 1
	return k
}

// Validate checks the arguments.
func (c *Config) Validate() error {
	if c.Connector == "" {
		return &connector.FieldError{Field: "connector", Problem: "is empty"}
	}
	if err := distinct("keys", c.Keys); err != nil {
		return err
	}
	names := map[string]bool{}
	for _, child := range c.Children {
		if child.Name == "" || names[child.Name] || slices.Contains(c.Keys, child.Name) {
			return &connector.FieldError{Field: "child", Problem: fmt.Sprintf("%q is there twice, is a key as well, or has no name", child.Name)}
		}
		names[child.Name] = true
		if err := distinct("child.keys", child.Keys); err != nil {
			return err
		}
	}
	switch {
	case c.Find == nil:
		return nil
	case c.Find.Connector == "":
		return &connector.FieldError{Field: "find.connector", Problem: "is empty"}
	case len(c.Find.Key) == 0:
		return &connector.FieldError{Field: "find.key", Problem: "names no column"}
	}
	return distinct("find.key", c.Find.Key)
}

func distinct(argument string, names []string) error {
	for i, name := range names {
		if name == "" || slices.Contains(names[:i], name) {
			return &connector.FieldError{Field: argument, Problem: fmt.Sprintf("names %q twice or not at all", name)}
		}
	}
	return nil
}

func (c *Config) root() string {
	if c.Root != "" {
		return c.Root
	}
	return c.Connector
}

// Keeps says that a connector which only knows PUT can't delete.
func (c *Config) Keeps() string {
	if c.inserts() {
		return ""
	}
	return "on_create = \"update\" says that its connector only knows PUT"
}

// inserts tells whether records are created by an insert.
func (c *Config) inserts() bool { return c.OnCreate != "update" }

func open(ctx context.Context, c Config, env connector.Env) (connector.Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Connection.Get == nil {
		return nil, &connector.FieldError{Field: "connection", Problem: "is missing"}
	}
	client, err := afas.For(ctx, c.Connection)
	if err != nil {
		return nil, err
	}
	s := &sink{config: c, client: client, env: env, unsent: map[string]bool{}}
	for _, f := range env.Shape.Fields {
		s.unsent[f.Name] = !f.Send
	}
	if err := c.Fits(env.Shape); err != nil {
		return nil, err
	}
	if c.Find != nil {
		return finder{s}, nil
	}
	return s, nil
}
