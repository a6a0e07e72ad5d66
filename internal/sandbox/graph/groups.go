package graph

import (
	"slices"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

var groupProperties = []string{"id", "displayName", "description", "mail", "mailNickname", "mailEnabled", "securityEnabled", "groupTypes"}

func (s *System) listGroups(x *traffic.Exchange) (any, error) {
	q := x.Request.URL.Query()
	if token := q.Get("$skiptoken"); token != "" {
		r, err := s.continued(token)
		if err != nil {
			return nil, err
		}
		return s.listed(x, r, "groups", func(e entry) map[string]any { return shownGroup(e.row, r.selected) })
	}
	if q.Has("$filter") || q.Has("$search") || q.Has("$skip") {
		return nil, badQuery("Unsupported query on groups.")
	}
	selected, err := selection(q, groupProperties, groupProperties)
	if err != nil {
		return nil, err
	}
	r := &round{at: s.o.Now(), place: place(x.Request), selected: selected}
	for _, row := range s.Data.Rows("groups") {
		r.rest = append(r.rest, entry{row: row})
	}
	return s.listed(x, r, "groups", func(e entry) map[string]any { return shownGroup(e.row, r.selected) })
}

func shownGroup(row dataset.Row, selected []string) map[string]any {
	out := map[string]any{"id": row["id"]}
	for _, name := range selected {
		out[name] = row[name]
	}
	return out
}

func (s *System) group(id string) (row dataset.Row) {
	s.Data.View(func(tx *dataset.Tx) { row = tx.Get("groups", id) })
	return row
}

func (s *System) oneGroup(x *traffic.Exchange) (any, error) {
	id := x.Request.PathValue("id")
	row := s.group(id)
	if row == nil {
		return nil, noResource(id)
	}
	out := shownGroup(row, groupProperties)
	out["@odata.context"] = metadata(x.Request, "groups/$entity")
	return out, nil
}

// members lists the members of a group: direct ones, or all below it, whom a
// cast narrows to users.
func (s *System) members(which string, cast bool) func(*traffic.Exchange) (any, error) {
	return func(x *traffic.Exchange) (any, error) {
		q, id := x.Request.URL.Query(), x.Request.PathValue("id")
		var r *round
		var err error
		if token := q.Get("$skiptoken"); token != "" {
			r, err = s.continued(token)
		} else {
			r = &round{at: s.o.Now(), place: place(x.Request)}
			if s.group(id) == nil {
				return nil, noResource(id)
			}
			r.selected, err = selection(q, userProperties, defaultProperties)
			r.rest = s.below(id, which == "transitiveMembers", cast)
		}
		if err != nil {
			return nil, err
		}
		return s.listed(x, r, "directoryObjects", func(e entry) map[string]any {
			if _, isGroup := e.row["securityEnabled"]; isGroup {
				out := shownGroup(e.row, groupProperties)
				out["@odata.type"] = "#microsoft.graph.group"
				return out
			}
			out := shownUser(e.row, r.selected)
			if !cast {
				out["@odata.type"] = "#microsoft.graph.user"
			}
			return out
		})
	}
}

// below collects the members of a group, each once; groups may hold each other.
func (s *System) below(id string, deep, usersOnly bool) (list []entry) {
	s.Data.View(func(tx *dataset.Tx) {
		of := map[string][]string{}
		for _, m := range tx.Rows("members") {
			of[dataset.Text(m["group"])] = append(of[dataset.Text(m["group"])], dataset.Text(m["member"]))
		}
		seen, groups := map[string]bool{}, []string{id}
		for len(groups) > 0 {
			group := groups[0]
			groups = groups[1:]
			for _, m := range of[group] {
				if seen[m] {
					continue
				}
				seen[m] = true
				if row := tx.Get("users", m); present(row) {
					list = append(list, entry{row: row})
				} else if row := tx.Get("groups", m); row != nil {
					if !usersOnly {
						list = append(list, entry{row: row})
					}
					if deep && !slices.Contains(groups, m) {
						groups = append(groups, m)
					}
				}
			}
		}
	})
	return list
}
