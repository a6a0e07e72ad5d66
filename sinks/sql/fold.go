package sql

import (
	"context"
	"strings"

	"koppel/engine/record"
	"koppel/internal/sql"
)

// Fold gives the form in which the table's unique index compares a key. In a
// table that does not exist yet, keys compare as bytes. The first call looks at
// the table; Folding says why where that fails.
func (s *sink) Fold(k record.Key) record.Key {
	return s.fold(s.uniqueIndex(), k)
}

func (s *sink) fold(ix *sql.Index, k record.Key) record.Key {
	parts := s.key.texts(k)
	if len(parts) != len(s.key.columns) {
		return k
	}
	changed := false
	for i, column := range s.key.columns {
		folded := foldPart(s.db.Dialect, ix, column, parts[i])
		changed = changed || folded != parts[i]
		parts[i] = folded
	}
	if !changed {
		return k
	}
	folded, err := record.MakeKey(parts...)
	if err != nil {
		return k
	}
	return folded
}

// Folding tells whether Fold changes any key at all. The error says why that
// can't be told.
func (s *sink) Folding() (bool, error) {
	for _, c := range s.uniqueIndex().Collations {
		if c != "" && c != "BINARY" {
			return true, nil
		}
	}
	return false, s.unlooked
}

// uniqueIndex is the index that tells our rows apart, without columns where
// there is none yet.
func (s *sink) uniqueIndex() *sql.Index {
	if s.unique == nil {
		s.unique = &sql.Index{}
		s.unlooked = s.reading(context.Background(), func(r *sink) error {
			if ix := r.table.UniqueOver(r.keyAndRows()); ix != nil {
				s.unique = ix
			}
			return nil
		})
	}
	return s.unique
}

func foldPart(d sql.Dialect, ix *sql.Index, column, part string) string {
	for i, c := range ix.Columns {
		if !strings.EqualFold(c, column) {
			continue
		}
		return d.Fold(ix.Collations[i], part)
	}
	return part
}
