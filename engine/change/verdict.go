package change

import (
	"time"

	"koppel/engine/record"
)

// CauseForeign is the cause of deleting a row of the target that never was an
// item.
const CauseForeign record.Cause = "not in source"

// CodeNull is the code of a record whose field is null where on_null is error.
const CodeNull = "null"

// Remember says what becomes of the item: once Op was applied, or at once when
// there is no Op.
type Remember byte

// Leave does nothing. Touch changes raw hash, status and source reference
// alone. Put replaces the item; its body is After, but Out items have none. Drop
// removes the item.
const (
	Leave Remember = iota
	Touch
	Put
	Drop
)

// An Outcome says how a key counts in a run.
type Outcome byte

// The outcomes. Changed has an Op, which says how it counts. Pending waits for
// its grace to end; Aside was set aside by a person (rejected, dismissed,
// undone) or is in doubt. Silent keys do not count.
const (
	Silent Outcome = iota
	Changed
	UnchangedRecord
	SkippedRecord
	ProtectedRow
	HeldChange
	WaitingChange
	FailedChange
	Pending
	Aside
)

// A Verdict is what must be done under one key, and why.
type Verdict struct {
	// Op is the change to apply; 0: none.
	Op            record.Op
	Cause         record.Cause
	Before, After []byte
	// Fields names what an update or disable sends, in mapping order.
	Fields []string
	Ref    []byte
	// Foreign: the change removes a row of the target that never was an item.
	Foreign bool

	// Had and Expect are the item that the verdict rests on.
	Had    bool
	Expect record.Hash

	Remember    Remember
	Raw, Mapped record.Hash
	Status      Status
	Src         Src

	// Open, when not empty, is the reason under which the key becomes open,
	// with OpenOp and After as what waits (OpenOp 0: a record that failed or
	// waits before the sink). Clear: the open key is dropped, once Op was
	// applied if there is one. Neither: an open key stays as it is.
	Open     Reason
	OpenOp   record.Op
	Since    time.Time
	Due      time.Time
	Attempts int
	Code     string
	Field    string
	Note     string
	Clear    bool
	// Approved: someone approved exactly this change; guards let it pass.
	Approved bool
	// WasHeld: the key was held and not, or not so, approved. The guard judges
	// it anew; Since is when it was held first.
	WasHeld bool

	Outcome Outcome
	Warning string
}

// Idle tells that the verdict changes nothing anywhere.
func (v *Verdict) Idle() bool {
	return v.Op == 0 && v.Remember == Leave && v.Open == "" && !v.Clear
}

// Hold turns a change into an open key: what would have been applied waits
// under reason since a time, and nothing is remembered of it yet.
func (v *Verdict) Hold(reason Reason, since time.Time) {
	v.Open, v.OpenOp, v.Op = reason, v.Op, 0
	v.Since, v.Clear, v.Remember, v.Approved = since, false, Leave, false
	v.Outcome = outcomes[reason]
}

var outcomes = map[Reason]Outcome{
	Refused: FailedChange, Failed: FailedChange, Held: HeldChange, Grace: Pending, Waiting: WaitingChange,
	Protected: ProtectedRow, InDoubt: Aside, Rejected: Aside, Dismissed: Aside, Undone: Aside,
}

// stand leaves the open key as it is.
func stand(o *Open, had bool, expect record.Hash) Verdict {
	return Verdict{Had: had, Expect: expect, Outcome: outcomes[o.Reason]}
}
