package change

import (
	"testing"
	"time"

	"koppel/engine/record"

	"github.com/google/go-cmp/cmp"
)

// open is a key that waits with an update of a to b.
func open(reason Reason, change ...func(*Open)) *Open {
	o := &Open{Reason: reason, Op: record.Update, Cause: record.CauseSource, Since: now.Add(-time.Hour),
		Before: hash(a), After: body(b)}
	for _, f := range change {
		f(o)
	}
	return o
}

// removal makes it a delete.
func removal(o *Open)  { o.Op, o.After, o.Cause = record.Delete, nil, record.CauseGone }
func approved(o *Open) { o.Approved = true }
func forced(o *Open)   { o.Forced = true }
func notDue(o *Open)   { o.Due = now.Add(time.Hour) }
func failedOn(o *Open) { o.Op, o.After, o.Code, o.Field, o.Note = 0, nil, "type", "name", "no text" }
func due24(o *Open)    { o.Due = o.Since.Add(24 * time.Hour) }
func longAgo(o *Open)  { o.Since = now.Add(-24 * time.Hour); o.Due = now }
func wanted(s string) func(*Open) {
	return func(o *Open) { o.After = body(s) }
}

func TestOpenKeys(t *testing.T) {
	const c = `{"active":true,"mail":"a@example.org","name":"C","start":"2020"}`
	update := func(o *Open) Input { return Input{Item: item(Delivered, a), Want: mapped("r2", b), Open: o} }
	still := func(o *Open) Input { return Input{Item: item(Delivered, a), Want: mapped("r1", a), Open: o} }
	gone := func(o *Open) Input { return Input{Item: item(Delivered, a), Want: seen(Absent), Open: o} }
	unproven := func(o *Open) Input { return Input{Item: item(Delivered, a), Want: Want{Seen: Absent}, Open: o} }
	fails := func(o *Open) Input {
		return Input{Item: item(Delivered, a), Want: Want{Seen: FailedRecord, Code: "type", Field: "name", Note: "no text"}, Open: o}
	}
	none := func(w Want, o *Open) Input { return Input{Want: w, Open: o} }
	rowed := gone(open(Protected, removal))
	rowed.Looked, rowed.Row = true, row(`{"protected":true}`)
	const does, deletes = "update because changed at source fields name put delivered clear", "delete because gone at source drop clear"
	check(t, []decision{
		{name: "refused, not due", r: rules(), in: update(open(Refused, notDue)), want: "= failed"},
		{name: "refused, due", r: rules(), in: update(open(Refused)), want: does},
		{name: "refused, by hand", r: rules(), run: Run{ByHand: true}, in: update(open(Refused, notDue)), want: does},
		{name: "refused, forced", r: rules(), in: update(open(Refused, notDue, forced)), want: does},
		{name: "refused, mapping changed", r: rules(), run: Run{Mapping: true}, in: update(open(Refused, notDue)), want: does},
		{name: "refused, something else wanted", r: rules(), in: update(open(Refused, notDue, wanted(c))), want: does},
		{name: "refused, nothing wanted any more", r: rules(), in: still(open(Refused, notDue)), want: "clear = unchanged"},
		{name: "refused delete, not due", r: rules(), in: gone(open(Refused, removal, notDue)), want: "= failed"},
		{name: "refused delete, due, no proof", r: rules(), in: unproven(open(Refused, removal)), want: "= failed"},
		{name: "refused delete had its grace", r: rules(grace(24)), in: gone(open(Refused, removal)), want: deletes},

		{name: "waits and nothing is deleted, still", r: rules(), run: Run{NoDeletes: "who is it"}, in: gone(open(Waiting, removal, func(o *Open) { o.Note = "who is it" })), want: "= waiting"},
		{name: "waits for another reason", r: rules(), run: Run{NoDeletes: "who is it"}, in: gone(open(Waiting, removal)), want: "open waiting delete = waiting"},
		{name: "waits no longer, had its grace", r: rules(grace(24)), in: gone(open(Waiting, removal)), want: deletes},
		{name: "waits and is back", r: rules(), run: Run{NoDeletes: "who is it"}, in: still(open(Waiting, removal)), want: "clear = unchanged"},
		{name: "grace is over and nothing is deleted", r: rules(grace(24)), run: Run{NoDeletes: "who is it"}, in: gone(open(Grace, removal, longAgo)), want: "open waiting delete = waiting"},
		{name: "grace lasts and nothing is deleted", r: rules(grace(24)), run: Run{NoDeletes: "who is it"}, in: gone(open(Grace, removal, due24)), want: "= pending"},
		{name: "held and nothing is deleted", r: rules(), run: Run{NoDeletes: "who is it"}, in: gone(open(Held, removal, approved)), want: "= held"},
		{name: "refused update of what is gone, nothing is deleted", r: rules(), run: Run{NoDeletes: "who is it"}, in: gone(open(Refused)), want: "= failed"},

		{name: "held", r: rules(), in: update(open(Held)), want: does + " was held"},
		{name: "held, approved", r: rules(), in: update(open(Held, approved)), want: does + " approved"},
		{name: "held, approved, other after", r: rules(), in: update(open(Held, approved, wanted(c))), want: does + " was held"},
		{name: "held, approved, other before", r: rules(), in: update(open(Held, approved, func(o *Open) { o.Before = hash(c) })), want: does + " was held"},
		{name: "held, approved, other operation", r: rules(), in: update(open(Held, approved, removal)), want: does + " was held"},
		{name: "held delete, approved", r: rules(grace(24)), in: gone(open(Held, removal, approved)), want: deletes + " approved"},
		{name: "held delete, no proof", r: rules(), in: unproven(open(Held, removal, approved)), want: "= held"},
		{name: "held delete, seen again", r: rules(), in: still(open(Held, removal)), want: "clear = unchanged"},

		{name: "grace starts", r: rules(grace(24)), in: gone(nil), want: "open grace delete = pending"},
		{name: "grace starts when it leaves the filter", r: rules(grace(24)), in: Input{Item: item(Delivered, a), Want: seen(Filtered)}, want: "open grace delete = pending"},
		{name: "grace goes on", r: rules(grace(24)), in: gone(open(Grace, removal, due24)), want: "= pending"},
		{name: "grace was lengthened", r: rules(grace(48)), in: gone(open(Grace, removal, due24)), want: "open grace delete = pending"},
		{name: "grace is over", r: rules(grace(24)), in: gone(open(Grace, removal, longAgo)), want: deletes},
		{name: "grace is over, no proof", r: rules(grace(24)), in: unproven(open(Grace, removal, longAgo)), want: "= pending"},
		{name: "grace was taken away", r: rules(), in: gone(open(Grace, removal, due24)), want: deletes},
		{name: "seen again", r: rules(grace(24)), in: still(open(Grace, removal, due24)), want: "clear = unchanged"},
		{name: "seen again, not mapped", r: rules(grace(24)), in: Input{Item: item(Delivered, a), Want: seen(Unchanged), Open: open(Grace, removal, due24)}, want: "clear = unchanged"},
		{name: "seen again and changed", r: rules(grace(24)), in: update(open(Grace, removal, due24)), want: does},
		{name: "seen again and failed", r: rules(grace(24)), in: fails(open(Grace, removal, due24)), want: "open failed none = failed"},
		{name: "its record is there but unknown", r: rules(grace(24)), in: Input{Item: item(Delivered, a), Want: seen(Unknown), Open: open(Grace, removal, longAgo)}, want: "= pending"},

		{name: "still failed", r: rules(), in: fails(open(Failed, failedOn)), want: "= failed"},
		{name: "failed otherwise", r: rules(), in: fails(open(Failed, failedOn, func(o *Open) { o.Field = "mail" })), want: "open failed none = failed"},
		{name: "failed no more", r: rules(), in: update(open(Failed, failedOn)), want: does},
		{name: "failed and gone", r: rules(), in: none(seen(Absent), open(Failed, failedOn)), want: "clear = silent"},
		{name: "failed and perhaps gone", r: rules(), in: none(Want{Seen: Absent}, open(Failed, failedOn)), want: "= failed"},
		{name: "waited", r: rules(), in: update(open(Waiting)), want: does},
		{name: "still waiting", r: rules(), in: none(Want{Seen: WaitingRecord}, open(Waiting, failedOn, func(o *Open) { o.Code, o.Field, o.Note = "", "", "" })), want: "= waiting"},
		{name: "untouched", r: rules(), in: Input{Item: item(Delivered, a), Open: open(Held)}, want: "= held"},
		{name: "in doubt", r: rules(), in: update(open(InDoubt)), want: "= aside"},

		{name: "still protected", r: rules(protect), in: rowed, want: "= protected"},
		{name: "protected no more", r: rules(), in: rowed, want: deletes},

		{name: "rejected", r: rules(), in: update(open(Rejected)), want: "= aside"},
		{name: "rejected, something else wanted", r: rules(), in: update(open(Rejected, wanted(c))), want: does},
		{name: "rejected, nothing wanted any more", r: rules(), in: still(open(Rejected)), want: "clear = unchanged"},
		{name: "rejected delete", r: rules(grace(24)), in: gone(open(Rejected, removal)), want: "= aside"},
		{name: "rejected delete, now disabled", r: rules(action(DisableRow), grace(24)), in: gone(open(Rejected, removal)),
			want: "disable because gone at source fields active put disabled clear"},
		{name: "rejected, record fails", r: rules(), in: fails(open(Rejected)), want: "= failed"},
		{name: "dismissed failure", r: rules(), in: fails(open(Dismissed, failedOn)), want: "= aside"},
		{name: "dismissed failure, another now", r: rules(), in: fails(open(Dismissed, failedOn, func(o *Open) { o.Note = "x" })), want: "open failed none = failed"},
		{name: "dismissed refusal", r: rules(), in: update(open(Dismissed)), want: "= aside"},
		{name: "undone create", r: rules(), in: none(mapped("r2", b), open(Undone, func(o *Open) { o.Op, o.Before = record.Create, record.Hash{} })), want: "= aside"},
		{name: "undone create, approved", r: rules(), in: none(mapped("r2", b), open(Undone, approved, func(o *Open) { o.Op, o.Before = record.Create, record.Hash{} })),
			want: "create because new put delivered clear approved"},
		{name: "undone create, record gone", r: rules(), in: none(seen(Absent), open(Undone)), want: "clear = silent"},
		{name: "foreign delete rejected, target not read", r: rules(target), in: none(seen(Absent), open(Rejected, removal)), want: "= aside"},
	})
}

