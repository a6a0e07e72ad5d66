package graphevents

import (
	"context"
	"time"

	"koppel/engine/connector"
	"koppel/internal/graph"
)

// source is an opened graph_events source.
type source struct {
	config Config
	client *graph.Client
	env    connector.Env
}

// Place names tenant and cloud.
func (s *source) Place() string { return s.client.Place() }

// margin is how much more than the window is asked for. A meeting of a whole day
// is shown from midnight to midnight of UTC and is somewhere else in truth, by
// up to 14 hours: so all that lies in the window as it is shown is surely read,
// and what is absent is gone.
const margin = 24 * time.Hour

// window gives the sides of the window, as ISO texts, and the times that are
// asked for.
func (s *source) window() (covers connector.Interval, from, to time.Time) {
	now := s.env.Now().UTC()
	from, to = now.Add(-time.Duration(s.config.Past)), now.Add(time.Duration(s.config.Future))
	if s.env.Window != nil {
		first, last := s.env.Window()
		if t, err := time.Parse(time.RFC3339, first); err == nil {
			from = t
		}
		if t, err := time.Parse(time.RFC3339, last); err == nil {
			to = t
		}
	}
	covers = connector.Interval{From: from.UTC().Format(time.RFC3339), To: to.UTC().Format(time.RFC3339)}
	return covers, from.Add(-margin), to.Add(margin)
}

// Read reads one partition for each mailbox, several at once.
func (s *source) Read(ctx context.Context, out connector.Reader) error {
	boxes, whole, err := s.mailboxes(ctx)
	if err != nil {
		return err
	}
	if len(boxes) == 0 {
		if !whole {
			return errNobody
		}
		return out.Parts([]string{})
	}
	r := newRound(s, out, boxes, whole)
	return r.run(ctx)
}

// Check looks into the token, and asks for the calendar of the first mailbox of
// a list, or for the group.
func (s *source) Check(ctx context.Context) error {
	if err := s.client.CheckRoles(ctx, graph.CalendarPermissions()); err != nil {
		return err
	}
	m := s.config.Mailboxes
	switch {
	case m.Text != "":
		if err := s.client.CheckRoles(ctx, graph.GroupPermissions()); err != nil {
			return err
		}
		_, err := s.client.Page(ctx, members(m.Text, 1))
		return err
	case len(m.List) > 0:
		_, from, to := s.window()
		_, err := s.client.Page(ctx, s.question(m.List[0], from, to, 1))
		return err
	}
	return nil
}

// Fields tells the properties that are read.
func (s *source) Fields(context.Context) ([]connector.Field, error) {
	list := []connector.Field{{Name: "mailbox"}}
	for _, name := range s.config.properties() {
		list = append(list, connector.Field{Name: name, Nullable: name != "id"})
	}
	return list, nil
}
