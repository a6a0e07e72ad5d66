package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"koppel/engine/connector"
)

// The types of properties, for people.
const (
	text, flag             = "text", "true or false"
	texts, object, objects = "list of text", "object", "list of objects"
)

// UserFields are the properties of users that are read by default, beside id.
// Graph's own choice lacks accountEnabled, userType and department.
func UserFields() []connector.Field {
	return slices.Concat(
		fieldsOf(text, "displayName", "givenName", "surname", "mail", "userPrincipalName"), fieldsOf(flag, "accountEnabled"),
		fieldsOf(text, "userType", "jobTitle", "department", "companyName", "officeLocation"), fieldsOf(texts, "businessPhones"),
		fieldsOf(text, "mobilePhone", "employeeId", "preferredLanguage"))
}

// GroupFields are the properties of groups that are read by default, beside id
// and members.
func GroupFields() []connector.Field {
	return slices.Concat(fieldsOf(text, "displayName", "description", "mail"), fieldsOf(flag, "mailEnabled", "securityEnabled"), fieldsOf(texts, "groupTypes"))
}

// EventFields are the properties of meetings without which one can't be judged,
// id first, and those that are read beside them by default.
func EventFields() (needed, usual []connector.Field) {
	needed = slices.Concat(fieldsOf(text, "id", "iCalUId", "type", "seriesMasterId"), fieldsOf(object, "start", "end"), fieldsOf(flag, "isAllDay"),
		fieldsOf(texts, "categories"), fieldsOf(flag, "isCancelled"), fieldsOf(text, "sensitivity"))
	usual = slices.Concat(fieldsOf(text, "subject"), fieldsOf(object, "location", "organizer"), fieldsOf(objects, "attendees"), fieldsOf(text, "showAs"),
		fieldsOf(flag, "isOrganizer", "isOnlineMeeting"), fieldsOf(object, "onlineMeeting"))
	return needed, usual
}

func fieldsOf(kind string, names ...string) []connector.Field {
	list := make([]connector.Field, len(names))
	for i, name := range names {
		list[i] = connector.Field{Name: name, Type: kind, Nullable: name != "id"}
	}
	return list
}

// Names lists the names of fields.
func Names(fields []connector.Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// A readable is a collection with the permissions of which one lets it be read.
type readable struct {
	connector.Collection
	needs []string
}

// collections are what sources of this version read.
func collections() []readable {
	id := fieldsOf(text, "id")
	needed, usual := EventFields()
	list := []readable{
		{connector.Collection{
			Name: "users", Label: "users, guests and resources", Kind: "graph_users", Key: []string{"id"}, Fields: slices.Concat(id, UserFields()),
			Notes: []string{
				`Guests have userType "Guest"; of rooms and of who is blocked accountEnabled is false: leave them out with where.`,
				"select reads other properties, manager among them.",
			},
		}, UserPermissions()},
		{connector.Collection{
			Name: "groups", Label: "groups with their direct members", Kind: "graph_groups", Key: []string{"id"},
			Fields: slices.Concat(id, GroupFields(), fieldsOf(objects, "members")),
		}, GroupPermissions()},
		{connector.Collection{
			Name: "calendars", Label: "meetings in calendars", Kind: "graph_events", Key: []string{"mailbox", "id"},
			Fields:    slices.Concat([]connector.Field{{Name: "mailbox", Type: text}}, needed, usual),
			Arguments: []connector.Argument{{Name: "mailboxes", Value: "the id of a group"}, {Name: "category", Value: "DigiReceptie"}},
			Notes: []string{
				`Instead of a group, mailboxes takes a list of addresses, source.graph_users.NAME or pipeline.NAME.`,
				"Without category all meetings are read. start.dateTime and end.dateTime are UTC.",
			},
		}, CalendarPermissions()},
	}
	for i := range list {
		list[i].Type, list[i].Count = "collection", len(list[i].Fields)
	}
	return list
}

// Discover lists the collections that can be read, and says of those that the
// token does not allow what it lacks.
func (c *Client) Discover(ctx context.Context) ([]connector.Collection, error) {
	var list []connector.Collection
	for _, one := range collections() {
		err := c.CheckRoles(ctx, one.needs)
		lacks, ok := errors.AsType[*connector.FieldError](err)
		switch {
		case ok:
			one.Label += "; the connection " + lacks.Problem
		case err != nil:
			return nil, err
		}
		list = append(list, one.Collection)
	}
	return list, nil
}

// Describe tells the properties of a collection that are read by default.
func (c *Client) Describe(ctx context.Context, name string) (connector.Collection, error) {
	for _, one := range collections() {
		if one.Name == name {
			return one.Collection, c.CheckRoles(ctx, one.needs)
		}
	}
	return connector.Collection{}, fmt.Errorf("describe %q: %w", name, connector.ErrNoCollection)
}
