// Package soap is the source kind soap: records of SOAP services.
package soap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
	"koppel/internal/soap"
	"koppel/internal/xmlrecord"
)

// Config are the arguments of a soap source.
type Config struct {
	Connection  connector.Connection `hcl:"connection" doc:"the service: its url is where messages are sent"`
	Action      string               `hcl:"action,optional" doc:"1.1: the header SOAPAction; 1.2: the parameter action of Content-Type, left out without one"`
	Version     string               `hcl:"version,optional" oneof:"1.1 1.2" doc:"of SOAP; default: that of the envelope, or 1.1"`
	Envelope    connector.Template   `hcl:"envelope" doc:"the message that is sent: a whole envelope, or only what its body holds; {page}, {cursor}, {today} and {now} are filled in, escaped"`
	Records     string               `hcl:"records" doc:"an XPath of names, *, / and // with conditions on attributes, such as /Envelope/Body/ListResponse/person; a path without // also proves that there are none"`
	Namespaces  map[string]string    `hcl:"namespaces,optional" doc:"namespaces by the prefixes that records uses, such as { d = \"urn:example\" }; default: prefixes are ignored, names are local names"`
	Lists       []string             `hcl:"lists,optional" doc:"elements that are lists also where one stands alone"`
	Fault       connector.Program    `hcl:"fault,optional" doc:"jq over the element Fault that gives the words to show, such as jq(\".detail.reason\"); default: its code and its text"`
	Pagination  *Pagination          `hcl:"pagination,block" doc:"how one page leads to the next; default: there is one page"`
	Incremental *Incremental         `hcl:"incremental,block" doc:"read only what changed: the envelope holds {cursor}"`
}

// Pagination are the arguments of a pagination block. Its programs see what the
// body holds: .ListResponse.nextPage.
type Pagination struct {
	Kind  string            `hcl:"kind,label" oneof:"page offset cursor none" doc:"page and offset: by number; cursor: by what the answer holds; it stands as {page} in the envelope"`
	Start *int              `hcl:"start,optional" doc:"page: the number of the first page, default 1; offset: that of the first record, default 0"`
	Value connector.Program `hcl:"value,optional" doc:"cursor: jq over the body that gives the next one; null or an empty text ends"`
	Total connector.Program `hcl:"total,optional" doc:"jq over the body that gives how many records there are; a read of another number is not complete"`
	More  connector.Program `hcl:"more,optional" doc:"jq over the body that gives true as long as there is another page"`
}

// Incremental are the arguments of an incremental block.
type Incremental struct {
	connector.Incremental `hcl:",embed"`
}

// Kind is the source kind soap.
func Kind() connector.Kind[connector.Source] {
	k := connector.Define("soap", "Records of a SOAP service, 1.1 or 1.2. Elements become members by their local names, attributes @name, all values text.", Config{}, open)
	k.Connections = []connector.Kind[any]{httpclient.Kind()}
	k.Version = 1
	return k
}

// Validate checks the arguments against each other.
func (c *Config) Validate() error {
	for prefix, space := range c.Namespaces {
		if prefix == "" || space == "" {
			return &connector.FieldError{Field: "namespaces", Problem: "has an empty prefix or namespace"}
		}
	}
	if c.Records != "" {
		if _, err := xmlrecord.Parse(c.Records, c.Namespaces); err != nil {
			return err
		}
	}
	if strings.ContainsAny(c.Action, "\r\n\"") {
		return &connector.FieldError{Field: "action", Problem: "holds a quote or a line end"}
	}
	if err := c.validatePages(); err != nil {
		return err
	}
	return c.validateEnvelope()
}

func (c *Config) validatePages() error {
	if inc := c.Incremental; inc != nil {
		switch {
		case len(inc.Cursor) == 0 || slices.Contains(inc.Cursor, ""):
			return &connector.FieldError{Field: "incremental.cursor", Problem: "names no field"}
		case inc.Overlap < 0:
			return &connector.FieldError{Field: "incremental.overlap", Problem: "is negative"}
		case c.Envelope != nil && !c.uses("cursor"):
			return &connector.FieldError{Field: "envelope", Problem: "holds no {cursor}: every read would be a full one", Hint: "write {cursor} where the service takes the time from which on it lists changes"}
		}
	}
	p := c.Pagination
	if p == nil || p.Kind == "none" {
		return nil
	}
	wrong := func(field, problem string) error {
		return &connector.FieldError{Field: "pagination." + field, Problem: problem}
	}
	numbered := p.Kind == "page" || p.Kind == "offset"
	switch {
	case p.Value == nil && !numbered:
		return wrong("value", "is missing: it gives what leads to the next page")
	case p.Value != nil && numbered:
		return wrong("value", fmt.Sprintf("has no meaning in pagination %q", p.Kind))
	case p.Start != nil && !numbered:
		return wrong("start", "has no meaning in pagination \"cursor\"")
	case p.Start != nil && *p.Start < 0:
		return wrong("start", "is negative")
	case c.Envelope != nil && !c.uses("page"):
		return &connector.FieldError{Field: "envelope", Problem: fmt.Sprintf("holds no {page}: pagination %q would ask for the same page again", p.Kind)}
	}
	return nil
}

// uses tells whether the envelope holds {name}.
func (c *Config) uses(name string) bool {
	found := false
	_, _ = c.Envelope.Fill(func(n string) (any, bool) { found = found || n == name; return "", true })
	return found
}

// validateEnvelope fills the envelope in with numbers and reads it.
func (c *Config) validateEnvelope() error {
	if c.Envelope == nil {
		return nil
	}
	text, err := c.Envelope.Fill(func(n string) (any, bool) {
		switch n {
		case "page":
			return "1", c.Pagination != nil && c.Pagination.Kind != "none"
		case "cursor":
			return "1", c.Incremental != nil
		case "today", "now":
			return "1", true
		}
		return "", false
	})
	if err != nil {
		return &connector.FieldError{Field: "envelope", Problem: strings.TrimPrefix(err.Error(), "fill in the template: "),
			Hint: "{page} needs a pagination block, {cursor} an incremental one; a brace before such a name is doubled to stand for itself"}
	}
	e, err := soap.Parse(text)
	if err != nil {
		return &connector.FieldError{Field: "envelope", Problem: "is no XML: " + err.Error()}
	}
	if e.Version != "" && c.Version != "" && e.Version != c.Version {
		return &connector.FieldError{Field: "envelope", Problem: fmt.Sprintf("is one of SOAP %s, and version is %s", e.Version, c.Version), Hint: "leave version out, or correct the namespace of the envelope"}
	}
	return nil
}

func open(ctx context.Context, c Config, env connector.Env) (connector.Source, error) {
	if c.Records == "" {
		return nil, &connector.FieldError{Field: "records", Problem: "is empty", Hint: "such as /Envelope/Body/ListResponse/person"}
	}
	if c.Envelope == nil {
		return nil, &connector.FieldError{Field: "envelope", Problem: "is missing"}
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	client, err := httpclient.For(ctx, c.Connection)
	if err != nil {
		return nil, err
	}
	if c.Pagination == nil {
		c.Pagination = &Pagination{Kind: "none"}
	}
	s := &source{config: c, client: client, env: env}
	if s.path, err = xmlrecord.Parse(c.Records, c.Namespaces); err != nil {
		return nil, err
	}
	s.body, err = xmlrecord.Parse("/Envelope/Body", nil)
	return s, err
}
