package sqlite

import (
	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

const (
	sourceColumns = "SELECT id, address, fingerprint, epoch, seq FROM source"
	partColumns   = "SELECT source, part, full_at, count, cursor FROM part"
	heldColumns   = "SELECT source, address, count, since, approved, note FROM held_read"
)

func scanSource(st *sqlite.Stmt, s *state.Source) error {
	*s = state.Source{
		ID:          st.ColumnInt64(0),
		Address:     st.ColumnText(1),
		Fingerprint: columnBytes(st, 2),
		Epoch:       st.ColumnInt64(3),
		Seq:         uint64(st.ColumnInt64(4)),
	}
	return nil
}

// Sources gives all sources by address.
func (v *view) Sources() ([]state.Source, error) {
	return list(v, sourceColumns+" ORDER BY address", nil, scanSource)
}

// Source gives the source at an address.
func (v *view) Source(address string) (s state.Source, found bool, err error) {
	found, err = v.one(sourceColumns+" WHERE address = ?", []any{address}, func(st *sqlite.Stmt) error {
		return scanSource(st, &s)
	})
	return s, found, err
}

// PutSource inserts when ID is 0, else replaces, and gives the ID. IDs are
// never used twice.
func (t *tx) PutSource(s state.Source) (int64, error) {
	if s.ID == 0 {
		err := t.exec("INSERT INTO source (address, fingerprint, epoch, seq) VALUES (?, ?, ?, ?)",
			s.Address, s.Fingerprint, s.Epoch, s.Seq)
		return t.c.LastInsertRowID(), err
	}
	return s.ID, t.exec("INSERT INTO source (id, address, fingerprint, epoch, seq) VALUES (?, ?, ?, ?, ?) "+
		"ON CONFLICT (id) DO UPDATE SET address = excluded.address, fingerprint = excluded.fingerprint, epoch = excluded.epoch, seq = excluded.seq",
		s.ID, s.Address, s.Fingerprint, s.Epoch, s.Seq)
}

// DropSource removes a source and everything that belongs to it.
func (t *tx) DropSource(id int64) error {
	for _, table := range []string{"part", "position", "mirror", "held_read"} {
		if err := t.exec("DELETE FROM "+table+" WHERE source = ?", id); err != nil {
			return err
		}
	}
	return t.exec("DELETE FROM source WHERE id = ?", id)
}

// Parts gives the partitions of a source by name.
func (v *view) Parts(source int64) ([]state.Part, error) {
	return list(v, partColumns+" WHERE source = ? ORDER BY part", []any{source}, v.scanPart)
}

func (v *view) scanPart(st *sqlite.Stmt, p *state.Part) (err error) {
	*p = state.Part{
		Source: st.ColumnInt64(0),
		Name:   st.ColumnText(1),
		FullAt: fromMillis(st.ColumnInt64(2)),
		Count:  st.ColumnInt64(3),
	}
	p.Cursor, err = v.unpack(nil, st, 4, "part", p.Source, p.Name)
	return err
}

// PutPart inserts or replaces a partition.
func (t *tx) PutPart(p state.Part) error {
	cursor := t.pack("part", p.Source, []string{p.Name}, p.Cursor)
	return t.exec("INSERT OR REPLACE INTO part (source, part, full_at, count, cursor) VALUES (?, ?, ?, ?, ?)",
		p.Source, p.Name, p.FullAt, p.Count, cursor)
}

// DropPart removes a partition, not its mirror rows.
func (t *tx) DropPart(source int64, part string) error {
	return t.exec("DELETE FROM part WHERE source = ? AND part = ?", source, part)
}

// HeldReads gives the reads that complete_when tripped, by address.
func (v *view) HeldReads() ([]state.HeldRead, error) {
	return list(v, heldColumns+" ORDER BY address", nil, func(st *sqlite.Stmt, h *state.HeldRead) error {
		*h = state.HeldRead{
			Source:  st.ColumnInt64(0),
			Address: st.ColumnText(1),
			Count:   st.ColumnInt64(2),
			Since:   fromMillis(st.ColumnInt64(3)),
		}
		h.Approved, h.Until = approval(st.ColumnInt64(4))
		note, err := v.unpack(nil, st, 5, "held_read", h.Source)
		h.Note = string(note)
		return err
	})
}

// PutHeldRead inserts or replaces the held read of a source.
func (t *tx) PutHeldRead(h state.HeldRead) error {
	note := t.pack("held_read", h.Source, nil, []byte(h.Note))
	return t.exec("INSERT OR REPLACE INTO held_read (source, address, count, since, approved, note) VALUES (?, ?, ?, ?, ?, ?)",
		h.Source, h.Address, h.Count, h.Since, approvalValue(h.Approved, h.Until), note)
}

// DropHeldRead removes the held read of a source, if there is one.
func (t *tx) DropHeldRead(source int64) error {
	return t.exec("DELETE FROM held_read WHERE source = ?", source)
}
