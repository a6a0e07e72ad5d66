package view

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"koppel/engine/connector"
)

// Collections is what `koppel discover CONNECTION --json` prints.
type Collections struct {
	FormatVersion string              `json:"format_version" doc:"version of this output"`
	Connection    string              `json:"connection" doc:"address, such as connection.sqlite.reception"`
	Kind          string              `json:"kind" doc:"of the connection"`
	Collections   []CollectionSummary `json:"collections" doc:"what it holds"`
}

// CollectionSummary is one of Collections.
type CollectionSummary struct {
	Name   string   `json:"name" doc:"as a source names it"`
	Label  string   `json:"label" doc:"in words, as the system has it; may be empty"`
	Type   string   `json:"type" doc:"such as table or view"`
	Fields int      `json:"fields" doc:"how many; 0: not known"`
	Key    []string `json:"key" doc:"fields of the declared key; []: none"`
}

// NewCollections sums up what a connection holds.
func NewCollections(address, kind string, all []connector.Collection) Collections {
	c := Collections{FormatVersion: FormatVersion, Connection: address, Kind: kind, Collections: []CollectionSummary{}}
	for _, x := range all {
		c.Collections = append(c.Collections, CollectionSummary{Name: x.Name, Label: x.Label, Type: x.Type, Fields: x.Count, Key: list(x.Key)})
	}
	return c
}

// WriteText writes a line for each collection.
func (c Collections) WriteText(w io.Writer) error {
	if len(c.Collections) == 0 {
		_, err := fmt.Fprintf(w, "%s holds nothing that can be read.\n", Clean(c.Connection))
		return err
	}
	table := [][]string{}
	for _, x := range c.Collections {
		fields, key := "", ""
		if x.Fields > 0 {
			fields = plural(int64(x.Fields), "field")
		}
		if len(x.Key) > 0 {
			key = "key " + strings.Join(x.Key, ", ")
		}
		table = append(table, []string{x.Name, x.Type, fields, key, x.Label})
	}
	_, err := io.WriteString(w, aligned("", table))
	return err
}

// Discovered is what `koppel discover CONNECTION NAME --json` prints.
type Discovered struct {
	FormatVersion string            `json:"format_version" doc:"version of this output"`
	Connection    string            `json:"connection" doc:"address, such as connection.sqlite.reception"`
	Name          string            `json:"name" doc:"as a source names it"`
	Label         string            `json:"label" doc:"in words, as the system has it; may be empty"`
	Type          string            `json:"type" doc:"such as table or view"`
	Key           []string          `json:"key" doc:"fields of the declared key; []: none"`
	Unique        [][]string        `json:"unique" doc:"other sets of fields that are unique together"`
	Cursor        string            `json:"cursor" doc:"field that seems to hold when a record was last changed; may be empty"`
	Fields        []DiscoveredField `json:"fields" doc:"in the order of the system"`
	HCL           string            `json:"hcl" doc:"a source and a pipeline that read it, ready for a file of the project"`
}

// DiscoveredField is one field of a Discovered.
type DiscoveredField struct {
	Name       string `json:"name" doc:"as the system has it"`
	Label      string `json:"label" doc:"in words, as the system has it; may be empty"`
	Type       string `json:"type" doc:"as the system says; may be empty"`
	Nullable   bool   `json:"nullable" doc:"it may be null"`
	Key        bool   `json:"key" doc:"it is part of the key"`
	Unique     bool   `json:"unique" doc:"no two records share its value"`
	Unreadable string `json:"unreadable" doc:"why no record can carry it, and the map leaves it out; empty: one can"`
}

// NewDiscovered shows a collection, with HCL that reads it.
func NewDiscovered(address string, c connector.Collection, hcl []byte) Discovered {
	d := Discovered{
		FormatVersion: FormatVersion, Connection: address, Name: c.Name, Label: c.Label, Type: c.Type, Cursor: c.Cursor,
		Key: list(c.Key), Unique: list(c.Unique), Fields: []DiscoveredField{}, HCL: string(hcl),
	}
	for _, f := range c.Fields {
		single := func(set []string) bool { return len(set) == 1 && set[0] == f.Name }
		d.Fields = append(d.Fields, DiscoveredField{
			Name: f.Name, Label: f.Label, Type: f.Type, Nullable: f.Nullable, Unreadable: f.Unreadable,
			Key: slices.Contains(c.Key, f.Name), Unique: single(c.Key) || slices.ContainsFunc(c.Unique, single),
		})
	}
	return d
}

// WriteText writes the fields as comments and the HCL behind them, so that all
// of it can go into a file of the project.
func (d Discovered) WriteText(w io.Writer) error {
	title := fmt.Sprintf("%s %s of %s, %s", d.Type, d.Name, d.Connection, plural(int64(len(d.Fields)), "field"))
	if d.Label != "" {
		title += ": " + d.Label
	}
	table := [][]string{}
	for _, f := range d.Fields {
		table = append(table, []string{f.Name, f.Type, f.null(), f.role(), f.Label})
	}
	text := "# " + Clean(title) + "\n#\n" + aligned("#   ", table)
	for _, set := range d.Unique {
		if len(set) > 1 {
			text += "#   unique together: " + Clean(strings.Join(set, ", ")) + "\n"
		}
	}
	_, err := io.WriteString(w, text+"\n"+d.HCL)
	return err
}

func (f DiscoveredField) null() string {
	if f.Nullable {
		return "null"
	}
	return "not null"
}

// role is what a field is for, in a word.
func (f DiscoveredField) role() string {
	switch {
	case f.Key:
		return "key"
	case f.Unreadable != "":
		return "left out: " + f.Unreadable
	case f.Unique:
		return "unique"
	}
	return ""
}

// aligned writes lines whose cells begin below each other, without blanks at
// the end and without columns that are empty in all lines.
func aligned(indent string, table [][]string) string {
	widths := make([]int, 8)
	for _, line := range table {
		for i, cell := range line {
			line[i] = Clean(cell)
			widths[i] = max(widths[i], columns(line[i]))
		}
	}
	var b strings.Builder
	for _, line := range table {
		text := indent
		for i, cell := range line {
			if widths[i] > 0 {
				text += pad(cell, widths[i]+2)
			}
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	return b.String()
}
