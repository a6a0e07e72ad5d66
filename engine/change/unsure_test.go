package change

import (
	"testing"

	"koppel/engine/record"
)

// unsure is an item of which a call was begun and not remembered. b is what
// stood there before it; empty: that may not have been anything.
func unsure(b string) *Item { return &Item{Status: Unsure, Body: body(b)} }

func waiting(op record.Op) *Open { return &Open{Reason: Waiting, Op: op, Since: now} }

func TestUnsure(t *testing.T) {
	reverted := mapped("r1", a)
	check(t, []decision{
		{"wanted, may stand", rules(), Run{}, Input{Item: unsure(""), Want: mapped("r2", a), Open: waiting(record.Create)},
			"create because new put delivered clear"},
		{"wanted again after a delete", rules(), Run{}, Input{Item: unsure(""), Want: reverted, Open: waiting(record.Delete)},
			"create because reappeared put delivered clear"},
		{"as before the update", rules(), Run{}, Input{Item: unsure(a), Want: reverted, Open: waiting(record.Update)},
			"update because changed at source fields name mail active put delivered clear"},
		{"another row is adopted", rules(), Run{}, Input{Item: unsure(""), Want: reverted, Looked: true, Row: &Row{Ref: []byte("7"), Body: body(a), Matched: true}},
			"update because adopted fields mail put delivered"},
		{"its own row is there", rules(), Run{}, Input{Item: unsure(""), Want: reverted, Looked: true, Row: row(b)}, "create because new put delivered"},
		{"its row is not there", rules(), Run{}, Input{Item: unsure(a), Want: reverted, Looked: true}, "create because changed at source put delivered"},
		{"gone", rules(), Run{}, Input{Item: unsure(""), Want: seen(Tombstone), Open: waiting(record.Create)}, "delete because gone at source drop clear"},
		{"gone after an update", rules(), Run{}, Input{Item: unsure(a), Want: seen(Absent)}, "delete because gone at source drop"},
		{"gone, grace begins", rules(grace(2)), Run{}, Input{Item: unsure(""), Want: seen(Absent), Open: waiting(record.Create)}, "open grace delete = pending"},
		{"gone, grace is over", rules(grace(2)), Run{}, Input{Item: unsure(""), Want: seen(Absent), Open: waiting(record.Delete)}, "delete because gone at source drop clear"},
		{"gone and not there", rules(), Run{}, Input{Item: unsure(""), Want: seen(Absent), Looked: true}, "drop = unchanged"},
		{"gone, protected", rules(protect), Run{}, Input{Item: unsure(""), Want: seen(Absent), Looked: true, Row: row(`{"protected":true}`)}, "open protected delete = protected"},
		{"left the filter", rules(), Run{}, Input{Item: unsure(""), Want: seen(Filtered)}, "delete because left the filter put out"},
		{"retired", rules(), Run{}, Input{Item: unsure(""), Want: seen(Retired)}, "delete because retired drop"},
		{"disabled", rules(action(DisableRow)), Run{}, Input{Item: unsure(`{"active":false}`), Want: seen(Absent)},
			"disable because gone at source fields active put disabled"},
		{"kept", rules(action(KeepRow)), Run{}, Input{Item: unsure(a), Want: seen(Absent)}, "put kept = unchanged"},
		{"out of window", rules(), Run{}, Input{Item: unsure(a), Want: seen(OutOfWindow)}, "put expired = unchanged"},
		{"not proven gone", rules(), Run{}, Input{Item: unsure(""), Want: Want{Seen: Absent}, Open: waiting(record.Create)}, "= waiting"},
		{"its source record failed", rules(), Run{}, Input{Item: unsure(""), Want: seen(Unknown), Open: waiting(record.Create)}, "= waiting"},
		{"only remembered", rules(), Run{}, Input{Item: unsure(""), Want: reverted, Baseline: true}, "put delivered = unchanged"},
		{"gone, only remembered", rules(), Run{}, Input{Item: unsure(""), Want: seen(Absent), Baseline: true}, "drop = unchanged"},
		{"refused before", rules(), Run{}, Input{Item: unsure(""), Want: reverted, Open: &Open{Reason: Refused, Op: record.Create, After: body(a), Due: now.Add(1)}}, "= failed"},
		{"its approval stands", rules(), Run{}, Input{Item: unsure(""), Want: reverted, Open: &Open{Reason: Held, Op: record.Create, After: body(a), Approved: true}},
			"create because new put delivered clear approved"},
		{"the approval of an update stands", rules(), Run{}, Input{Item: unsure(a), Want: mapped("r2", b),
			Open: &Open{Reason: Held, Op: record.Update, Before: hash(a), After: body(b), Approved: true}},
			"update because changed at source fields name mail active put delivered clear approved"},
	})
}
