package afasget

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"koppel/engine/connector"
	"koppel/internal/afas"
)

// source is an opened afas_get source.
type source struct {
	config Config
	client *afas.Client
	env    connector.Env
}

const (
	// mostCells is what AFAS advises a call to stay below: columns × rows.
	mostCells = 150_000
	// heavyRows is how many rows a call takes when they may hold files.
	heavyRows = 100
	// mostReads is how often a read is made before it is given up as partial.
	mostReads = 3
)

// A lie says why what was read can't be all there is. The read is made again.
type lie struct{ problem string }

func (l *lie) Error() string { return l.problem }

// Read reads the one partition "". A read whose pages do not join is made
// again, and is at last partial.
func (s *source) Read(ctx context.Context, out connector.Reader) error {
	g, err := s.describe(ctx)
	var wrong *connector.FieldError
	switch {
	case errors.As(err, &wrong), ctx.Err() != nil:
		return err
	case err != nil:
		// What can't be asked for its columns can't be read: a failed read, as
		// when the first page fails.
		_, begun := out.Begin("", connector.Full)
		return cmp.Or(begun, err)
	}
	most := 0 // rows that a try showed
	for n := 1; ; n++ {
		r, err := s.begin(out, g)
		if err != nil {
			return err
		}
		// Should paging by key not work for this connector, the other way may.
		r.byKey = r.byKey && n == 1
		err = r.read(ctx)
		most = max(most, r.count)
		var untrue *lie
		switch {
		case err == nil && r.count < most-max(5, most/10):
			return out.Fail("", fmt.Errorf("read GetConnector %q: %w: %d rows were there, and soon after only %d", s.config.Connector, connector.ErrIncomplete, most, r.count))
		case err == nil && r.twice != "":
			return out.Fail("", s.notUnique(r.twice))
		case err == nil:
			return out.End("", r.next(), r.covers)
		case ctx.Err() != nil:
			return ctx.Err()
		case !errors.As(err, &untrue):
			return err
		case n == mostReads:
			return out.Fail("", fmt.Errorf("read GetConnector %q: %w: it was read %d times, and at last %s", s.config.Connector, connector.ErrIncomplete, n, untrue.problem))
		}
		if s.env.Log != nil {
			s.env.Log.Info("the read is made again", "connector", s.config.Connector, "because", untrue.problem)
		}
	}
}

// describe asks for the columns and checks what the arguments say of them.
func (s *source) describe(ctx context.Context) (*afas.GetConnector, error) {
	g, err := s.client.GetConnector(ctx, s.config.Connector)
	if err != nil {
		return nil, err
	}
	if g.Asked.IsZero() {
		g.Asked = s.env.Now()
	}
	return g, s.check(g)
}

// check holds the arguments against the columns of the connector.
func (s *source) check(g *afas.GetConnector) error {
	missing := func(argument string, names ...string) error {
		for _, name := range names {
			if g.Field(name) == nil {
				return &connector.FieldError{
					Field: argument, Problem: fmt.Sprintf("names %q, which GetConnector %q does not have%s", name, s.config.Connector, meant(name, g)),
					Hint: "its columns: " + strings.Join(g.Names(), ", "),
				}
			}
		}
		return nil
	}
	for _, k := range s.env.Key {
		if strings.Contains(k, ".") {
			return &connector.FieldError{Field: "key", Problem: fmt.Sprintf("names %q: a column of the key can't have a dot in its name", k), Hint: "rename the column in the GetConnector, as AFAS advises"}
		}
	}
	errs := []error{missing("key", s.env.Key...)}
	for _, c := range s.config.Filter {
		errs = append(errs, missing("filter", c.Field))
	}
	for _, list := range s.config.AnyOf {
		for _, c := range list {
			errs = append(errs, missing("any_of", c.Field))
		}
	}
	if s.env.Window != nil && s.env.WindowField != "" {
		errs = append(errs, missing("window", s.env.WindowField))
	}
	if inc := s.config.Incremental; inc != nil {
		errs = append(errs, missing("incremental.cursor", inc.Cursor...), s.checkTimes(g))
	}
	return errors.Join(errs...)
}

// checkTimes sees that the cursor is made of times.
func (s *source) checkTimes(g *afas.GetConnector) error {
	for _, name := range s.config.Incremental.Cursor {
		if f := g.Field(name); f != nil && f.Type != "date" {
			return &connector.FieldError{
				Field: "incremental.cursor", Problem: fmt.Sprintf("names %q, which is of type %s", name, f.Type),
				Hint: "a cursor is a column of type date that shows when the row was last changed, such as \"Gewijzigd op\"",
			}
		}
	}
	return nil
}

// meant says which column a name was probably meant for.
func meant(name string, g *afas.GetConnector) string {
	if near := afas.Nearest(name, g.Names()); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// notUnique is what is wrong with a key that several rows have.
func (s *source) notUnique(key string) error {
	return fmt.Errorf("read GetConnector %q: %w: key [%s] is not unique: several rows have %s; name all columns that tell rows apart (a person with two employments is two rows, for one)",
		s.config.Connector, connector.ErrIncomplete, strings.Join(s.env.Key, ", "), key)
}

// Check asks for the columns and for one row: AFAS then also looks at filter
// and order.
func (s *source) Check(ctx context.Context) error {
	g, err := s.describe(ctx)
	if err != nil {
		return err
	}
	_, err = s.client.Rows(ctx, s.config.Connector, afas.Query{Filter: s.config.filter(g), OrderBy: s.env.Key, Take: 1}, nil)
	return err
}

// Fields tells the columns.
func (s *source) Fields(ctx context.Context) ([]connector.Field, error) {
	g, err := s.client.GetConnector(ctx, s.config.Connector)
	if err != nil {
		return nil, err
	}
	list := make([]connector.Field, len(g.Fields))
	for i, f := range g.Fields {
		list[i] = connector.Field{Name: f.ID, Label: f.Label, Type: f.Type, Nullable: true}
	}
	return list, nil
}
