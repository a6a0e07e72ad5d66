package change

import (
	"time"

	"koppel/engine/record"
)

// OnNull says what an update does with a field that is null now.
type OnNull byte

// What becomes of a field that is null: the target's is cleared, is kept, or
// the record fails.
const (
	ClearNull OnNull = iota
	KeepNull
	ErrorNull
)

// A Field is one mapped field with its rules.
type Field struct {
	Name       string
	OnNull     OnNull
	CreateOnly bool
	Compare    record.Compare
	Send       bool
}

// An Action says what becomes of a delivered record that is no longer wanted.
type Action byte

// The actions of a deletes block.
const (
	DeleteRow Action = iota
	DisableRow
	KeepRow
)

// Rules are those of one pipeline.
type Rules struct {
	Fields []Field // in the order of the mapping
	// Open: records may have members beyond Fields.
	Open bool
	// Key names the mapped fields that hold the sink's key: an adoption writes
	// them.
	Key    []string
	Action Action
	// Set gives the fields that a disable writes, as a JSON object. It is
	// called with the record that is disabled. Nil: none.
	Set   func(key record.Key, body []byte) ([]byte, error)
	Grace time.Duration
	// Target: rows of the target that are no items are deleted too.
	Target bool
	// Protect judges a row of the target; nil: nothing is protected. warning
	// is not empty when the row is protected because it could not be judged.
	Protect func(row []byte) (protected bool, warning string)
	// Same tells that a target shows a value as another one; nil: it never
	// does. Both are JSON values.
	Same func(field string, shown, written []byte) bool
	// ExpiredDelete: a record that left its window on the past side is deleted,
	// not let go.
	ExpiredDelete bool
}

// A Run holds the facts of one run that bear on every key.
type Run struct {
	Now time.Time
	// Mapping, Join and Date tell what is not as it was when the pipeline last
	// ran: its fingerprint, a joined side, today's date.
	Mapping, Join, Date bool
	// Refresh: rows of the target that are not as delivered are put right.
	Refresh bool
	// ByHand: refused records are tried again whether they are due or not.
	ByHand bool
	// NoDeletes says why nothing is deleted, such as that the key of a failed
	// record can't be tied to a source record; empty: it may be. Removals that
	// would be made wait.
	NoDeletes string
	// TargetDeletes: no record failed or waits and no create or adoption is
	// left undone, so rows that are no items may be deleted.
	TargetDeletes bool
}
