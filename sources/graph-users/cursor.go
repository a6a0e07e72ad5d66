package graphusers

import (
	"encoding/json"
	"slices"

	"koppel/engine/connector"
)

// A cursor is the link to what changes after a round, with what it is bound to:
// Graph tracks the properties that the first request of the round selected.
type cursor struct {
	Link   string   `json:"link"`
	Select []string `json:"select"`
	Place  string   `json:"place"`
}

func encodeCursor(link string, s *source) connector.Cursor {
	b, err := json.Marshal(cursor{Link: link, Select: s.config.properties(), Place: s.client.Place()})
	if err != nil {
		return nil // texts always can be written
	}
	return b
}

// decodeCursor gives the link; false: it is of another selection or tenant.
func decodeCursor(c connector.Cursor, s *source) (string, bool) {
	var was cursor
	if json.Unmarshal(c, &was) != nil || was.Link == "" || was.Place != s.client.Place() || !slices.Equal(was.Select, s.config.properties()) {
		return "", false
	}
	return was.Link, true
}
