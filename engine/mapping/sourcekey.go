package mapping

import (
	"errors"

	"koppel/engine/record"
)

// errNoKey says that a record lacks a part of its source's key.
var errNoKey = errors.New("missing, null, a list or an object")

// SourceKeys is the number of parts of Spec.SourceKey.
func (p *Program) SourceKeys() int { return len(p.sourceKey) }

// SourceKey gives the key that the source's own fields make, of the record
// that was loaded last.
func (e *Evaluator) SourceKey() (record.Key, error) { return SlotKey(e.scan, e.p.sourceKey) }

// SlotKey makes a key of the scalars in the slots of a scanned record.
func SlotKey(scan *record.Scanner, slots []int) (record.Key, error) {
	var few [4]string
	parts := few[:0]
	for _, slot := range slots {
		text, ok := record.Text(scan.Slot(slot))
		if !ok {
			return "", errNoKey
		}
		parts = append(parts, text)
	}
	return record.MakeKey(parts...)
}
