// Package graphgroups is the source kind graph_groups: the groups of a Microsoft
// 365 tenant with their members.
package graphgroups

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"koppel/engine/connector"
	"koppel/internal/graph"
)

// Config are the arguments of a graph_groups source.
type Config struct {
	Connection connector.Connection `hcl:"connection" doc:"the tenant"`
	Select     []string             `hcl:"select,optional" doc:"the properties of a group that are read, id always; default: displayName, description, mail, mailEnabled, securityEnabled, groupTypes"`
	Filter     string               `hcl:"filter,optional" doc:"a condition of OData that Graph judges, such as \"securityEnabled eq true\""`
	Members    bool                 `hcl:"members,optional" doc:"each group has members, a list of { type, id, displayName, mail, userPrincipalName } in the order of id: the direct ones, type is user, group, device and the like"`
}

// Kind is the source kind graph_groups.
func Kind() connector.Kind[connector.Source] {
	k := connector.Define("graph_groups", "Groups of a Microsoft 365 tenant with their direct members, read whole.", Config{Members: true}, open)
	k.Connections = []connector.Kind[any]{graph.Kind()}
	k.DefaultKey, k.Version = []string{"id"}, 1
	return k
}

var property = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate checks the arguments.
func (c *Config) Validate() error {
	for _, name := range c.Select {
		switch {
		case !property.MatchString(name):
			return &connector.FieldError{Field: "select", Problem: fmt.Sprintf("names %q, which is no property", name), Hint: `write such as select = ["displayName", "mail"]`}
		case name == "members":
			return &connector.FieldError{Field: "select", Problem: `names "members", which are no property`, Hint: "write members = true, which is the default"}
		}
	}
	return nil
}

func (c *Config) properties() []string {
	list := c.Select
	if len(list) == 0 {
		list = graph.Names(graph.GroupFields())
	}
	if !slices.Contains(list, "id") {
		list = append([]string{"id"}, list...)
	}
	return list
}

// list asks for the groups. top is how many come at once.
func (c *Config) list(top int) graph.Question {
	query := url.Values{"$top": {fmt.Sprint(top)}, "$select": {strings.Join(c.properties(), ",")}}
	if c.Filter != "" {
		query.Set("$filter", c.Filter)
	}
	q := graph.Question{About: []string{"groups"}, Needs: graph.GroupPermissions(), Eventual: graph.IsAdvanced(c.Filter)}
	if q.Eventual {
		query.Set("$count", "true")
	}
	q.Path = "/groups?" + query.Encode()
	return q
}

// members asks for the direct members of a group.
func members(id string) graph.Question {
	query := url.Values{"$top": {fmt.Sprint(pageSize)}, "$select": {"id,displayName,mail,userPrincipalName"}}
	return graph.Question{Path: "/groups/" + url.PathEscape(id) + "/members?" + query.Encode(), About: []string{"directoryObjects"}, Needs: graph.GroupPermissions()}
}

func open(ctx context.Context, c Config, env connector.Env) (connector.Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Connection.Get == nil {
		return nil, &connector.FieldError{Field: "connection", Problem: "is missing"}
	}
	client, err := graph.For(ctx, c.Connection)
	if err != nil {
		return nil, err
	}
	return &source{config: c, client: client, env: env}, nil
}
