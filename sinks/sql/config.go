// Package sql is the sink kind sql: rows of a table, one for each record.
package sql

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"koppel/engine/connector"
	"koppel/internal/sql"
)

// Config are the arguments of a sql sink.
type Config struct {
	Connection connector.Connection `hcl:"connection" doc:"the database"`
	Table      string               `hcl:"table" doc:"the table, also as schema.table; a name with a dot of its own goes in double quotes"`
	Key        []string             `hcl:"key,optional" doc:"columns that hold the pipeline's key; default: the mapped fields whose expressions are the key, else a column key"`
	Match      []string             `hcl:"match,optional" doc:"mapped fields by which an earlier row without our key is adopted"`
	Answer     []string             `hcl:"answer,optional" doc:"columns read back after a write, for NAME.target"`
	Rows       any                  `hcl:"rows,optional" doc:"constants by column: part of the key, written to every row, and the bound of every read, update and delete"`
	Create     bool                 `hcl:"create,optional" doc:"make a missing table, and a missing SQLite file, on the first write; default true"`
}

// Kind is the sink kind sql.
func Kind() connector.Kind[connector.Sink] {
	k := connector.Define("sql", "Rows of a database table: created, updated (only what changed) and deleted by key.",
		Config{Create: true}, open)
	k.Connections = sql.Kinds()
	k.Static = connector.Traits{Deletes: true, Undoable: true}
	k.Version = 1
	return k
}

// Validate checks names and rows.
func (c *Config) Validate() error {
	if c.Table == "" {
		return &connector.FieldError{Field: "table", Problem: "is empty"}
	}
	constants, err := c.constants()
	if err != nil {
		return err
	}
	for _, list := range []struct {
		field string
		names []string
	}{{"key", c.Key}, {"match", c.Match}, {"answer", c.Answer}} {
		seen := map[string]bool{}
		for _, n := range list.names {
			if n == "" || seen[strings.ToLower(n)] {
				return &connector.FieldError{Field: list.field, Problem: fmt.Sprintf("names %q twice or not at all", n)}
			}
			seen[strings.ToLower(n)] = true
		}
	}
	for _, r := range constants {
		if slices.Contains(c.Match, r.column) {
			return &connector.FieldError{Field: "match", Problem: fmt.Sprintf("names %q, which rows sets", r.column)}
		}
	}
	return nil
}

// A constant is one column of rows.
type constant struct {
	column string
	value  sql.Value
}

// constants gives rows sorted by column.
func (c *Config) constants() ([]constant, error) {
	if c.Rows == nil {
		return nil, nil
	}
	values, ok := c.Rows.(map[string]any)
	if !ok {
		return nil, &connector.FieldError{Field: "rows", Problem: "is no object of columns and values", Hint: `write rows = { tenant = "acme" }`}
	}
	var out []constant
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v, err := sql.FromAny(values[name])
		if err != nil {
			return nil, &connector.FieldError{Field: "rows", Problem: fmt.Sprintf("has a value for %q that can't be stored: %v", name, err)}
		}
		if name == "" || v.Kind == sql.Null || v.Kind == sql.JSON {
			return nil, &connector.FieldError{Field: "rows", Problem: fmt.Sprintf("has no text, number or boolean for %q", name)}
		}
		v.Text = slices.Clone(v.Text)
		out = append(out, constant{name, v})
	}
	return out, nil
}

// Bounds tells which rows of which table the sink owns: target is equal for
// two sinks into one table, and rows are the constants. Two sinks with one
// target must differ in the value of some column that both have in rows.
func (c *Config) Bounds() (target string, rows map[string]any) {
	rows, _ = c.Rows.(map[string]any)
	target = c.Connection.Address
	if d, ok := c.Connection.Config.(sql.Located); ok {
		if at := d.Locate(c.Table); at != "" {
			return at, rows
		}
	}
	return target + " " + c.Table, rows
}

func open(ctx context.Context, c Config, env connector.Env) (connector.Sink, error) {
	if c.Connection.Get == nil {
		return nil, &connector.FieldError{Field: "connection", Problem: "is missing"}
	}
	conn, err := c.Connection.Get(ctx)
	if err != nil {
		return nil, err
	}
	db, ok := conn.(*sql.DB)
	if !ok {
		return nil, fmt.Errorf("open sql sink: connection %s is no database", c.Connection.Address)
	}
	return newSink(c, db, env)
}
