package afas

import (
	"context"
	"fmt"
	"strings"

	"koppel/engine/connector"
)

// Discover lists the connectors that the token may use: those that give rows,
// then those that take records.
func (c *Client) Discover(ctx context.Context) ([]connector.Collection, error) {
	m, err := c.Metainfo(ctx)
	if err != nil {
		return nil, err
	}
	var list []connector.Collection
	for _, l := range m.Get {
		list = append(list, connector.Collection{Name: l.ID, Label: labelOf(l), Type: "GetConnector"})
	}
	for _, l := range m.Update {
		list = append(list, connector.Collection{Name: l.ID, Label: labelOf(l), Type: "UpdateConnector"})
	}
	return list, nil
}

// labelOf is a description that says more than the name.
func labelOf(l Listed) string {
	if l.Description == l.ID {
		return ""
	}
	return l.Description
}

// Describe tells the columns of a GetConnector, or the fields of an
// UpdateConnector.
func (c *Client) Describe(ctx context.Context, name string) (connector.Collection, error) {
	m, err := c.Metainfo(ctx)
	if err != nil {
		return connector.Collection{}, err
	}
	for _, l := range m.Get {
		if l.ID == name {
			return c.describeGet(ctx, l)
		}
	}
	for _, l := range m.Update {
		if l.ID == name {
			return c.describeUpdate(ctx, l)
		}
	}
	return connector.Collection{}, fmt.Errorf("describe %q: %w", name, connector.ErrNoCollection)
}

func (c *Client) describeGet(ctx context.Context, l Listed) (connector.Collection, error) {
	g, err := c.GetConnector(ctx, l.ID)
	if err != nil {
		return connector.Collection{}, err
	}
	found := connector.Collection{
		Name: l.ID, Label: labelOf(l), Type: "GetConnector", Count: len(g.Fields), Kind: "afas_get",
		Arguments: []connector.Argument{{Name: "connector", Value: l.ID}},
		Notes: []string{
			"AFAS does not say which columns are unique together. The key is also the order in which pages are read,",
			"so rows are lost or doubled when it is not unique: name all columns that it takes.",
		},
		Cursor: changedField(g),
	}
	times := false
	for _, f := range g.Fields {
		times = times || f.Type == "date"
		found.Fields = append(found.Fields, connector.Field{Name: f.ID, Label: f.Label, Type: f.typeText(), Nullable: true})
	}
	if times {
		found.Notes = append(found.Notes, `Times are those of Amsterdam in spite of their Z: write datetime(src.X, "Europe/Amsterdam").`)
	}
	return found, nil
}

// typeText is the type with its size.
func (f *GetField) typeText() string {
	switch {
	case f.Type == "string" && f.Length > 0:
		return fmt.Sprintf("string(%d)", f.Length)
	case f.Type == "decimal" && f.Decimals > 0:
		return fmt.Sprintf("decimal(%d)", f.Decimals)
	}
	return f.Type
}

// changedField finds the column that seems to hold when a row was last changed:
// by its label or name.
func changedField(g *GetConnector) string {
	for _, word := range []string{"gewijzigd op", "modified", "gewijzigd", "changed", "mutatie"} {
		for _, f := range g.Fields {
			if f.Type == "date" && (strings.Contains(strings.ToLower(f.Label), word) || strings.Contains(strings.ToLower(f.ID), word)) {
				return f.ID
			}
		}
	}
	return ""
}

func (c *Client) describeUpdate(ctx context.Context, l Listed) (connector.Collection, error) {
	u, err := c.UpdateConnector(ctx, l.ID)
	if err != nil {
		return connector.Collection{}, err
	}
	found := connector.Collection{
		Name: l.ID, Label: labelOf(l), Type: "UpdateConnector", Count: len(u.Fields), Kind: "afas_update", Sink: true,
		Arguments: []connector.Argument{{Name: "connector", Value: l.ID}},
	}
	if u.Root() != l.ID {
		found.Arguments = append(found.Arguments, connector.Argument{Name: "root", Value: u.Root()})
	}
	for _, f := range u.Fields {
		if f.PrimaryKey {
			found.Key = append(found.Key, f.ID)
		}
		found.Fields = append(found.Fields, connector.Field{
			Name: f.ID, Label: f.Label, Type: (&GetField{Type: f.Type, Length: f.Length, Decimals: f.Decimals}).typeText(),
			Nullable: !f.Mandatory && !f.PrimaryKey,
		})
	}
	for _, o := range u.Objects {
		found.Fields = append(found.Fields, connector.Field{Name: o.Root(), Label: o.Description, Type: "object", Nullable: true})
		found.Notes = append(found.Notes, fmt.Sprintf("%s is an object of its own: child %q {%s}", o.Root(), o.Root(), keysOf(&o)))
	}
	found.Notes = append(found.Notes,
		"find names a GetConnector that shows what AFAS holds: it is asked when the answer to a call was lost.")
	return found, nil
}

func keysOf(u *UpdateConnector) string {
	var keys []string
	for _, f := range u.Fields {
		if f.PrimaryKey {
			keys = append(keys, fmt.Sprintf("%q", f.ID))
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return " keys = [" + strings.Join(keys, ", ") + "] "
}
