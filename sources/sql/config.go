// Package sql is the source kind sql: the rows of a query or a table.
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

// Config are the arguments of a sql source.
type Config struct {
	Connection  connector.Connection   `hcl:"connection" doc:"the database"`
	Query       string                 `hcl:"query,optional" doc:"a query; :name stands for a value of params, :cursor for where the last read ended, :from and :to for the window"`
	Table       string                 `hcl:"table,optional" doc:"a table or view that is read whole, also as schema.table; a name with a dot of its own goes in double quotes"`
	Params      any                    `hcl:"params,optional" doc:"values by name, for the query; a list or an object is bound as JSON text"`
	Incremental *connector.Incremental `hcl:"incremental,block" doc:"read only what changed; with a query, the query uses :cursor (of several cursor fields the first, the others as :cursor_NAME)"`
}

// Kind is the source kind sql. Columns become members in their order: integers
// with all digits, doubles with the fewest digits that mean the same, NULL as
// null, text as it is (JSON and dates too), a column declared BOOLEAN as true
// and false. Bytes and text that is not UTF-8 end the read with an error.
func Kind() connector.Kind[connector.Source] {
	k := connector.Define("sql", "Rows of a database: a query or a table, read in one snapshot.", Config{}, open)
	k.Connections = sql.Kinds()
	k.Version = 1
	return k
}

// Validate checks the arguments and the query's placeholders.
func (c *Config) Validate() error {
	switch {
	case c.Query == "" && c.Table == "":
		return &connector.FieldError{Field: "query", Problem: "is missing, and so is table", Hint: "give one of the two"}
	case c.Query != "" && c.Table != "":
		return &connector.FieldError{Field: "table", Problem: "is given beside query", Hint: "give one of the two"}
	}
	if err := c.validateCursor(); err != nil {
		return err
	}
	params, err := c.params()
	if err != nil {
		return err
	}
	if c.Query == "" {
		if len(params) > 0 {
			return &connector.FieldError{Field: "params", Problem: "is for a query, and this source reads a table"}
		}
		return nil
	}
	return c.validateQuery(params)
}

func (c *Config) validateCursor() error {
	if c.Incremental == nil {
		return nil
	}
	if len(c.Incremental.Cursor) == 0 || slices.Contains(c.Incremental.Cursor, "") {
		return &connector.FieldError{Field: "cursor", Problem: "names no field"}
	}
	if c.Incremental.Overlap < 0 {
		return &connector.FieldError{Field: "overlap", Problem: "is negative"}
	}
	return nil
}

// validateQuery finds placeholders without a value, and the reverse.
func (c *Config) validateQuery(params map[string]any) error {
	q := sql.ParseQuery(c.Query, sql.SyntaxOf(c.Connection.Kind), func(int) string { return "?" })
	used := map[string]bool{}
	cursor := false
	for _, name := range q.Names {
		used[name] = true
		_, given := params[name]
		switch {
		case c.cursorField(name) >= 0:
			cursor = true
		case name == "cursor":
			return &connector.FieldError{Field: "query", Problem: "uses :cursor, and there is no incremental block"}
		case name == "from" || name == "to" || given:
		default:
			return &connector.FieldError{Field: "query", Problem: fmt.Sprintf("uses :%s, and params has no %s", name, name)}
		}
	}
	if c.Incremental != nil && !cursor {
		return &connector.FieldError{Field: "query", Problem: "does not use :cursor, and there is an incremental block", Hint: "write such as: where modified > :cursor"}
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if !used[name] {
			return &connector.FieldError{Field: "params", Problem: fmt.Sprintf("has %q, which the query does not use", name)}
		}
	}
	return nil
}

// cursorField tells which cursor field a placeholder stands for: -1 for none.
func (c *Config) cursorField(placeholder string) int {
	if c.Incremental == nil {
		return -1
	}
	if placeholder == "cursor" {
		return 0
	}
	name, ok := strings.CutPrefix(placeholder, "cursor_")
	if !ok {
		return -1
	}
	return slices.Index(c.Incremental.Cursor, name)
}

func (c *Config) params() (map[string]any, error) {
	if c.Params == nil {
		return nil, nil
	}
	params, ok := c.Params.(map[string]any)
	if !ok {
		return nil, &connector.FieldError{Field: "params", Problem: "is no object of names and values", Hint: `write params = { kind = "x" }`}
	}
	for name := range params {
		if name == "cursor" || strings.HasPrefix(name, "cursor_") {
			return nil, &connector.FieldError{Field: "params", Problem: fmt.Sprintf("has %q, a name kept for incremental reads", name)}
		}
	}
	return params, nil
}

func open(ctx context.Context, c Config, env connector.Env) (connector.Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Connection.Get == nil {
		return nil, &connector.FieldError{Field: "connection", Problem: "is missing"}
	}
	conn, err := c.Connection.Get(ctx)
	if err != nil {
		return nil, err
	}
	db, ok := conn.(*sql.DB)
	if !ok {
		return nil, fmt.Errorf("open sql source: connection %s is no database", c.Connection.Address)
	}
	return &source{config: c, db: db, env: env}, nil
}
