package graphtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A group has members: users, and other groups.
type group struct {
	text    string
	members []string
}

// PutGroup sets a group, given as the members of a JSON object without its id,
// with its direct members.
func (t *Tenant) PutGroup(id, text string, members ...string) {
	t.Lock()
	defer t.Unlock()
	t.groups[id] = &group{text: text, members: members}
}

// DropGroup deletes a group.
func (t *Tenant) DropGroup(id string) {
	t.Lock()
	defer t.Unlock()
	delete(t.groups, id)
}

// answerGroups answers what is asked of groups.
func (t *Tenant) answerGroups(w http.ResponseWriter, r *http.Request, steps []string) {
	if len(steps) == 0 {
		var rows, ids []string
		for id := range t.groups {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		for _, id := range ids {
			if g := t.groups[id]; g.text == "" {
				rows = append(rows, fmt.Sprintf(`{"id":%q}`, id))
			} else {
				rows = append(rows, fmt.Sprintf(`{"id":%q,%s}`, id, g.text))
			}
		}
		t.page(w, r, rows, t.Page, "")
		return
	}
	g := t.groups[steps[0]]
	switch {
	case g == nil:
		Refuse(w, http.StatusNotFound, "Request_ResourceNotFound", "Resource '"+steps[0]+"' does not exist.")
	case len(steps) == 3 && steps[1] == "transitiveMembers":
		t.listUsers(w, r, t.flat(steps[0], map[string]bool{}))
	case steps[1] == "members":
		var rows []string
		for _, id := range g.members {
			kind := "user"
			if t.groups[id] != nil {
				kind = "group"
			}
			rows = append(rows, fmt.Sprintf(`{"@odata.type":"#microsoft.graph.%s","id":%q}`, kind, id))
		}
		t.page(w, r, rows, t.Page, "")
	default:
		Refuse(w, http.StatusBadRequest, "BadRequest", strings.Join(steps, "/"))
	}
}

// flat lists the users in a group and in those in it.
func (t *Tenant) flat(id string, seen map[string]bool) []string {
	list := []string{}
	if seen[id] {
		return list
	}
	seen[id] = true
	for _, member := range t.groups[id].members {
		if t.groups[member] != nil {
			list = append(list, t.flat(member, seen)...)
		} else {
			list = append(list, member)
		}
	}
	return list
}
