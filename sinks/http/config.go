// Package http is the sink kind http: records of any REST or SOAP service,
// created, updated and deleted by requests that the file describes.
package http

import (
	"context"
	"errors"
	"slices"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
)

// Config are the arguments of an http sink.
type Config struct {
	Connection connector.Connection `hcl:"connection" doc:"the system that is written to"`
	Match      []string             `hcl:"match,optional" doc:"fields by which earlier records are taken over: find is asked about a new record, and what it gives is one when these fields are equal"`
	Answer     connector.Program    `hcl:"answer,optional" doc:"jq over the answer to create, or over the one record of find, that gives an object to keep, such as jq(\"{id}\"): {id} in paths, NAME.target.id elsewhere; of XML it sees the root element"`
	Error      connector.Program    `hcl:"error,optional" doc:"jq over the body of an error that gives the words for people; default: the usual members of such bodies"`
	Create     *Call                `hcl:"create,block" doc:"the request that makes a record; POST unless it says otherwise"`
	Update     *Call                `hcl:"update,block" doc:"the request that changes a record; PATCH unless it says otherwise"`
	Delete     *Call                `hcl:"delete,block" doc:"the request that removes a record; DELETE unless it says otherwise"`
	Find       *Find                `hcl:"find,block" doc:"the request that shows the record of a key; it resolves a create whose answer was lost, and a 409"`
}

// Call are the arguments of a create, update or delete block.
type Call struct {
	Method  string                        `hcl:"method,optional" oneof:"POST PUT PATCH DELETE" doc:"the method of the request; a create by PUT may be repeated"`
	Path    connector.Template            `hcl:"path,optional" doc:"below the url of the connection; {id}, {key} and {record.x} are filled in, here and in query, headers and a body that is text"`
	Query   map[string]connector.Template `hcl:"query,optional" doc:"query values by name"`
	Headers map[string]connector.Template `hcl:"headers,optional" doc:"headers by name; one without a value is left out"`
	Body    connector.Program             `hcl:"body,optional" doc:"record: all mapped fields; changed: those that are new; or jq over {record, changed, before, key, id}, or a text; default: record to create, changed to update, nothing to delete"`
}

// Find are the arguments of a find block.
type Find struct {
	Method  string                        `hcl:"method,optional" oneof:"GET POST" doc:"POST for a search that is sent as a body; default GET"`
	Path    connector.Template            `hcl:"path,optional" doc:"below the url of the connection"`
	Query   map[string]connector.Template `hcl:"query,optional" doc:"query values by name, such as { external = \"{key}\" }"`
	Headers map[string]connector.Template `hcl:"headers,optional" doc:"headers by name"`
	Body    connector.Program             `hcl:"body,optional" doc:"as in create; a search is a POST"`
	Records connector.Program             `hcl:"records,optional" doc:"jq that gives the records of the answer, such as jq(\".items[]\"), or an XPath for XML, such as /Envelope/Body/FindResponse/person; default: the elements of the list, or the object itself; of XML, the root element"`
}

// path is the XPath of records; empty: a program gives them.
func (f *Find) path() string {
	if f == nil {
		return ""
	}
	if text, ok := f.Records.(connector.Template); ok {
		return text.Source()
	}
	return ""
}

// Kind is the sink kind http.
func Kind() connector.Kind[connector.Sink] {
	k := connector.Define("http", "Records of a REST or SOAP service, one request for each change.", Config{}, open)
	k.Connections, k.AnyHTTP = []connector.Kind[any]{httpclient.Kind()}, true
	k.Static = connector.Traits{Deletes: true, Undoable: true, Answers: true}
	k.Version = 1
	return k
}

// Validate checks the arguments against each other.
func (c *Config) Validate() error {
	if c.Create == nil && c.Update == nil && c.Delete == nil {
		return errors.New("the sink writes nothing: it has no create, update or delete block")
	}
	if len(c.Match) > 0 && c.Find == nil {
		return &connector.FieldError{Field: "match", Problem: "needs a find block", Hint: "find asks for the records that may be the same, as in query = { email = \"{record.email}\" }"}
	}
	if len(c.Match) > 0 && c.Answer == nil {
		return &connector.FieldError{Field: "match", Problem: "needs answer, which tells the records that are taken over apart", Hint: "write answer = jq(\"{id}\")"}
	}
	if path := c.Find.path(); path != "" {
		var problem *connector.FieldError
		if err := new(httpclient.Config).CheckXPath(path); errors.As(err, &problem) {
			return &connector.FieldError{Field: "find.records", Problem: problem.Problem, Hint: problem.Hint}
		}
	}
	var problems []error
	c.requests(func(block string, r *request) {
		if err := c.validate(block, r); err != nil {
			problems = append(problems, err)
		}
	})
	return errors.Join(problems...)
}

// Keeps says that a sink without a block delete can't delete.
func (c *Config) Keeps() string {
	if c.Delete != nil {
		return ""
	}
	return "it has no block delete"
}

// Unchanging says that a sink without a block update can't update.
func (c *Config) Unchanging() string {
	if c.Update != nil {
		return ""
	}
	return "it has no block update"
}

// requests are those of the blocks that there are.
func (c *Config) requests(yield func(block string, r *request)) {
	for _, one := range []struct {
		block string
		call  *Call
	}{{"create", c.Create}, {"update", c.Update}, {"delete", c.Delete}} {
		if one.call != nil {
			yield(one.block, one.call.request(one.block))
		}
	}
	if c.Find != nil {
		yield("find", c.Find.request())
	}
}

func (c *Config) validate(block string, r *request) error {
	id := false
	if err := r.names(func(name string) bool {
		id = id || name == "id"
		record, member := strings.CutPrefix(name, "record.")
		return slices.Contains([]string{"key", "id", "op", "today", "now"}, name) || member && record != ""
	}); err != nil {
		return &connector.FieldError{Field: block, Problem: strings.TrimPrefix(err.Error(), "fill in the template: "), Hint: "a request knows {key}, {id}, {op}, {today}, {now} and mapped fields as {record.x}"}
	}
	switch {
	case id && (block == "create" || block == "find"):
		return &connector.FieldError{Field: block, Problem: "can't hold {id}: it is known once a record was created", Hint: "write {key} or a mapped field, {record.x}"}
	case id && c.Answer == nil:
		return &connector.FieldError{Field: "answer", Problem: "is missing: {id} is taken from it", Hint: "write answer = jq(\"{id}\") with what the answer to create calls it"}
	}
	return nil
}

func open(ctx context.Context, c Config, env connector.Env) (connector.Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	client, err := httpclient.For(ctx, c.Connection)
	if err != nil {
		return nil, err
	}
	s := &sink{config: c, client: client, env: env, requests: map[string]*request{}, unsent: map[string]bool{}, taken: map[string]record.Key{}}
	for _, f := range env.Shape.Fields {
		if !f.Send {
			s.unsent[f.Name] = true
		}
	}
	c.requests(func(block string, r *request) { s.requests[block] = r })
	if c.Find == nil {
		return s, nil
	}
	return &findingSink{s}, nil
}
