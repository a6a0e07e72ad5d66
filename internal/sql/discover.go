package sql

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"koppel/engine/connector"
)

// A Catalog is a Dialect that lists the tables of a database.
type Catalog interface {
	// List lists the tables and views that can be read, without those of the
	// database itself, ordered by schema and name. A table that is found without
	// its schema has none in its name.
	List(c Conn) ([]Listed, error)
	// Comments gives what people wrote about a table that Describe gave, by the
	// name of the column; that about the table itself under "".
	Comments(c Conn, t *Table) (map[string]string, error)
	// Bytes tells whether a column holds bytes, which no record carries.
	Bytes(c *Column) bool
}

// A Listed is a table or view in a list.
type Listed struct {
	Name    Name
	View    bool
	Comment string
	Columns int
	Key     []string // of the primary key
}

// Discover lists the tables and views of the database.
func (db *DB) Discover(ctx context.Context) ([]connector.Collection, error) {
	var list []connector.Collection
	err := db.look(ctx, func(c Conn, catalog Catalog) error {
		tables, err := catalog.List(c)
		list = nil
		for _, t := range tables {
			list = append(list, connector.Collection{
				Name: written(t.Name), Label: t.Comment, Type: typeOf(t.View), Count: t.Columns, Key: t.Key,
			})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return list, nil
}

// Describe describes a table or view, and how a source reads it.
func (db *DB) Describe(ctx context.Context, name string) (connector.Collection, error) {
	var found connector.Collection
	parsed, err := db.Dialect.ParseName(name)
	if err != nil {
		return found, fmt.Errorf("table name %q %w: %w", name, err, connector.ErrNoCollection)
	}
	err = db.look(ctx, func(c Conn, catalog Catalog) error {
		t, err := db.Dialect.Describe(c, parsed)
		if err != nil {
			return err
		}
		if t == nil {
			return connector.ErrNoCollection
		}
		comments, err := catalog.Comments(c, t)
		if err != nil {
			return err
		}
		if parsed.Schema == "" {
			t.Name.Schema = ""
		}
		found = describe(db.Dialect, catalog, t, comments)
		return nil
	})
	if err != nil {
		return found, fmt.Errorf("describe table %q: %w", name, err)
	}
	return found, nil
}

// lookRepeats bounds how often a look starts over.
const lookRepeats = 3

// look opens a connection for reading at one snapshot, and again where that can
// be repeated: f starts over.
func (db *DB) look(ctx context.Context, f func(Conn, Catalog) error) error {
	catalog, ok := db.Dialect.(Catalog)
	if !ok {
		return connector.ErrUndiscoverable
	}
	return Repeat(ctx, lookRepeats, func() error {
		c, err := db.Open(ctx, Read)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.Begin(ctx, false); err != nil {
			return err
		}
		defer c.Rollback()
		return f(c, catalog)
	})
}

func describe(d Dialect, catalog Catalog, t *Table, comments map[string]string) connector.Collection {
	c := connector.Collection{
		Name: written(t.Name), Label: comments[""], Type: typeOf(t.View), Count: len(t.Columns), Kind: "sql",
		Key: t.key(), Cursor: t.changed(),
	}
	for _, x := range t.Unique {
		if !slices.Equal(x.Columns, c.Key) {
			c.Unique = append(c.Unique, x.Columns)
		}
	}
	var readable []string
	for i := range t.Columns {
		column := &t.Columns[i]
		f := connector.Field{Name: column.Name, Label: comments[column.Name], Type: column.Type,
			Nullable: !column.NotNull && !slices.Contains(c.Key, column.Name)}
		if catalog.Bytes(column) {
			f.Unreadable = "it holds bytes"
		} else {
			readable = append(readable, column.Name)
		}
		c.Fields = append(c.Fields, f)
	}
	if len(readable) == len(t.Columns) || len(readable) == 0 {
		c.Arguments = []connector.Argument{{Name: "table", Value: c.Name}}
		return c
	}
	c.Arguments = []connector.Argument{{Name: "query", Value: Select(d, t, readable, nil)}}
	c.Notes = []string{"The query leaves out columns of bytes, which no record carries."}
	if c.Cursor != "" {
		c.Notes = append(c.Notes, "With incremental the query ends in: WHERE "+d.Quote(c.Cursor)+" >= :cursor")
	}
	return c
}

func typeOf(view bool) string {
	if view {
		return "view"
	}
	return "table"
}

// written is a name as ParseName reads it.
func written(n Name) string {
	part := func(s string) string {
		if strings.HasPrefix(s, `"`) || strings.Contains(s, ".") {
			return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
		}
		return s
	}
	if n.Schema == "" {
		return part(n.Table)
	}
	return part(n.Schema) + "." + part(n.Table)
}

// key gives the columns of the first unique index without nulls: the primary
// key, if there is one.
func (t *Table) key() []string {
	switch {
	case len(t.Primary) > 0:
		return t.Primary
	case t.Stable:
		return t.Handle
	}
	for _, x := range t.Unique {
		if !slices.ContainsFunc(x.Columns, func(name string) bool { c := t.Column(name); return c == nil || !c.NotNull }) {
			return x.Columns
		}
	}
	return nil
}

// changed finds the column that seems to hold when a row was last changed: by
// its name, where its type holds a date with a time, or text.
func (t *Table) changed() string {
	best, words := "", changeWords()
	for i := range t.Columns {
		c := &t.Columns[i]
		if !c.holdsMoment() {
			continue
		}
		name := strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(c.Name))
		if strings.HasSuffix(name, "by") || strings.HasSuffix(name, "door") || strings.Contains(name, "user") {
			continue // who, not when
		}
		for n, word := range words {
			if strings.Contains(name, word) {
				best, words = c.Name, words[:n]
				break
			}
		}
	}
	return best
}

// changeWords are parts of the names of such columns, the surest first.
func changeWords() []string {
	return []string{
		"modified", "updated", "changed", "lastmod", "lastupd", "lastchange", "mutat", "gewijzigd", "wijziging", "geaendert", "geändert",
		"updatetime", "changetime", "modtime", "changedate", "updatedate", "moddate",
	}
}

// holdsMoment tells by its type whether a column can hold a date with a time.
func (c *Column) holdsMoment() bool {
	up := strings.ToUpper(c.Type)
	if strings.Contains(up, "TIMESTAMP") || strings.Contains(up, "DATE") {
		return true
	}
	return (c.Class == Texts || c.Class == Any) && !strings.Contains(up, "BLOB") && !c.JSON && !c.Boolean
}
