// Package http is the source kind http: the records of any REST service.
package http

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// Config are the arguments of an http source.
type Config struct {
	Connection  connector.Connection          `hcl:"connection" doc:"the system that is asked"`
	Method      string                        `hcl:"method,optional" oneof:"GET POST" doc:"POST for searches that are sent as a body; default GET"`
	Path        connector.Template            `hcl:"path" doc:"below the url of the connection; {page}, {cursor}, {from}, {to} and {today} are filled in, here and in query, headers and a body that is text"`
	Query       map[string]connector.Template `hcl:"query,optional" doc:"query values by name; one that is only {cursor}, {from} or {to} is left out where there is none"`
	Headers     map[string]connector.Template `hcl:"headers,optional" doc:"headers of these requests, beside those of the connection"`
	Body        connector.Program             `hcl:"body,optional" doc:"POST: a text, or a value that is sent as JSON; in jq and in paths (src.page) it sees page, size, cursor, from, to and today"`
	Records     connector.Program             `hcl:"records,optional" doc:"jq that gives the records of an answer, such as jq(\".data[]\"); default: the elements of the list, or the object itself"`
	Pagination  *Pagination                   `hcl:"pagination,block" doc:"how one page leads to the next; default: there is one page"`
	Incremental *Incremental                  `hcl:"incremental,block" doc:"read only what changed"`
}

// Pagination are the arguments of a pagination block.
type Pagination struct {
	Kind      string            `hcl:"kind,label" oneof:"page offset cursor link next_url none" doc:"page and offset: by number; cursor: by what the answer holds; link: by its header Link, rel next; next_url: by a URL in it"`
	Param     string            `hcl:"param,optional" doc:"page, offset, cursor: the query value that carries it; without one it stands as {page} in the request"`
	Start     *int              `hcl:"start,optional" doc:"page: the number of the first page, default 1; offset: that of the first record, default 0"`
	SizeParam string            `hcl:"size_param,optional" doc:"the query value that carries the size of a page"`
	Size      int               `hcl:"size,optional" doc:"how many records a page has at most; the system may give fewer"`
	Value     connector.Program `hcl:"value,optional" doc:"cursor, next_url: jq that gives the next cursor or URL; null or an empty text ends"`
	Total     connector.Program `hcl:"total,optional" doc:"jq that gives how many records there are; a read of another number is not complete"`
	More      connector.Program `hcl:"more,optional" doc:"jq that gives true as long as there is another page; null is an error"`
}

// Incremental are the arguments of an incremental block.
type Incremental struct {
	connector.Incremental `hcl:",embed"`
	Param                 string `hcl:"param,optional" doc:"the query value that carries the cursor; without one it stands as {cursor} in the request"`
}

// Kind is the source kind http. Records are handed over as the system wrote
// them.
func Kind() connector.Kind[connector.Source] {
	k := connector.Define("http", "Records of a REST service: JSON, by pages.", Config{Method: "GET"}, open)
	k.Connections, k.AnyHTTP = []connector.Kind[any]{httpclient.Kind()}, true
	k.Version = 1
	return k
}

// Validate checks the arguments against each other.
func (c *Config) Validate() error {
	if c.Body != nil && c.Method != "POST" {
		return &connector.FieldError{Field: "body", Problem: "belongs to method POST", Hint: `write method = "POST", or send values in query`}
	}
	if err := c.validatePrograms(); err != nil {
		return err
	}
	if err := c.validatePagination(); err != nil {
		return err
	}
	if err := c.validateIncremental(); err != nil {
		return err
	}
	return c.validateTemplates()
}

// validatePrograms refuses texts in the place of programs.
func (c *Config) validatePrograms() error {
	programs := map[string]connector.Program{"records": c.Records}
	if p := c.Pagination; p != nil {
		programs["pagination.value"], programs["pagination.total"], programs["pagination.more"] = p.Value, p.Total, p.More
	}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		if t, ok := programs[name].(connector.Template); ok {
			return &connector.FieldError{Field: name, Problem: "is a text, not a program", Hint: fmt.Sprintf("write jq(%q)", t.Source())}
		}
	}
	return nil
}

