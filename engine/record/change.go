package record

// An Op is what a change does to a target. Its value is the mark that a plan
// prints in front of it.
type Op byte

// The operations. Disable is an update that a delete was turned into.
const (
	Create  Op = '+'
	Update  Op = '~'
	Delete  Op = '-'
	Disable Op = 'x'
)

// String names the operation as the JSON output does.
func (o Op) String() string {
	switch o {
	case Create:
		return "create"
	case Update:
		return "update"
	case Delete:
		return "delete"
	case Disable:
		return "disable"
	}
	return "none"
}

// A Cause says why a change is planned.
type Cause string

// The causes, in the words that users see.
const (
	CauseNew        Cause = "new"
	CauseSource     Cause = "changed at source"
	CauseMapping    Cause = "mapping changed"
	CauseJoin       Cause = "join changed"
	CauseDate       Cause = "date passed"
	CauseReappeared Cause = "reappeared"
	CauseAdopted    Cause = "adopted"
	CauseDrift      Cause = "drift"
	CauseGone       Cause = "gone at source"
	CauseFilter     Cause = "left the filter"
	CauseKey        Cause = "key changed"
	CauseWindow     Cause = "out of window"
	CauseRetired    Cause = "retired"
	CauseUndo       Cause = "undo"
)

// A Change is one create, update, delete or disable of one keyed mapped
// record, as a sink receives it.
type Change struct {
	Op    Op
	Cause Cause
	Key   Key
	// Before and After are mapped records: JSON objects with members sorted by
	// name. Before is what was delivered last (or what was found at the target,
	// for an adoption or drift), nil for a create; After is nil for a delete.
	Before, After []byte
	// Fields names the members of After that an update sends, in the order of
	// the mapping. A create sends all of After.
	Fields []string
	// Ref is the target's own handle of the row, as Find or List gave it: set
	// for adoptions and for deletes of rows that are no items. Nil otherwise.
	Ref []byte
	// Answer is what the target answered when it took the record earlier: for
	// sinks whose Traits ask for it, in Write and in Find. Nil for a create, and
	// for a row that never was delivered.
	Answer []byte
	// Order is the record's place in the source, for sinks that keep order.
	Order uint64
	// Lane groups changes whose order matters, for sinks that keep order per
	// lane. Empty: the key.
	Lane string
	// Protect judges a delete on the target's row as it stands when the delete
	// is applied; nil when nothing is protected. A sink that gets one reads
	// the row in the delete's own transaction and reports Protected instead of
	// deleting when it answers true.
	Protect func(row []byte) bool
	// Holder tells which other record of the pipeline a target's answer belongs
	// to; empty: none. It is set for creates and updates where changes carry
	// answers. A sink that looks for a row asks it before it takes the row for that
	// of this change, and not at the same time for several.
	Holder func(answer []byte) (Key, error)
}

// A Shape describes the mapped records of one pipeline to its sink.
type Shape struct {
	Pipeline string
	Fields   []Field // in the order of the mapping; empty when not known before a run
	Open     bool    // the mapping makes whole objects: records may have members beyond Fields
	Key      []KeyField
}

// A Field is one field of a mapped record.
type Field struct {
	Name      string
	Type      string // string, number, integer, bool, date, datetime, list, object; empty: not declared
	Sensitive bool
	Send      bool // false: kept for joins, not delivered
	Fold      bool // texts count as equal whatever their case and the white space around them
}

// ContentField is the field that holds the SHA-256, in lower-case hexadecimal
// digits, of the file that a record names, for sinks that deliver the file.
const ContentField = "sha256"

// A KeyField says which mapped field holds a part of the key; Name is empty
// when no mapped field has the expression of that part. Source is the part's
// source path, such as "EmployeeId", when it is a plain path.
type KeyField struct{ Name, Source string }
