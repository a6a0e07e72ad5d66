package sqlite

import (
	"fmt"

	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

const pipelineColumns = "SELECT id, address, fingerprint, sink_identity, sink_address, shape, day, paused FROM pipeline"

func scanPipeline(st *sqlite.Stmt, p *state.Pipeline) error {
	*p = state.Pipeline{
		ID:           st.ColumnInt64(0),
		Address:      st.ColumnText(1),
		Fingerprint:  columnBytes(st, 2),
		SinkIdentity: st.ColumnText(3),
		SinkAddress:  st.ColumnText(4),
		Shape:        columnBytes(st, 5),
		Day:          st.ColumnText(6),
		Paused:       st.ColumnBool(7),
	}
	return nil
}

// Pipelines gives all pipelines by address.
func (v *view) Pipelines() ([]state.Pipeline, error) {
	return list(v, pipelineColumns+" ORDER BY address", nil, scanPipeline)
}

// Pipeline gives the pipeline at an address.
func (v *view) Pipeline(address string) (p state.Pipeline, found bool, err error) {
	found, err = v.one(pipelineColumns+" WHERE address = ?", []any{address}, func(st *sqlite.Stmt) error {
		return scanPipeline(st, &p)
	})
	return p, found, err
}

// PutPipeline inserts when ID is 0, else replaces, and gives the ID. IDs are
// never used twice.
func (t *tx) PutPipeline(p state.Pipeline) (int64, error) {
	if p.ID == 0 {
		err := t.exec("INSERT INTO pipeline (address, fingerprint, sink_identity, sink_address, shape, day, paused) VALUES (?, ?, ?, ?, ?, ?, ?)",
			p.Address, p.Fingerprint, p.SinkIdentity, p.SinkAddress, p.Shape, p.Day, p.Paused)
		return t.c.LastInsertRowID(), err
	}
	return p.ID, t.exec("INSERT INTO pipeline (id, address, fingerprint, sink_identity, sink_address, shape, day, paused) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "+
		"ON CONFLICT (id) DO UPDATE SET address = excluded.address, fingerprint = excluded.fingerprint, sink_identity = excluded.sink_identity, "+
		"sink_address = excluded.sink_address, shape = excluded.shape, day = excluded.day, paused = excluded.paused",
		p.ID, p.Address, p.Fingerprint, p.SinkIdentity, p.SinkAddress, p.Shape, p.Day, p.Paused)
}

// RenamePipeline carries the state of one address to another.
func (t *tx) RenamePipeline(from, to string) error {
	return t.rename("pipeline", from, to)
}

// RenameSource carries the state of one address to another.
func (t *tx) RenameSource(from, to string) error {
	return t.rename("source", from, to)
}

func (t *tx) rename(table, from, to string) error {
	taken, err := t.one("SELECT 1 FROM "+table+" WHERE address = ?", []any{to}, noRow)
	if err != nil {
		return err
	}
	if taken {
		return fmt.Errorf("rename %s: the state holds %s already", from, to)
	}
	if err := t.exec("UPDATE "+table+" SET address = ? WHERE address = ?", to, from); err != nil {
		return err
	}
	if t.c.Changes() == 0 {
		return fmt.Errorf("rename %s: the state does not hold it", from)
	}
	return nil
}

func noRow(*sqlite.Stmt) error { return nil }

// DropPipeline removes a pipeline and everything that belongs to it.
func (t *tx) DropPipeline(id int64) error {
	delete(t.growth, id)
	t.spreadKnown, t.layouts = false, nil
	if err := t.dropDeliveries("pipeline = ?", id); err != nil {
		return err
	}
	for _, table := range []string{"item", "recent", "overlay", "layout", "open", "flight", "change", "run", "position", "based", "told"} {
		if err := t.exec("DELETE FROM "+table+" WHERE pipeline = ?", id); err != nil {
			return err
		}
	}
	return t.exec("DELETE FROM pipeline WHERE id = ?", id)
}

// Based tells for which partitions the first complete read was taken.
func (v *view) Based(pipeline int64) (map[string]bool, error) {
	based := map[string]bool{}
	_, err := v.one("SELECT part FROM based WHERE pipeline = ?", []any{pipeline}, func(st *sqlite.Stmt) error {
		based[st.ColumnText(0)] = true
		return nil
	})
	return based, err
}

// SetBased remembers that the first complete read of a partition was taken.
func (t *tx) SetBased(pipeline int64, part string) error {
	return t.exec("INSERT OR REPLACE INTO based (pipeline, part) VALUES (?, ?)", pipeline, part)
}

const positionColumns = "SELECT pipeline, source, seq, digest FROM position WHERE pipeline = ?"

func scanPosition(st *sqlite.Stmt, p *state.Position) error {
	*p = state.Position{
		Pipeline: st.ColumnInt64(0),
		Source:   st.ColumnInt64(1),
		Seq:      uint64(st.ColumnInt64(2)),
		Digest:   columnBytes(st, 3),
	}
	return nil
}

// Position gives how far a pipeline has processed a source.
func (v *view) Position(pipeline, source int64) (p state.Position, found bool, err error) {
	found, err = v.one(positionColumns+" AND source = ?", []any{pipeline, source}, func(st *sqlite.Stmt) error {
		return scanPosition(st, &p)
	})
	return p, found, err
}

// Positions gives all positions of a pipeline.
func (v *view) Positions(pipeline int64) ([]state.Position, error) {
	return list(v, positionColumns+" ORDER BY source", []any{pipeline}, scanPosition)
}

// PutPosition inserts or replaces a position.
func (t *tx) PutPosition(p state.Position) error {
	return t.exec("INSERT OR REPLACE INTO position (pipeline, source, seq, digest) VALUES (?, ?, ?, ?)",
		p.Pipeline, p.Source, p.Seq, p.Digest)
}