func TestVerdictInFull(t *testing.T) {
	due := now.Add(24 * time.Hour)
	tests := []struct {
		name string
		in   Input
		want Verdict
	}{
		{"update", Input{Item: item(Delivered, a), Want: mapped("r2", b), Open: open(Refused, func(o *Open) { o.Attempts = 3 })}, Verdict{
			Op: record.Update, Cause: record.CauseSource, Before: body(a), After: body(b), Fields: []string{"name"},
			Had: true, Expect: hash(a), Remember: Put, Raw: hash("r2"), Mapped: hash(b), Clear: true,
			Attempts: 3, Since: now.Add(-time.Hour), Outcome: Changed,
		}},
		{"grace", Input{Item: item(Delivered, a), Want: seen(Absent)}, Verdict{
			Cause: record.CauseGone, Before: body(a), Had: true, Expect: hash(a),
			Open: Grace, OpenOp: record.Delete, Since: now, Due: due, Outcome: Pending,
		}},
		{"let go", Input{Item: item(Delivered, a), Want: seen(OutOfWindow)}, Verdict{
			Cause: record.CauseWindow, Had: true, Expect: hash(a), Remember: Touch, Mapped: hash(a), Status: Expired,
			Outcome: UnchangedRecord,
		}},
		{"failure", Input{Want: Want{Seen: FailedRecord, Code: "type", Field: "name", Note: "no text"}}, Verdict{
			Open: Failed, Since: now, Code: "type", Field: "name", Note: "no text", Outcome: FailedChange,
		}},
		{"adoption", Input{Want: mapped("r1", b), Looked: true, Row: row(`{"id":7,"name":"A"}`)}, Verdict{
			Op: record.Update, Cause: record.CauseAdopted, Before: body(`{"name":"A"}`), After: body(b), Fields: []string{"name"},
			Ref: body("7"), Remember: Put, Raw: hash("r1"), Mapped: hash(b), Outcome: Changed,
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := New(rules(grace(24)), Run{Now: now}).Decide(&test.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}
