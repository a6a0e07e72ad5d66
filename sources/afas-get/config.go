// Package afasget is the source kind afas_get: the rows of a GetConnector.
package afasget

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"koppel/engine/connector"
	"koppel/internal/afas"
)

// Config are the arguments of an afas_get source.
type Config struct {
	Connection  connector.Connection   `hcl:"connection" doc:"the environment of AFAS"`
	Connector   string                 `hcl:"connector" doc:"the GetConnector, by its name in the app connector; capitals count"`
	Filter      []Condition            `hcl:"filter,optional" doc:"a list of { field, op, value } that must all hold; op is one of = != > >= < <= contains not_contains starts_with not_starts_with ends_with not_ends_with is_empty is_not_empty quick, = when it is left out; times are those of Amsterdam, or carry an offset"`
	AnyOf       [][]Condition          `hcl:"any_of,optional" doc:"a list of such lists, of which one must hold, beside filter"`
	PageSize    int                    `hcl:"page_size,optional" doc:"rows of one call; default: as many as stay below 150,000 cells, which AFAS advises, and at most 100 where a column holds files or long texts"`
	Incremental *connector.Incremental `hcl:"incremental,block" doc:"read only what changed: cursor names the columns that show when something changed (all that the row is made of), of which any may have moved; overlap is at least 2s, default 1m; a delete shows only in a full read, so give full_every"`
}

// A Condition compares one column with a value.
type Condition struct {
	Field string `hcl:"field" doc:"the column"`
	Op    string `hcl:"op,optional" doc:"the comparison"`
	Value any    `hcl:"value,optional" doc:"a text, number or boolean"`
}

// Kind is the source kind afas_get. Rows are as AFAS gives them: empty columns
// are null, codes keep their zeros, and times carry a Z that is not true: they
// are those of Amsterdam.
func Kind() connector.Kind[connector.Source] {
	k := connector.Define("afas_get", "Rows of a GetConnector of AFAS Profit, by pages in the order of the key, which must be unique.", Config{}, open)
	k.Connections = []connector.Kind[any]{afas.Kind()}
	k.NeedsKey, k.Version, k.Zone = true, 1, afas.Zone
	return k
}

// Validate checks the arguments.
func (c *Config) Validate() error {
	if c.Connector == "" {
		return &connector.FieldError{Field: "connector", Problem: "is empty"}
	}
	if c.PageSize < 0 || c.PageSize == 1 {
		return &connector.FieldError{Field: "page_size", Problem: "is not 2 or more", Hint: "each page begins with the last row of the one before, to prove that nothing is lost between them"}
	}
	for i, list := range append([][]Condition{c.Filter}, c.AnyOf...) {
		field := "any_of"
		if i == 0 {
			field = "filter"
		}
		for _, one := range list {
			if err := one.validate(field); err != nil {
				return err
			}
		}
	}
	if slices.ContainsFunc(c.AnyOf, func(list []Condition) bool { return len(list) == 0 }) {
		return &connector.FieldError{Field: "any_of", Problem: "has an empty list, which every row fits", Hint: "leave the empty list out"}
	}
	return c.validateCursor()
}

func (c *Config) validateCursor() error {
	if c.Incremental == nil {
		return nil
	}
	if len(c.Incremental.Cursor) == 0 || slices.Contains(c.Incremental.Cursor, "") {
		return &connector.FieldError{Field: "incremental.cursor", Problem: "names no field", Hint: `write such as cursor = ["ModifiedDate"]`}
	}
	if c.Incremental.Overlap < 0 {
		return &connector.FieldError{Field: "incremental.overlap", Problem: "is negative"}
	}
	return nil
}

func (c *Condition) validate(argument string) error {
	problem := func(format string, args ...any) error {
		return &connector.FieldError{Field: argument, Problem: fmt.Sprintf(format, args...), Hint: `write such as { field = "Blocked", op = "=", value = false }`}
	}
	op := c.operator()
	switch {
	case c.Field == "":
		return problem("has a condition without a field")
	case !afas.IsOperator(op):
		return &connector.FieldError{Field: argument, Problem: fmt.Sprintf("compares %s by %q, which is no comparison", c.Field, op), Hint: "there are " + strings.Join(afas.Operators(), " ")}
	case !afas.NeedsValue(op) && c.Value != nil && c.Value != "":
		return problem("gives %s a value, and %s takes none", c.Field, op)
	case afas.NeedsValue(op) && c.Value == nil:
		return problem("gives %s no value; to ask for empty ones write op = \"is_empty\"", c.Field)
	}
	if _, ok := c.text(); !ok {
		return problem("gives %s a value that is no text, number or boolean", c.Field)
	}
	return nil
}

func (c *Condition) operator() string {
	if c.Op == "" {
		return "="
	}
	return c.Op
}

// text is the value as a filter has it.
func (c *Condition) text() (string, bool) {
	switch v := c.Value.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

// filter makes the filter of the arguments for the columns of a connector.
func (c *Config) filter(g *afas.GetConnector) afas.Or {
	conditions := func(list []Condition) []afas.Condition {
		var out []afas.Condition
		for _, one := range list {
			text, _ := one.text()
			if f := g.Field(one.Field); f != nil && f.Type == "date" {
				text = afas.FilterTime(text)
			}
			out = append(out, afas.Condition{Field: one.Field, Op: one.operator(), Value: text})
		}
		return out
	}
	var all, anyOf afas.Or
	if len(c.Filter) > 0 {
		all = afas.Or{conditions(c.Filter)}
	}
	for _, list := range c.AnyOf {
		anyOf = append(anyOf, conditions(list))
	}
	return all.And(anyOf)
}

func open(ctx context.Context, c Config, env connector.Env) (connector.Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if len(env.Key) == 0 {
		return nil, &connector.FieldError{
			Field: "key", Problem: "is missing: name the columns that are unique together; without an order AFAS gives pages in any, and rows get lost between them",
		}
	}
	if c.Connection.Get == nil {
		return nil, &connector.FieldError{Field: "connection", Problem: "is missing"}
	}
	client, err := afas.For(ctx, c.Connection)
	if err != nil {
		return nil, err
	}
	return &source{config: c, client: client, env: env}, nil
}
