package engine

import "slices"

// whyIncomplete gives the first reason why absence proves nothing.
func (r *records) whyIncomplete() string {
	names := append([]string(nil), r.names...)
	slices.Sort(names)
	for _, name := range names {
		if p := r.parts[name]; !p.complete && !p.gone {
			where := r.title
			if name != "" {
				where += " " + name
			}
			if p.problem != "" {
				return where + ": " + p.problem
			}
			return where + " was not read completely"
		}
	}
	if len(r.problems) > 0 {
		return r.problems[0].Message
	}
	return r.title + " was not read completely"
}
