// Package graphevents is the source kind graph_events: the meetings in the
// calendars of a Microsoft 365 tenant.
package graphevents

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/internal/graph"
)

// Config are the arguments of a graph_events source.
type Config struct {
	Connection connector.Connection `hcl:"connection" doc:"the tenant"`
	Mailboxes  connector.Selection  `hcl:"mailboxes" doc:"whose calendars are read: a list of ids or addresses, the id of a group (its members, those of groups in it included), or a source or pipeline whose records name them"`
	Mailbox    string               `hcl:"mailbox,optional" doc:"the field of the records of mailboxes, where that is a source or pipeline, that names the mailbox"`
	Past       connector.Duration   `hcl:"past,optional" doc:"how long a meeting stays after its end; then it is forgotten, neither deleted nor cancelled"`
	Future     connector.Duration   `hcl:"future,optional" doc:"how far ahead meetings are read"`
	Category   string               `hcl:"category,optional" doc:"only meetings that carry this category, whatever its case and the blanks around it; one that loses it is gone"`
	Select     []string             `hcl:"select,optional" doc:"the properties that are read, beside id, iCalUId, type, seriesMasterId, start, end, isAllDay, categories, isCancelled, sensitivity; default: subject, location, organizer, attendees, showAs, isOrganizer, isOnlineMeeting, onlineMeeting"`
	Delta      bool                 `hcl:"delta,optional" doc:"ask each mailbox first whether anything changed (a delta query), and read only those calendars in which something did"`
	FullEvery  connector.Duration   `hcl:"full_every,optional" doc:"with delta: how long after a complete full read the next one is due"`
	Private    string               `hcl:"private,optional" oneof:"mask skip keep" doc:"what becomes of private and confidential meetings: mask leaves times, organizer and categories, and empties all else"`
}

// Kind is the source kind graph_events.
func Kind() connector.Kind[connector.Source] {
	const day = connector.Duration(24 * time.Hour)
	k := connector.Define("graph_events", "Meetings in the calendars of a Microsoft 365 tenant, in a window that moves with the clock; each mailbox is a partition.",
		Config{Mailbox: "id", Past: day, Future: 30 * day, FullEvery: day, Private: "mask"}, open)
	k.Connections = []connector.Kind[any]{graph.Kind()}
	k.DefaultKey, k.Version = []string{"mailbox", "id"}, 1
	return k
}

var property = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate checks the arguments.
func (c *Config) Validate() error {
	m := c.Mailboxes
	switch {
	case m.From == "" && m.Text == "" && m.List == nil:
		return &connector.FieldError{Field: "mailboxes", Problem: "is empty", Hint: "give a list of mailboxes, the id of a group, or a source or pipeline"}
	case strings.Contains(m.Text, "@"):
		return &connector.FieldError{Field: "mailboxes", Problem: fmt.Sprintf("is %q, which is no id of a group", m.Text), Hint: fmt.Sprintf("a mailbox stands in a list: [%q]", m.Text)}
	case slices.ContainsFunc(m.List, func(box string) bool { return strings.TrimSpace(box) == "" }):
		return &connector.FieldError{Field: "mailboxes", Problem: "lists an empty text"}
	case c.Mailbox == "":
		return &connector.FieldError{Field: "mailbox", Problem: "is empty", Hint: `write such as mailbox = "id"`}
	case c.Past < 0 || c.Future < 0:
		return &connector.FieldError{Field: "past", Problem: "or future is negative"}
	case c.FullEvery < 0:
		return &connector.FieldError{Field: "full_every", Problem: "is negative"}
	case c.Past+c.Future <= 0:
		return &connector.FieldError{Field: "future", Problem: "leaves no window", Hint: `write such as future = "30d"`}
	}
	for _, name := range c.Select {
		if !property.MatchString(name) {
			return &connector.FieldError{Field: "select", Problem: fmt.Sprintf("names %q, which is no property", name), Hint: `write such as select = ["subject", "attendees"]`}
		}
	}
	return nil
}

// Increments tells that a mailbox may have nothing new to tell.
func (c *Config) Increments() *connector.Incremental {
	if !c.Delta {
		return nil
	}
	return &connector.Incremental{FullEvery: c.FullEvery}
}

// NoticedBy is the connection: Graph tells of changes in the calendar of each
// mailbox.
func (c *Config) NoticedBy() string { return c.Connection.Address }

// Window tells the engine which meetings count: those a part of which lies in
// it.
func (c *Config) Window() connector.Window {
	return connector.Window{Field: "start.dateTime", End: "end.dateTime", Past: c.Past, Future: c.Future}
}

// needed are the properties without which a meeting can't be judged.
func needed() []string {
	fields, _ := graph.EventFields()
	return graph.Names(fields)
}

// properties are those that are read.
func (c *Config) properties() []string {
	needed, usual := graph.EventFields()
	list := c.Select
	if len(list) == 0 {
		list = graph.Names(usual)
	}
	all := graph.Names(needed)
	for _, name := range list {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
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
