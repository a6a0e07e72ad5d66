package graphusers

import (
	"context"
	"slices"

	"koppel/engine/connector"
	"koppel/internal/graph"
)

func (s *source) wantsManager() bool { return slices.Contains(s.config.Select, "manager") }

// Check looks into the token, and asks for one user: Graph then also looks at
// the properties, the filter and the group.
func (s *source) Check(ctx context.Context) error {
	if err := s.client.CheckRoles(ctx, graph.UserPermissions()); err != nil {
		return err
	}
	if s.config.MembersOf != "" {
		if err := s.client.CheckRoles(ctx, graph.GroupPermissions()); err != nil {
			return err
		}
	}
	_, err := s.client.Page(ctx, s.config.whole(1))
	return err
}

// Fields tells the properties that are read.
func (s *source) Fields(context.Context) ([]connector.Field, error) {
	var list []connector.Field
	for _, name := range s.config.properties() {
		list = append(list, connector.Field{Name: name, Nullable: name != "id"})
	}
	return list, nil
}
