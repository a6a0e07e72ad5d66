package afasupdate

import (
	"context"
	"errors"
	"fmt"

	"koppel/engine/connector"
	"koppel/internal/afas"
)

// Check holds the arguments and the mapped fields against what AFAS says of the
// connectors.
func (s *sink) Check(ctx context.Context) error {
	u, err := s.client.UpdateConnector(ctx, s.config.Connector)
	if err != nil {
		return err
	}
	var errs []error
	if s.config.root() != u.Root() && u.Root() != u.ID {
		errs = append(errs, &connector.FieldError{Field: "root", Problem: fmt.Sprintf("is %q, and AFAS calls the object of %s %q", s.config.root(), u.ID, u.Root()), Hint: fmt.Sprintf("write root = %q", u.Root())})
	}
	for _, name := range s.config.Keys {
		if u.Field(name) == nil {
			errs = append(errs, unknownField("keys", name, u))
		}
	}
	for _, c := range s.config.Children {
		if u.Object(c.Name) == nil {
			errs = append(errs, &connector.FieldError{Field: "child", Problem: fmt.Sprintf("%q is no object of UpdateConnector %q", c.Name, u.ID)})
		}
	}
	for _, f := range s.env.Shape.Fields {
		if f.Send && s.config.child(f.Name) == nil && u.Field(f.Name) == nil {
			errs = append(errs, unknownField("the map", f.Name, u))
		}
	}
	return errors.Join(append(errs, s.checkFind(ctx))...)
}

func unknownField(where, name string, u *afas.UpdateConnector) error {
	names := make([]string, len(u.Fields))
	for i, f := range u.Fields {
		names[i] = f.ID
	}
	problem := fmt.Sprintf("names %q, which UpdateConnector %q does not have", name, u.ID)
	if near := afas.Nearest(name, names); near != "" {
		problem += fmt.Sprintf("; did you mean %q?", near)
	}
	if u.Object(name) != nil {
		problem += fmt.Sprintf("; it is an object: child %q {}", name)
	}
	return &connector.FieldError{Field: where, Problem: problem}
}

func (s *sink) checkFind(ctx context.Context) error {
	f := s.config.Find
	if f == nil {
		return nil
	}
	g, err := s.client.GetConnector(ctx, f.Connector)
	if err != nil {
		return err
	}
	names := f.Key
	for _, column := range f.Columns {
		names = append(names[:len(names):len(names)], column)
	}
	for _, name := range names {
		if g.Field(name) == nil {
			return &connector.FieldError{Field: "find", Problem: fmt.Sprintf("names column %q, which GetConnector %q does not have", name, f.Connector)}
		}
	}
	return nil
}
