package change

import (
	"testing"
	"time"

	"koppel/engine/record"

	"github.com/google/go-cmp/cmp"
)

var (
	now    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	hasher = record.NewHasher(nil)
)

func hash(body string) record.Hash {
	if body == "" {
		return record.Hash{}
	}
	return hasher.Bytes([]byte(body))
}

func body(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// Short forms for the table. A raw of r1 is that of the record as delivered.
func item(status Status, b string) *Item {
	return &Item{Raw: hash("r1"), Mapped: hash(b), Status: status, Body: body(b)}
}

func mapped(raw, b string) Want {
	return Want{Seen: Mapped, Body: body(b), Raw: hash(raw), Mapped: hash(b)}
}

func seen(s Seen) Want { return Want{Seen: s, Complete: true, Raw: hash("r2")} }

func row(b string) *Row { return &Row{Ref: []byte("7"), Body: body(b)} }

func rules(change ...func(*Rules)) Rules {
	r := Rules{
		Fields: []Field{
			{Name: "name", Send: true},
			{Name: "mail", Send: true, Compare: record.Fold},
			{Name: "phone", Send: true, OnNull: KeepNull},
			{Name: "start", Send: true, CreateOnly: true},
			{Name: "boss"},
			{Name: "active", Send: true},
		},
		Key: []string{"mail"},
		Set: func(record.Key, []byte) ([]byte, error) { return []byte(`{"active":false}`), nil },
	}
	for _, f := range change {
		f(&r)
	}
	return r
}

func action(a Action) func(*Rules)       { return func(r *Rules) { r.Action = a } }
func grace(h time.Duration) func(*Rules) { return func(r *Rules) { r.Grace = h * time.Hour } }
func target(r *Rules)                    { r.Target = true }

func protect(r *Rules) {
	r.Protect = func(row []byte) (bool, string) {
		switch string(record.Member(row, "protected")) {
		case "false":
			return false, ""
		case "true":
			return true, ""
		}
		return true, "protected is not true or false"
	}
}

// show is a verdict in one line, for tables.
func show(v *Verdict) string {
	s := ""
	add := func(word string, there bool) {
		if there {
			if s != "" {
				s += " "
			}
			s += word
		}
	}
	add(v.Op.String()+" because "+string(v.Cause), v.Op != 0)
	add("foreign", v.Foreign)
	add("fields", v.Fields != nil && v.Op != 0)
	for _, f := range v.Fields {
		add(f, v.Op != 0)
	}
	status := [...]string{"delivered", "expired", "out", "disabled", "kept", "unsure"}
	add("put "+status[v.Status], v.Remember == Put)
	add("touch "+status[v.Status], v.Remember == Touch)
	add("drop", v.Remember == Drop)
	if v.Open != "" {
		add("open "+string(v.Open)+" "+v.OpenOp.String(), true)
	}
	add("clear", v.Clear)
	add("approved", v.Approved)
	add("was held", v.WasHeld)
	add("warning", v.Warning != "")
	outcome := [...]string{"silent", "", "unchanged", "skipped", "protected", "held", "waiting", "failed", "pending", "aside"}
	add("= "+outcome[v.Outcome], v.Outcome != Changed)
	return s
}

const (
	a = `{"active":true,"mail":"a@example.org","name":"A","start":"2020"}`
	b = `{"active":true,"mail":"a@example.org","name":"B","start":"2020"}`
)

type decision struct {
	name string
	r    Rules
	run  Run
	in   Input
	want string
}

func check(t *testing.T, tests []decision) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run := test.run
			run.Now = now
			v, err := New(test.r, run).Decide(&test.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, show(&v)); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDesired(t *testing.T) {
	disabled := item(Disabled, `{"active":false,"mail":"a@example.org","name":"A","start":"2020"}`)
	disabled.Mapped = record.Hash{}
	hashed := item(Disabled, string(disabled.Body))
	hashed.Mapped = hash(a)
	unhashed := item(Delivered, a)
	unhashed.Mapped = record.Hash{}
	strict := rules(func(r *Rules) { r.Fields[0].OnNull = ErrorNull })
	check(t, []decision{
		{name: "new", r: rules(), in: Input{Want: mapped("r1", a)}, want: "create because new put delivered"},
		{name: "as delivered", r: rules(), in: Input{Item: item(Delivered, a), Want: mapped("r1", a)}, want: "= unchanged"},
		{name: "not mapped", r: rules(), in: Input{Item: item(Delivered, a), Want: seen(Unchanged)}, want: "= unchanged"},
		{name: "reformatted source", r: rules(), in: Input{Item: item(Delivered, a), Want: mapped("r2", a)}, want: "touch delivered = unchanged"},
		{name: "hash not known", r: rules(), in: Input{Item: unhashed, Want: mapped("r1", a)}, want: "put delivered = unchanged"},
		{name: "hash not known and changed", r: rules(), in: Input{Item: unhashed, Want: mapped("r1", b)},
			run: Run{Mapping: true}, want: "update because mapping changed fields name put delivered"},
		{name: "changed at source", r: rules(), in: Input{Item: item(Delivered, a), Want: mapped("r2", b)},
			run: Run{Mapping: true, Join: true}, want: "update because changed at source fields name put delivered"},
		{name: "mapping changed", r: rules(), in: Input{Item: item(Delivered, a), Want: mapped("r1", b)},
			run: Run{Mapping: true, Join: true, Date: true}, want: "update because mapping changed fields name put delivered"},
		{name: "join changed", r: rules(), in: Input{Item: item(Delivered, a), Want: mapped("r1", b)},
			run: Run{Join: true, Date: true}, want: "update because join changed fields name put delivered"},
		{name: "date passed", r: rules(), in: Input{Item: item(Delivered, a), Want: mapped("r1", b)},
			run: Run{Date: true}, want: "update because date passed fields name put delivered"},
		{name: "fields in mapping order", r: rules(),
			in:   Input{Item: item(Delivered, a), Want: mapped("r2", `{"active":false,"mail":"b@example.org","name":"B","start":"2020"}`)},
			want: "update because changed at source fields name mail active put delivered"},
		{name: "case alone under fold", r: rules(),
			in:   Input{Item: item(Delivered, a), Want: mapped("r2", `{"active":true,"mail":"A@Example.org","name":"A","start":"2020"}`)},
			want: "put delivered = unchanged"},
		{name: "create only", r: rules(),
			in:   Input{Item: item(Delivered, a), Want: mapped("r2", `{"active":true,"mail":"a@example.org","name":"A","start":"2021"}`)},
			want: "put delivered = unchanged"},
		{name: "not sent", r: rules(),
			in:   Input{Item: item(Delivered, a), Want: mapped("r2", `{"active":true,"boss":"x","mail":"a@example.org","name":"A","start":"2020"}`)},
			want: "put delivered = unchanged"},
		{name: "null that keeps", r: rules(), in: Input{Item: item(Delivered, `{"name":"A","phone":"1"}`), Want: mapped("r2", `{"name":"B","phone":null}`)},
			want: "update because changed at source fields name put delivered"},
		{name: "null that clears", r: rules(), in: Input{Item: item(Delivered, `{"name":"A"}`), Want: mapped("r2", `{"name":null}`)},
			want: "update because changed at source fields name put delivered"},
		{name: "null that fails", r: strict, in: Input{Item: item(Delivered, a), Want: mapped("r2", `{"name":null}`)}, want: "open failed none = failed"},
		{name: "a stub again", r: rules(), in: Input{Item: item(Out, ""), Want: mapped("r2", a)}, want: "create because reappeared put delivered"},
		{name: "a kept item again", r: rules(), in: Input{Item: item(Kept, a), Want: mapped("r2", a)}, want: "put delivered = unchanged"},
		{name: "a kept item again, changed", r: rules(), in: Input{Item: item(Kept, a), Want: mapped("r2", b)},
			want: "update because reappeared fields name put delivered"},
		{name: "an expired item again, changed", r: rules(), in: Input{Item: item(Expired, a), Want: mapped("r2", b)},
			want: "update because reappeared fields name put delivered"},
		{name: "an expired item again, its row gone", r: rules(), in: Input{Item: item(Expired, a), Want: mapped("r2", a), Looked: true},
			want: "create because reappeared put delivered"},
		{name: "a disabled item again", r: rules(), in: Input{Item: disabled, Want: mapped("r1", a)},
			want: "update because reappeared fields active put delivered"},
		{name: "a disabled item again, its hash as wanted", r: rules(), in: Input{Item: hashed, Want: mapped("r1", a)},
			want: "update because reappeared fields active put delivered"},
		{name: "baseline", r: rules(), in: Input{Want: mapped("r1", a), Baseline: true}, want: "put delivered = unchanged"},
		{name: "baseline over an item", r: rules(), in: Input{Item: item(Delivered, a), Want: mapped("r2", b), Baseline: true}, want: "put delivered = unchanged"},
		{name: "failed", r: rules(), in: Input{Item: item(Delivered, a), Want: seen(FailedRecord)}, want: "open failed none = failed"},
		{name: "waiting", r: rules(), in: Input{Want: seen(WaitingRecord)}, want: "open waiting none = waiting"},
		{name: "unknown", r: rules(), in: Input{Item: item(Delivered, a), Want: seen(Unknown)}, want: "= silent"},
		{name: "untouched", r: rules(), in: Input{Item: item(Delivered, a)}, want: "= silent"},
	})
}

func TestTarget(t *testing.T) {
	matched := &Row{Ref: []byte("7"), Body: body(a), Matched: true}
	all := Run{Refresh: true, TargetDeletes: true}
	foreign := func(w Want) Input { return Input{Want: w, Looked: true, Row: row(`{"name":"X","protected":false}`)} }
	shielded := foreign(seen(Absent))
	shielded.Row = row(`{"protected":true}`)
	check(t, []decision{
		{name: "adopted by match", r: rules(), in: Input{Want: mapped("r1", b), Row: matched, Looked: true},
			want: "update because adopted fields name mail put delivered"},
		{name: "adopted by key", r: rules(), in: Input{Want: mapped("r1", b), Row: row(a), Looked: true},
			want: "update because adopted fields name put delivered"},
		{name: "adopted by key, equal", r: rules(), in: Input{Want: mapped("r1", a), Row: row(a), Looked: true}, want: "put delivered = unchanged"},
		{name: "drift", r: rules(), run: all, in: Input{Item: item(Delivered, a), Want: mapped("r1", a), Looked: true, Row: row(b)},
			want: "update because drift fields name put delivered"},
		{name: "drift not asked for", r: rules(), in: Input{Item: item(Delivered, a), Want: mapped("r1", a), Looked: true, Row: row(b)}, want: "= unchanged"},
		{name: "drift of an untouched record", r: rules(), run: all, in: Input{Item: item(Delivered, a), Looked: true, Row: row(b)},
			want: "update because drift fields name put delivered"},
		{name: "drift where nothing is looked after", r: rules(), run: all,
			in:   Input{Item: item(Delivered, a), Want: seen(Unchanged), Looked: true, Row: row(`{"mail":"A@EXAMPLE.ORG","other":1,"start":"1999"}`)},
			want: "= unchanged"},
		{name: "drift beside a change", r: rules(), run: all,
			in:   Input{Item: item(Delivered, a), Want: mapped("r2", b), Looked: true, Row: row(`{"active":false,"name":"A"}`)},
			want: "update because changed at source fields name active put delivered"},
		{name: "row missing", r: rules(), run: all, in: Input{Item: item(Delivered, a), Want: seen(Unchanged), Looked: true},
			want: "create because drift put delivered"},
		{name: "row missing, record changed", r: rules(), run: all, in: Input{Item: item(Delivered, a), Want: mapped("r2", b), Looked: true},
			want: "create because changed at source put delivered"},
		{name: "drift under an open key that is untouched", r: rules(), run: all,
			in: Input{Item: item(Delivered, a), Looked: true, Row: row(b), Open: open(Held)}, want: "= held"},
		{name: "matched row of a record that is gone", r: rules(target), run: all,
			in: Input{Want: seen(Absent), Looked: true, Row: matched}, want: "= silent"},
		{name: "row missing, delete wanted", r: rules(), in: Input{Item: item(Delivered, a), Want: seen(Absent), Looked: true}, want: "drop = unchanged"},
		{name: "foreign row", r: rules(target), run: all, in: foreign(seen(Absent)), want: "delete because not in source foreign"},
		{name: "foreign row that where drops", r: rules(target), run: all, in: foreign(seen(Filtered)), want: "delete because left the filter foreign put out"},
		{name: "foreign row, scope managed", r: rules(), run: all, in: foreign(seen(Absent)), want: "= silent"},
		{name: "foreign row, not allowed", r: rules(target), in: foreign(seen(Absent)), want: "= silent"},
		{name: "foreign row, partial read", r: rules(target), run: all, in: foreign(Want{Seen: Absent}), want: "= silent"},
		{name: "foreign row, failed record", r: rules(target), run: all, in: foreign(seen(FailedRecord)), want: "open failed none = failed"},
		{name: "foreign row, out of window", r: rules(target), run: all, in: foreign(seen(OutOfWindow)), want: "= silent"},
		{name: "foreign row over a stub", r: rules(target), run: all,
			in:   Input{Item: item(Out, ""), Want: seen(Absent), Looked: true, Row: row(a)},
			want: "delete because not in source foreign drop"},
		{name: "foreign row, protected", r: rules(target, protect), run: all, in: shielded, want: "foreign open protected delete = protected"},
		{name: "foreign row, disabled", r: rules(target, action(DisableRow)), run: all,
			in:   Input{Want: seen(Absent), Looked: true, Row: row(a)},
			want: "disable because not in source foreign fields active"},
		{name: "foreign row, disabled before", r: rules(target, action(DisableRow)), run: all,
			in: Input{Want: seen(Absent), Looked: true, Row: row(`{"active":false}`)}, want: "= silent"},
		{name: "foreign row, grace", r: rules(target, grace(24)), run: all, in: foreign(seen(Absent)), want: "foreign open grace delete = pending"},
	})
}

func TestRemoval(t *testing.T) {
	gone := func(w Want) Input { return Input{Item: item(Delivered, a), Want: w} }
	of := func(s Status, w Want) Input { return Input{Item: item(s, a), Want: w} }
	expire := func(r *Rules) { r.ExpiredDelete = true }
	withRow := func(b string) Input { in := gone(seen(Absent)); in.Looked, in.Row = true, row(b); return in }
	baseline := gone(seen(Absent))
	baseline.Baseline = true
	check(t, []decision{
		{name: "absent", r: rules(), in: gone(seen(Absent)), want: "delete because gone at source drop"},
		{name: "absent from a partial read", r: rules(), in: gone(Want{Seen: Absent}), want: "= silent"},
		{name: "absent beside an unknown failure", r: rules(), run: Run{NoDeletes: "who is it"}, in: gone(seen(Absent)), want: "open waiting delete = waiting"},
		{name: "filtered beside an unknown failure", r: rules(), run: Run{NoDeletes: "who is it"}, in: gone(seen(Filtered)), want: "open waiting delete = waiting"},
		{name: "unproven beside an unknown failure", r: rules(), run: Run{NoDeletes: "who is it"}, in: gone(Want{Seen: Absent}), want: "= silent"},
		{name: "no grace begins beside an unknown failure", r: rules(grace(24)), run: Run{NoDeletes: "who is it"}, in: gone(seen(Filtered)), want: "= skipped"},
		{name: "out of window beside an unknown failure", r: rules(), run: Run{NoDeletes: "who is it"}, in: gone(Want{Seen: OutOfWindow}), want: "= silent"},
		{name: "kept beside an unknown failure", r: rules(action(KeepRow)), run: Run{NoDeletes: "who is it"}, in: gone(seen(Filtered)), want: "= skipped"},
		{name: "tombstone", r: rules(), in: gone(Want{Seen: Tombstone}), want: "delete because gone at source drop"},
		{name: "withdrawn", r: rules(), in: gone(Want{Seen: Withdrawn}), want: "delete because gone at source drop"},
		{name: "key changed", r: rules(grace(24)), in: gone(Want{Seen: KeyChanged}), want: "delete because key changed drop"},
		{name: "left the filter", r: rules(), in: gone(Want{Seen: Filtered}), want: "delete because left the filter put out"},
		{name: "retired", r: rules(grace(24)), in: gone(Want{Seen: Retired}), want: "delete because retired drop"},
		{name: "out of window", r: rules(), in: gone(Want{Seen: OutOfWindow}), want: "touch expired = unchanged"},
		{name: "out of window, deleted", r: rules(expire, grace(24)), in: gone(Want{Seen: OutOfWindow}), want: "delete because out of window drop"},
		{name: "disable", r: rules(action(DisableRow)), in: gone(seen(Absent)), want: "disable because gone at source fields active put disabled"},
		{name: "disable at retirement", r: rules(action(DisableRow)), in: gone(seen(Retired)), want: "disable because retired fields active drop"},
		{name: "disable that changes nothing", r: rules(action(DisableRow), func(r *Rules) { r.Set = nil }), in: gone(seen(Absent)),
			want: "put disabled = unchanged"},
		{name: "keep", r: rules(action(KeepRow), grace(24)), in: gone(seen(Absent)), want: "touch kept = unchanged"},
		{name: "keep at retirement", r: rules(action(KeepRow)), in: gone(seen(Retired)), want: "drop = unchanged"},
		{name: "baseline", r: rules(), in: baseline, want: "drop = unchanged"},
		{name: "protected", r: rules(protect), in: withRow(`{"protected":true}`), want: "open protected delete = protected"},
		{name: "protected for want of a judgement", r: rules(protect), in: withRow(`{}`), want: "open protected delete warning = protected"},
		{name: "not protected", r: rules(protect), in: withRow(`{"protected":false}`), want: "delete because gone at source drop"},
		{name: "first dropped by where", r: rules(), in: Input{Want: seen(Filtered)}, want: "put out = skipped"},
		{name: "still dropped, changed", r: rules(), in: of(Out, seen(Filtered)), want: "put out = skipped"},
		{name: "still dropped, not mapped", r: rules(), in: of(Out, seen(Unchanged)), want: "= skipped"},
		{name: "a stub gone", r: rules(), in: of(Out, seen(Absent)), want: "drop = unchanged"},
		{name: "a disabled item stays", r: rules(action(DisableRow)), in: of(Disabled, seen(Absent)), want: "= unchanged"},
		{name: "a disabled item and where", r: rules(action(DisableRow)), in: of(Disabled, seen(Filtered)), want: "= skipped"},
		{name: "a disabled item retired", r: rules(), in: of(Disabled, seen(Retired)), want: "delete because retired drop"},
		{name: "a kept item stays", r: rules(action(KeepRow)), in: of(Kept, seen(Tombstone)), want: "= unchanged"},
		{name: "a kept item retired", r: rules(), in: of(Kept, seen(Retired)), want: "drop = unchanged"},
		{name: "an expired item stays", r: rules(), in: of(Expired, seen(OutOfWindow)), want: "= unchanged"},
		{name: "an expired item gone", r: rules(), in: of(Expired, seen(Tombstone)), want: "drop = unchanged"},
		{name: "an expired item gone, scope target", r: rules(target), in: of(Expired, seen(Tombstone)), want: "= unchanged"},
		{name: "nothing there", r: rules(), in: Input{Want: seen(Absent)}, want: "= silent"},
	})
}

func TestDecideFails(t *testing.T) {
	for name, in := range map[string]Input{
		"unchanged without item": {Want: seen(Unchanged)},
		"unchanged and disabled": {Item: item(Disabled, a), Want: seen(Unchanged)},
		"no object":              {Item: item(Delivered, a), Want: mapped("r2", `[]`)},
	} {
		if v, err := New(rules(), Run{Now: now}).Decide(&in); err == nil {
			t.Errorf("%s: verdict %s, want an error", name, show(&v))
		}
	}
}
