package graphtest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"koppel/engine/record"
)

// users are those of the tenant, with what changed.
type users struct {
	all map[string]*user
	log []change
	seq int
}

// A user has the properties that were ever set, as raw JSON, by name.
type user struct {
	names   []string
	values  map[string]string
	manager string
}

// A change is one property of a user that was set, or the user's end.
type change struct {
	seq      int
	id, name string
	reason   string // of a tombstone
	before   string // the manager that was
}

// PutUser sets properties of a user, given as a JSON object with its id. A user
// who is not there is made, or comes back.
func (t *Tenant) PutUser(object string) {
	t.Lock()
	defer t.Unlock()
	id := string(record.Member([]byte(object), "id"))
	id, _ = strconv.Unquote(id)
	u := t.users.all[id]
	if u == nil {
		u = &user{values: map[string]string{}}
		if t.users.all == nil {
			t.users.all = map[string]*user{}
		}
		t.users.all[id] = u
		t.users.note(change{id: id, name: "id"})
	}
	record.Members([]byte(object), func(name string, raw []byte) bool {
		if _, had := u.values[name]; !had {
			u.names = append(u.names, name)
		}
		if u.values[name] != string(raw) {
			u.values[name] = string(raw)
			t.users.note(change{id: id, name: name})
		}
		return true
	})
}

// SetManager gives a user a manager; empty: none.
func (t *Tenant) SetManager(id, manager string) {
	t.Lock()
	defer t.Unlock()
	u := t.users.all[id]
	if u == nil || u.manager == manager {
		return
	}
	t.users.note(change{id: id, name: "manager", before: u.manager})
	u.manager = manager
}

// DropUser deletes a user; reason is changed (it can be restored) or deleted.
func (t *Tenant) DropUser(id, reason string) {
	t.Lock()
	defer t.Unlock()
	if t.users.all[id] == nil {
		return
	}
	delete(t.users.all, id)
	t.users.note(change{id: id, reason: reason})
}

// Users lists the ids of those that are there.
func (t *Tenant) Users() []string {
	t.Lock()
	defer t.Unlock()
	return t.users.ids()
}

// Property is the raw value of a property; empty: it was never set.
func (t *Tenant) Property(id, name string) string {
	t.Lock()
	defer t.Unlock()
	if name == "manager" {
		return t.users.all[id].manager
	}
	return t.users.all[id].values[name]
}

func (u *users) note(c change) {
	u.seq++
	c.seq = u.seq
	u.log = append(u.log, c)
}

func (u *users) ids() []string {
	var list []string
	for id := range u.all {
		list = append(list, id)
	}
	slices.Sort(list)
	return list
}

// row is a user with the properties that are asked for and were ever set; id
// always comes, at the end.
func (u *user) row(id string, names []string) string {
	var parts []string
	for _, name := range u.names {
		if name != "id" && (slices.Contains(names, name) || slices.Contains(names, "*")) {
			parts = append(parts, fmt.Sprintf("%q:%s", name, u.values[name]))
		}
	}
	return strings.Join(append(parts, fmt.Sprintf(`"id":%q`, id)), ",")
}

// usersDelta answers a delta query.
func (t *Tenant) usersDelta(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if query.Has("$skiptoken") {
		t.page(w, r, nil, t.Page, "")
		return
	}
	since, names := 0, strings.Split(query.Get("$select"), ",")
	if token := query.Get("$deltatoken"); token != "" {
		at, list, _ := strings.Cut(token, ".")
		since, _ = strconv.Atoi(at)
		if since < t.oldest {
			t.resync(w, r)
			return
		}
		names = strings.Split(list, ".")
		if t.Replay {
			since = max(since-3, 1)
		}
	}
	token := strconv.Itoa(t.users.seq+1) + "." + strings.Join(names, ".")
	if since == 0 {
		t.page(w, r, t.users.round(names), t.Page, token)
		return
	}
	t.page(w, r, t.changes(since, names), t.Page, token)
}

// round is what a round without a link gives: all users, and here and there a
// tombstone of one who is gone.
func (u *users) round(names []string) []string {
	var rows []string
	for _, id := range u.ids() {
		one := u.all[id]
		text := one.row(id, names)
		if one.manager != "" && (slices.Contains(names, "manager")) {
			text += fmt.Sprintf(`,"manager@delta":[{"@odata.type":"#microsoft.graph.user","id":%q}]`, one.manager)
		}
		rows = append(rows, "{"+text+"}")
	}
	for _, c := range u.log {
		if c.reason != "" && u.all[c.id] == nil {
			rows = append(rows, tombstone(c))
		}
	}
	return rows
}

