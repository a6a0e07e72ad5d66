package dsl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"koppel/engine"
)

// A NameError says that what a person named is none of what the project and its
// state know, or not one of it.
type NameError struct{ Err error }

func (e *NameError) Error() string { return e.Err.Error() }

// Unwrap gives what is wrong with the name.
func (e *NameError) Unwrap() error { return e.Err }

// Named finds the pipelines and sources that people name: those of the project,
// and those that only the state remembers.
type Named struct {
	Project *Project
	Engine  *engine.Engine
}

// Pipelines gives the addresses of the pipelines that are named; nil without
// names. The error is a *NameError when one names nothing.
func (n Named) Pipelines(ctx context.Context, names []string) ([]string, error) {
	var list []string
	for _, name := range names {
		chosen, err := n.Project.Select([]string{name})
		if err != nil {
			address, known, stateErr := n.Orphan(ctx, name)
			switch {
			case stateErr != nil:
				return nil, stateErr
			case !known:
				return nil, &NameError{err}
			}
			list = append(list, address)
			continue
		}
		for _, p := range chosen {
			list = append(list, p.Address)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// Orphan finds a pipeline that the state knows and the files do not.
func (n Named) Orphan(ctx context.Context, name string) (address string, known bool, err error) {
	orphans, err := n.Engine.Orphans(ctx)
	for _, o := range orphans {
		if o.Address == name || o.Address == "pipeline."+name {
			return o.Address, true, nil
		}
	}
	return "", false, err
}

// Pipeline gives the address of the one pipeline that is named. The error is a
// *NameError when it is none or several.
func (n Named) Pipeline(ctx context.Context, name string) (string, error) {
	list, err := n.Pipelines(ctx, []string{name})
	switch {
	case err != nil:
		return "", err
	case len(list) == 0:
		return "", &NameError{fmt.Errorf("pipeline %s has no instances", name)}
	case len(list) > 1:
		choices := make([]string, len(list))
		for i, address := range list {
			choices[i] = "'" + strings.TrimPrefix(address, "pipeline.") + "'"
		}
		return "", &NameError{fmt.Errorf("pipeline %s has several instances: write one of %s", name, strings.Join(choices, ", "))}
	}
	return list[0], nil
}

// PipelinesAndSources tells apart what is named: pipelines first, for both may
// have the same name.
func (n Named) PipelinesAndSources(ctx context.Context, names []string) (pipelines, sources []string, err error) {
	for _, name := range names {
		list, pipelineErr := n.Pipelines(ctx, []string{name})
		isSource := strings.HasPrefix(name, "source.")
		if pipelineErr == nil && !isSource {
			pipelines = append(pipelines, list...)
			continue
		}
		source, sourceErr := n.Engine.SourceAddress(ctx, name)
		var unknown *engine.UnknownError
		switch {
		case sourceErr == nil:
			sources = append(sources, source)
		case errors.As(sourceErr, &unknown) && len(unknown.Near) == 0 && !isSource:
			return nil, nil, pipelineErr
		default:
			return nil, nil, sourceErr
		}
	}
	return pipelines, sources, nil
}
