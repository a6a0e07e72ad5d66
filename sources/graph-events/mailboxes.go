package graphevents

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/graph"
)

// errNobody ends a read whose list of mailboxes is empty and not whole.
var errNobody = fmt.Errorf("list the mailboxes: %w: nothing is known of any", connector.ErrIncomplete)

// mailboxes lists whose calendars are read, each once. whole tells that no other
// belongs to it: one that is not listed any more is gone.
func (s *source) mailboxes(ctx context.Context) (boxes []string, whole bool, err error) {
	seen := map[string]bool{}
	add := func(box string) {
		box = strings.TrimSpace(box)
		if fold := strings.ToLower(box); box != "" && !seen[fold] {
			seen[fold] = true
			boxes = append(boxes, box)
		}
	}
	switch m := s.config.Mailboxes; {
	case m.From != "":
		whole, err = s.fromUpstream(ctx, m.From, add)
	case m.Text != "":
		whole, err = true, s.fromGroup(ctx, m.Text, add)
	default:
		whole = true
		for _, box := range m.List {
			add(box)
		}
	}
	return boxes, whole, err
}

// fromUpstream takes the mailboxes that the records of a source or pipeline
// name. A record that names none has no calendar.
func (s *source) fromUpstream(ctx context.Context, address string, add func(string)) (bool, error) {
	if s.env.Upstream == nil {
		return false, errors.New("list the mailboxes: nobody gives the records of " + address)
	}
	path := strings.Split(s.config.Mailbox, ".")
	whole, err := s.env.Upstream(ctx, address, func(body []byte) error {
		for _, step := range path {
			body = record.Member(body, step)
		}
		text, _ := record.Text(body)
		add(text)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("list the mailboxes: %w", err)
	}
	return whole, nil
}

// fromGroup takes the users in a group and in those in it.
func (s *source) fromGroup(ctx context.Context, id string, add func(string)) error {
	walk := s.client.Walk(members(id, 999))
	for {
		page, err := walk.Next(ctx)
		if err != nil {
			return fmt.Errorf("list the mailboxes: %w", err)
		}
		if page == nil {
			return nil
		}
		for _, row := range page.Rows {
			add(graph.ID(row))
		}
	}
}

// members asks for the users in a group. top is how many come at once.
func members(id string, top int) graph.Question {
	query := url.Values{"$top": {fmt.Sprint(top)}, "$select": {"id"}, "$count": {"true"}}
	return graph.Question{
		Path:     "/groups/" + url.PathEscape(id) + "/transitiveMembers/microsoft.graph.user?" + query.Encode(),
		Eventual: true, About: []string{"users", "directoryObjects"}, Needs: graph.GroupPermissions(),
	}
}