func tombstone(c change) string {
	return fmt.Sprintf(`{"id":%q,"@removed":{"reason":%q}}`, c.id, c.reason)
}

// changes is what a link gives: rows of the users that changed in a property
// that is tracked.
func (t *Tenant) changes(since int, names []string) []string {
	tracked := func(c change) bool {
		return c.seq >= since && (c.reason != "" || c.name == "id" || slices.Contains(names, c.name) || slices.Contains(names, "*"))
	}
	var rows []string
	given := map[string]bool{}
	for i, c := range t.users.log {
		if !tracked(c) {
			continue
		}
		one := t.users.all[c.id]
		switch {
		case c.reason != "":
			rows = append(rows, tombstone(c))
		case one == nil:
		case t.Split || t.Partial && !given[c.id]:
			// Someone who was made since then comes whole, whatever else does.
			what := []string{c.name}
			if !t.Split {
				what = t.users.changed(i, c.id)
			}
			if t.users.isNew(since, c.id) {
				what = names
			}
			rows = append(rows, "{"+one.row(c.id, intersect(what, names))+one.managerRow(t.users.log[i:], c.id, what)+"}")
		case !given[c.id]:
			rows = append(rows, "{"+one.row(c.id, names)+one.managerRow(t.users.log[i:], c.id, names)+"}")
		}
		given[c.id] = c.reason == ""
	}
	return rows
}

// changed lists the properties of a user that changed from a place of the log.
func (u *users) changed(from int, id string) []string {
	var names []string
	for _, c := range u.log[from:] {
		if c.id == id && c.name != "" {
			names = append(names, c.name)
		}
	}
	return names
}

// isNew tells whether a user was made, or came back, since a place.
func (u *users) isNew(since int, id string) bool {
	return slices.ContainsFunc(u.log, func(c change) bool { return c.seq >= since && c.id == id && c.name == "id" })
}

// managerRow tells the manager, when it changed, and who it was.
func (u *user) managerRow(log []change, id string, names []string) string {
	if !slices.Contains(names, "manager") {
		return ""
	}
	var list []string
	changed := false
	for _, c := range log {
		if c.id == id && c.name == "manager" {
			changed = true
			if c.before != "" && c.before != u.manager {
				list = append(list, fmt.Sprintf(`{"@odata.type":"#microsoft.graph.user","id":%q,"@removed":{"reason":"deleted"}}`, c.before))
			}
		}
	}
	if u.manager != "" && changed {
		list = append(list, fmt.Sprintf(`{"@odata.type":"#microsoft.graph.user","id":%q}`, u.manager))
	}
	if len(list) == 0 {
		return ""
	}
	return `,"manager@delta":[` + strings.Join(list, ",") + "]"
}

func intersect(a, b []string) []string {
	if slices.Contains(b, "*") {
		return a
	}
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return !slices.Contains(b, name) })
}

// listUsers answers a list of users; only: those with these ids.
func (t *Tenant) listUsers(w http.ResponseWriter, r *http.Request, only []string) {
	query := r.URL.Query()
	if query.Get("$count") == "true" && r.Header.Get("ConsistencyLevel") != "eventual" {
		Refuse(w, http.StatusBadRequest, "Request_UnsupportedQuery", "ConsistencyLevel is missing.")
		return
	}
	names := strings.Split(query.Get("$select"), ",")
	property, value, filtered := strings.Cut(query.Get("$filter"), " eq ")
	var rows []string
	for _, id := range t.users.ids() {
		one := t.users.all[id]
		if only != nil && !slices.Contains(only, id) || filtered && one.values[property] != strings.ReplaceAll(value, "'", `"`) {
			continue
		}
		text := one.row(id, names)
		if strings.HasPrefix(query.Get("$expand"), "manager") && one.manager != "" {
			text += fmt.Sprintf(`,"manager@odata.context":"x","manager":{"@odata.type":"#microsoft.graph.user","id":%q}`, one.manager)
		}
		rows = append(rows, "{"+text+"}")
	}
	t.page(w, r, rows, t.Page, "")
}

// ForgetChanges loses the changes that do makes: no link to changes tells of
// them.
func (t *Tenant) ForgetChanges(do func()) {
	t.Lock()
	n := len(t.users.log)
	t.Unlock()
	do()
	t.Lock()
	defer t.Unlock()
	t.users.log = t.users.log[:n]
}