func (c *Config) validatePagination() error {
	p := c.Pagination
	if p == nil {
		return nil
	}
	wrong := func(field, problem string) error {
		return &connector.FieldError{Field: "pagination." + field, Problem: problem}
	}
	numbered := p.Kind == "page" || p.Kind == "offset"
	switch {
	case p.Value == nil && (p.Kind == "cursor" || p.Kind == "next_url"):
		return wrong("value", fmt.Sprintf("is missing: in pagination %q it gives what leads to the next page", p.Kind))
	case p.Value != nil && p.Kind != "cursor" && p.Kind != "next_url":
		return wrong("value", fmt.Sprintf("has no meaning in pagination %q", p.Kind))
	case p.Start != nil && !numbered:
		return wrong("start", fmt.Sprintf("has no meaning in pagination %q", p.Kind))
	case p.Start != nil && *p.Start < 0:
		return wrong("start", "is negative")
	case p.Param != "" && !numbered && p.Kind != "cursor":
		return wrong("param", fmt.Sprintf("has no meaning in pagination %q", p.Kind))
	case p.Param == "" && (numbered || p.Kind == "cursor") && c.Body == nil && !c.uses("page") && (c.Incremental != nil || !c.uses("cursor")):
		return wrong("param", fmt.Sprintf("is missing, and nothing in the request holds {page}: pagination %q would ask for the same page again", p.Kind))
	case p.Size < 0, p.Size == 1 && p.Kind == "offset":
		return wrong("size", "is too small: pages overlap by one record")
	case p.SizeParam != "" && p.Size == 0:
		return wrong("size", "is missing: size_param carries it")
	}
	return nil
}

func (c *Config) validateIncremental() error {
	inc := c.Incremental
	switch {
	case inc == nil:
	case len(inc.Cursor) == 0 || slices.Contains(inc.Cursor, ""):
		return &connector.FieldError{Field: "incremental.cursor", Problem: "names no field"}
	case inc.Overlap < 0:
		return &connector.FieldError{Field: "incremental.overlap", Problem: "is negative"}
	case inc.Param == "" && c.Body == nil && !c.uses("cursor"):
		return &connector.FieldError{Field: "incremental.param", Problem: "is missing, and nothing in the request holds {cursor}: every read would be a full one"}
	}
	return nil
}

// templates are those of the request, with where they stand.
func (c *Config) templates(yield func(field string, t connector.Template)) {
	if c.Path != nil {
		yield("path", c.Path)
	}
	for _, t := range c.Query {
		if t != nil {
			yield("query", t)
		}
	}
	for _, t := range c.Headers {
		if t != nil {
			yield("headers", t)
		}
	}
	if t, ok := c.Body.(connector.Template); ok {
		yield("body", t)
	}
}

// uses tells whether a template of the request holds {name}.
func (c *Config) uses(name string) bool {
	found := false
	c.templates(func(_ string, t connector.Template) {
		_, err := t.Fill(func(n string) (any, bool) { found = found || n == name; return "", true })
		found = found && err == nil || found
	})
	return found
}

// validateTemplates refuses names that have no value here.
func (c *Config) validateTemplates() error {
	var problem error
	c.templates(func(field string, t connector.Template) {
		_, err := t.Fill(func(n string) (any, bool) {
			known := slices.Contains([]string{"page", "cursor", "from", "to", "today", "now"}, n)
			if n == "cursor" && c.Incremental == nil && (c.Pagination == nil || c.Pagination.Kind != "cursor") {
				known = false
			}
			if n == "page" && c.Pagination == nil {
				known = false
			}
			return "", known
		})
		if err != nil && problem == nil {
			problem = &connector.FieldError{Field: field, Problem: strings.TrimPrefix(err.Error(), "fill in the template: "),
				Hint: "{page} needs a pagination block, {cursor} an incremental one, {from} and {to} a window"}
		}
	})
	return problem
}

func open(ctx context.Context, c Config, env connector.Env) (connector.Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Path == nil {
		return nil, &connector.FieldError{Field: "path", Problem: "is missing"}
	}
	client, err := httpclient.For(ctx, c.Connection)
	if err != nil {
		return nil, err
	}
	paged := c.Pagination != nil
	if !paged {
		c.Pagination = &Pagination{Kind: "none"}
	}
	return &source{config: c, client: client, env: env, layout: newLayout(&c), paged: paged}, nil
}
