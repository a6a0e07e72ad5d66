package sqlite

import (
	"context"
	"fmt"
	"iter"

	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

// validate reads every row as the engine would.
func (s *Store) validate(ctx context.Context, c *conn, seal *sealer) error {
	v := &view{ctx: ctx, c: c, seal: seal}
	defer v.end()
	if err := v.owners(); err != nil {
		return err
	}
	pipelines, err := v.Pipelines()
	if err != nil {
		return err
	}
	for _, p := range pipelines {
		if err := first(drain(v.Items(p.ID, "")), drain(v.Open(p.ID)), drain(v.Flights(p.ID))); err != nil {
			return err
		}
	}
	sources, err := v.Sources()
	if err != nil {
		return err
	}
	for _, src := range sources {
		_, err := v.Parts(src.ID)
		if err := first(err, drain(v.Mirror(src.ID))); err != nil {
			return err
		}
	}
	if _, err := v.HeldReads(); err != nil {
		return err
	}
	_, err = v.Tokens()
	changes := rows(v, changeColumns, nil, v.scanChange)
	return first(err, drain(changes), drain(v.Runs(0)), v.validateDeliveries())
}

// owners looks for rows whose pipeline or source is not there.
func (v *view) owners() error {
	owned := map[string]string{
		"item": "pipeline", "layout": "pipeline", "open": "pipeline", "flight": "pipeline", "change": "pipeline", "based": "pipeline", "position": "pipeline",
		"delivery": "pipeline", "told": "pipeline",
		"part": "source", "mirror": "source",
	}
	for table, owner := range owned {
		query := fmt.Sprintf("SELECT %[2]s FROM %[1]s WHERE %[2]s NOT IN (SELECT id FROM %[2]s) LIMIT 1", table, owner)
		_, err := v.one(query, nil, func(st *sqlite.Stmt) error {
			return fmt.Errorf("%w: table %s belongs to %s %d, which is not there", state.ErrCorrupt, table, owner, st.ColumnInt64(0))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func drain[T any](seq iter.Seq2[*T, error]) error {
	for _, err := range seq {
		if err != nil {
			return err
		}
	}
	return nil
}

// first gives the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
