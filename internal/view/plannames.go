package view

import (
	"slices"
	"strings"

	"koppel/engine/plan"
	"koppel/engine/record"
)

// A face finds what a person calls a record: the value of the first field that
// is named like a name, else like an address, else like a title.
type face struct{ fields []string }

// faces are the names of such fields, without case and separators.
var faces = [][]string{
	{"name", "naam", "fullname", "displayname", "volledigenaam", "weergavenaam"},
	{"email", "mail", "emailaddress", "mailaddress", "upn", "userprincipalname"},
	{"title", "subject", "summary", "label", "titel", "onderwerp", "omschrijving", "description"},
	{"lastname", "surname", "achternaam", "companyname", "bedrijfsnaam", "username", "login"},
}

// newFace looks for such fields among those of a pipeline.
func newFace(p *plan.Pipeline, sensitive func(string) bool) face {
	var f face
	for _, group := range faces {
		for _, field := range p.Fields {
			plain := strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(field.Name))
			if slices.Contains(group, plain) && !sensitive(field.Name) {
				f.fields = append(f.fields, field.Name)
			}
		}
	}
	return f
}

// of gives the field and its text for an entry; empty when it has none.
func (f face) of(e *plan.Entry) (field, text string) {
	body := e.After
	if body == nil {
		body = e.Before
	}
	for _, name := range f.fields {
		raw := record.Member(body, name)
		if record.KindOf(raw) != record.String {
			continue
		}
		if text := strings.TrimSpace(string(record.AppendUnquoted(nil, raw))); text != "" {
			return name, Shorten(Clean(text), 40)
		}
	}
	return "", ""
}
