// Package graphusers is the source kind graph_users: the users of a Microsoft
// 365 tenant.
package graphusers

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/internal/graph"
)

// Config are the arguments of a graph_users source.
type Config struct {
	Connection connector.Connection `hcl:"connection" doc:"the tenant"`
	Select     []string             `hcl:"select,optional" doc:"the properties of a user that are read, id always; manager gives { id } of the manager; default: displayName, givenName, surname, mail, userPrincipalName, accountEnabled, userType, jobTitle, department, companyName, officeLocation, businessPhones, mobilePhone, employeeId, preferredLanguage"`
	Filter     string               `hcl:"filter,optional" doc:"a condition of OData that Graph judges, such as \"accountEnabled eq true\"; each read is then a full one. A where in the pipeline does without"`
	MembersOf  string               `hcl:"members_of,optional" doc:"the id of a group: only its members, those of groups in it included; each read is then a full one"`
	Delta      bool                 `hcl:"delta,optional" doc:"read only what changed since the read before; false: each read is a full one"`
	FullEvery  connector.Duration   `hcl:"full_every,optional" doc:"how long after a complete full read the next one is due; a read of changes only may miss one"`
}

// weekly is how often all is read anew by default: a link to changes lives for
// seven days, and a change that a delta query lost shows then.
const weekly = 7 * 24 * time.Hour

// alone are properties that Graph gives for one user at a time only (501 in a
// collection).
func alone() []string {
	return []string{"mailboxSettings", "aboutMe", "birthday", "hireDate", "interests", "mySite", "pastProjects", "preferredName", "responsibilities", "schools", "skills"}
}

// Kind is the source kind graph_users.
func Kind() connector.Kind[connector.Source] {
	k := connector.Define("graph_users", "Users of a Microsoft 365 tenant, by default only those that changed since the read before.",
		Config{Delta: true, FullEvery: connector.Duration(weekly)}, open)
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
		case slices.Contains(alone(), name):
			return &connector.FieldError{Field: "select", Problem: fmt.Sprintf("names %q, which Graph gives for one user at a time only", name)}
		}
	}
	if c.FullEvery < 0 {
		return &connector.FieldError{Field: "full_every", Problem: "is negative"}
	}
	return nil
}

// Increments tells that a read may bring only changes.
func (c *Config) Increments() *connector.Incremental {
	if !c.changes() {
		return nil
	}
	return &connector.Incremental{FullEvery: c.FullEvery}
}

// changes tells whether a delta query gives what the arguments ask for: it takes
// no filter.
func (c *Config) changes() bool { return c.Delta && c.Filter == "" && c.MembersOf == "" }

// properties are those that are read, id among them.
func (c *Config) properties() []string {
	list := c.Select
	if len(list) == 0 {
		list = graph.Names(graph.UserFields())
	}
	if !slices.Contains(list, "id") {
		list = append([]string{"id"}, list...)
	}
	return list
}

// about are the sets that users are in: a cast of members is one of users.
func about() []string { return []string{"users", "directoryObjects"} }

// delta is where a round of a delta query begins.
func (c *Config) delta() graph.Question {
	query := url.Values{"$select": {strings.Join(c.properties(), ",")}}
	return graph.Question{Path: "/users/delta?" + query.Encode(), About: about(), Needs: graph.UserPermissions()}
}

// whole is where a list of all users begins. top is how many come at once.
func (c *Config) whole(top int) graph.Question {
	q := graph.Question{Path: "/users", About: about(), Needs: graph.UserPermissions()}
	query := url.Values{"$top": {fmt.Sprint(top)}}
	names := slices.DeleteFunc(slices.Clone(c.properties()), func(name string) bool { return name == "manager" })
	query.Set("$select", strings.Join(names, ","))
	if len(names) < len(c.properties()) {
		query.Set("$expand", "manager($select=id)")
	}
	if c.Filter != "" {
		query.Set("$filter", c.Filter)
		q.Eventual = graph.IsAdvanced(c.Filter)
	}
	if c.MembersOf != "" {
		// Members of one type are an advanced query too (aad-advanced-queries).
		q.Path, q.Eventual = "/groups/"+url.PathEscape(c.MembersOf)+"/transitiveMembers/microsoft.graph.user", true
		q.Needs = slices.DeleteFunc(graph.GroupPermissions(), func(name string) bool { return !strings.HasPrefix(name, "Directory.") })
	}
	if q.Eventual {
		query.Set("$count", "true")
	}
	q.Path += "?" + query.Encode()
	return q
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
