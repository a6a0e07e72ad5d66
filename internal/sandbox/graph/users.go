package graph

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// userProperties are those that can be selected in a list.
var userProperties = []string{
	"id", "displayName", "givenName", "surname", "mail", "userPrincipalName", "userType", "jobTitle", "department", "companyName", "employeeId",
	"mobilePhone", "officeLocation", "preferredLanguage", "accountEnabled", "onPremisesSyncEnabled", "businessPhones", "assignedPlans",
	"assignedLicenses", "createdDateTime", "employeeHireDate", "deletedDateTime",
}

// defaultProperties come without $select.
var defaultProperties = []string{
	"businessPhones", "displayName", "givenName", "id", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage", "surname",
	"userPrincipalName",
}

// perUser exist, but not in a list.
var perUser = []string{"mailboxSettings", "skills", "aboutMe", "birthday", "hireDate", "interests", "mySite", "schools", "responsibilities"}

// selection reads $select.
func selection(q url.Values, known, otherwise []string) ([]string, error) {
	text := q.Get("$select")
	if text == "" {
		return otherwise, nil
	}
	var list []string
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if slices.Contains(perUser, name) {
			return nil, refuse(http.StatusNotImplemented, "NotImplemented", "The property '%s' is not supported in a collection.", name)
		}
		i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(k, name) })
		if i < 0 {
			return nil, refuse(http.StatusBadRequest, "BadRequest", "Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.user'.", name)
		}
		list = append(list, known[i])
	}
	return list, nil
}

// present tells whether a user exists and does not lie in the recycle bin.
func present(row dataset.Row) bool { return row != nil && row["deletedDateTime"] == nil }

// property shows a value; times are in UTC.
func property(v any) any {
	if t, ok := v.(time.Time); ok {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return v
}

// shownUser has all selected properties, null where they are not set.
func shownUser(row dataset.Row, selected []string) map[string]any {
	out := map[string]any{"id": row["id"]}
	for _, name := range selected {
		out[name] = property(row[name])
	}
	for _, list := range []string{"businessPhones", "assignedPlans", "assignedLicenses"} {
		if v, ok := out[list]; ok && v == nil {
			out[list] = []any{}
		}
	}
	return out
}

func (s *System) listUsers(x *traffic.Exchange) (any, error) {
	q := x.Request.URL.Query()
	r, err := s.userRound(x.Request, q)
	if err != nil {
		return nil, err
	}
	if r.advanced && !eventual(x.Request, q) {
		return nil, badQuery("The query needs the header ConsistencyLevel: eventual and $count=true.")
	}
	show := func(e entry) map[string]any { return shownUser(e.row, r.selected) }
	if strings.HasPrefix(q.Get("$expand"), "manager") {
		show = func(e entry) map[string]any {
			out := shownUser(e.row, r.selected)
			if m := s.user(dataset.Text(e.row["manager"])); m != nil {
				out["manager"] = shownUser(m, []string{"displayName", "mail", "userPrincipalName"})
			}
			return out
		}
	}
	return s.listed(x, r, "users", show)
}

func eventual(r *http.Request, q url.Values) bool {
	return strings.EqualFold(r.Header.Get("ConsistencyLevel"), "eventual") && q.Get("$count") == "true"
}

// userRound is the list that a call asks for, or goes on with.
func (s *System) userRound(r *http.Request, q url.Values) (*round, error) {
	if token := q.Get("$skiptoken"); token != "" {
		return s.continued(token)
	}
	for _, name := range []string{"$skip", "$search", "$orderby"} {
		if q.Has(name) {
			return nil, badQuery("'%s' is not supported by the service.", name)
		}
	}
	selected, err := selection(q, append(slices.Clone(userProperties), "manager"), defaultProperties)
	if err != nil {
		return nil, err
	}
	selected = slices.DeleteFunc(slices.Clone(selected), func(name string) bool { return name == "manager" })
	f := filter{keep: func(dataset.Row) bool { return true }}
	if text := q.Get("$filter"); text != "" {
		if f, err = parseFilter(text); err != nil {
			return nil, refuse(http.StatusBadRequest, "BadRequest", "Invalid filter clause: %v", err)
		}
	}
	out := &round{at: s.o.Now(), place: place(r), selected: selected, advanced: f.advanced || q.Get("$count") == "true"}
	for _, row := range s.Data.Rows("users") {
		if present(row) && f.keep(row) {
			out.rest = append(out.rest, entry{row: row})
		}
	}
	return out, nil
}

// user finds a user by id or by user principal name; nil: there is none.
func (s *System) user(id string) (row dataset.Row) {
	s.Data.View(func(tx *dataset.Tx) {
		if row = tx.Get("users", strings.ToLower(id)); row != nil || !strings.Contains(id, "@") {
			return
		}
		for _, u := range tx.Rows("users") {
			if strings.EqualFold(dataset.Text(u["userPrincipalName"]), id) {
				row = u
			}
		}
	})
	if !present(row) {
		return nil
	}
	return row
}

func noResource(id string) error {
	return refuse(http.StatusNotFound, "Request_ResourceNotFound", "Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)
}

func (s *System) oneUser(x *traffic.Exchange) (any, error) {
	id := x.Request.PathValue("id")
	row := s.user(id)
	if row == nil {
		return nil, noResource(id)
	}
	selected, err := selection(x.Request.URL.Query(), userProperties, defaultProperties)
	if err != nil {
		return nil, err
	}
	out := shownUser(row, selected)
	out["@odata.context"] = metadata(x.Request, "users/$entity")
	return out, nil
}

func (s *System) manager(x *traffic.Exchange) (any, error) {
	row := s.user(x.Request.PathValue("id"))
	if row == nil {
		return nil, noResource(x.Request.PathValue("id"))
	}
	m := s.user(dataset.Text(row["manager"]))
	if m == nil {
		return nil, noResource("manager")
	}
	out := shownUser(m, defaultProperties)
	out["@odata.context"], out["@odata.type"] = metadata(x.Request, "directoryObjects/$entity"), "#microsoft.graph.user"
	return out, nil
}

// deletedUsers lists the recycle bin.
func (s *System) deletedUsers(x *traffic.Exchange) (any, error) {
	q := x.Request.URL.Query()
	r := &round{at: s.o.Now(), place: place(x.Request)}
	var err error
	if token := q.Get("$skiptoken"); token != "" {
		r, err = s.continued(token)
	} else {
		for _, row := range s.Data.Rows("users") {
			if row["deletedDateTime"] != nil {
				r.rest = append(r.rest, entry{row: row})
			}
		}
		r.selected, err = selection(q, userProperties, append(slices.Clone(defaultProperties), "deletedDateTime"))
	}
	if err != nil {
		return nil, err
	}
	return s.listed(x, r, "directoryObjects", func(e entry) map[string]any { return shownUser(e.row, r.selected) })
}
