package graphgroups

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/graph"
)

const (
	// pageSize is the most that Graph gives of a list at once.
	pageSize = 999
	// mostReads is how often a read is begun before it is given up.
	mostReads = 3
	// atOnce is how many groups are asked for their members at once.
	atOnce = 8
)

// source is an opened graph_groups source.
type source struct {
	config Config
	client *graph.Client
	env    connector.Env
}

// Place names tenant and cloud.
func (s *source) Place() string { return s.client.Place() }

// errReader wraps an error of the reader.
type errReader struct{ error }

func (e errReader) Unwrap() error { return e.error }

// Read reads the one partition "". A read whose pages do not join is begun anew,
// and is at last partial.
func (s *source) Read(ctx context.Context, out connector.Reader) error {
	for n := 1; ; n++ {
		if _, err := out.Begin("", connector.Full); err != nil {
			return err
		}
		err := s.read(ctx, out)
		var refused errReader
		switch {
		case err == nil:
			return out.End("", nil, connector.Interval{})
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &refused), !errors.Is(err, graph.ErrAstray):
			return err
		case n == mostReads:
			return out.Fail("", err)
		}
	}
}

func (s *source) read(ctx context.Context, out connector.Reader) error {
	walk := s.client.Walk(s.config.list(pageSize))
	var lines []byte
	for {
		page, err := walk.Next(ctx)
		if err != nil || page == nil {
			return err
		}
		lists, err := s.membersOf(ctx, page.Rows)
		if err != nil {
			return err
		}
		lines = lines[:0]
		for i, row := range page.Rows {
			lines = graph.AppendRow(lines, row, nil)
			if s.config.Members {
				lines = append(append(append(lines[:len(lines)-1], `,"members":`...), lists[i]...), '}')
			}
			lines = append(lines, '\n')
		}
		if len(lines) == 0 {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := out.Records("", 0, lines); err != nil {
			return errReader{err}
		}
	}
}

// membersOf asks for the members of several groups, a few at once. The first
// error ends it: without its members a group is not known.
func (s *source) membersOf(ctx context.Context, groups [][]byte) ([][]byte, error) {
	lists := make([][]byte, len(groups))
	if !s.config.Members {
		return lists, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, row := range groups {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			list, err := s.members(ctx, graph.ID(row))
			if err != nil {
				cancel(err)
			}
			lists[i] = list
		})
	}
	running.Wait()
	return lists, context.Cause(ctx)
}

// members gives the members of a group as a JSON list.
func (s *source) members(ctx context.Context, id string) ([]byte, error) {
	if id == "" {
		return nil, errors.New("read groups: a group has no id: this is not an answer of Graph; check url of the connection")
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	walk := s.client.Walk(members(id))
	var list [][]byte
	for {
		page, err := walk.Next(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the members of group %s: %w", id, err)
		}
		if page == nil {
			break
		}
		for _, row := range page.Rows {
			if kind, _ := record.Text(record.Member(row, "@odata.type")); kind == "" {
				return nil, fmt.Errorf("read the members of group %s: %w: a member has no type", id, connector.ErrIncomplete)
			}
			list = append(list, member(row))
		}
	}
	// The order of Graph means nothing, and a change of it is none of the group.
	slices.SortFunc(list, bytes.Compare)
	list = slices.CompactFunc(list, bytes.Equal)
	return append(append([]byte{'['}, bytes.Join(list, []byte{','})...), ']'), nil
}

// member is one member: id first, so that members sort by it.
func member(row []byte) []byte {
	b := append(record.AppendString([]byte(`{"id":`), graph.ID(row)), `,"type":`...)
	kind, _ := record.Text(record.Member(row, "@odata.type"))
	b = record.AppendString(b, graph.TypeName(kind))
	for _, name := range []string{"displayName", "mail", "userPrincipalName"} {
		raw := record.Member(row, name)
		if raw == nil {
			raw = []byte("null")
		}
		b = append(append(append(b, `,"`...), name...), `":`...)
		b = append(b, raw...)
	}
	return append(b, '}')
}

// Check looks into the token, and asks for one group.
func (s *source) Check(ctx context.Context) error {
	if err := s.client.CheckRoles(ctx, graph.GroupPermissions()); err != nil {
		return err
	}
	_, err := s.client.Page(ctx, s.config.list(1))
	return err
}

// Fields tells the properties that are read.
func (s *source) Fields(context.Context) ([]connector.Field, error) {
	names := s.config.properties()
	if s.config.Members {
		names = append(slices.Clone(names), "members")
	}
	var list []connector.Field
	for _, name := range names {
		list = append(list, connector.Field{Name: name, Nullable: name != "id"})
	}
	return list, nil
}
