package graphusers

import (
	"koppel/engine/record"
	"koppel/internal/graph"
)

// appendUser appends a user as a record: what Graph gives without annotations,
// and manager as { id }, in whichever form it came.
func (r *reading) appendUser(dst []byte, id string, row []byte) []byte {
	whole := !r.s.config.changes()
	manager := false
	dst = graph.AppendRow(dst, row, func(dst []byte, name string, raw []byte) ([]byte, bool) {
		switch name {
		case "manager":
			manager = true
			return appendManager(dst, graph.ID(raw)), true
		case "manager@delta":
			who, told := r.managerOf(id, raw)
			if !told {
				return dst, true
			}
			manager = true
			return appendManager(dst, who), true
		}
		return dst, false
	})
	if whole && !manager && r.s.wantsManager() {
		// A list leaves the manager out who is not there.
		dst = append(dst[:len(dst)-1], ',')
		dst = append(appendManager(dst, ""), '}')
	}
	return dst
}

func appendManager(dst []byte, id string) []byte {
	if id == "" {
		return append(dst, `"manager":null`...)
	}
	dst = append(dst, `"manager":{"id":`...)
	return append(record.AppendString(dst, id), '}')
}

// managerOf reads what a delta query says of a user's manager: who it is, and
// who it was. One who was, and whom another has replaced in this round, says
// nothing.
func (r *reading) managerOf(id string, list []byte) (who string, told bool) {
	gone := ""
	record.Elements(list, func(raw []byte) bool {
		if _, removed := graph.Removed(raw); removed {
			gone = graph.ID(raw)
		} else {
			who = graph.ID(raw)
		}
		return true
	})
	switch {
	case who != "":
		r.managers[id] = who
		return who, true
	case gone == "":
		return "", false
	case r.managers[id] != "" && r.managers[id] != gone:
		return "", false
	}
	r.managers[id] = ""
	return "", true
}
