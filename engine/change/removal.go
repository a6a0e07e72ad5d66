package change

import (
	"fmt"

	"koppel/engine/record"
)

// filtered is for a record that `where` drops.
func (d *Decider) filtered(in *Input, v *draft) error {
	v.Outcome = SkippedRecord
	switch {
	case in.Item == nil || in.Item.Status == Out:
		if d.unjudged(in) {
			v.silent = true
			return nil
		}
		if d.foreign(in) {
			if err := d.removeRow(in, v, record.CauseFilter); err != nil || v.Op != 0 {
				v.stub(in)
				return err
			}
		}
		if in.Item == nil || in.Item.Raw != in.Want.Raw || in.Item.Src != in.Want.Src {
			v.stub(in)
		}
		return nil
	case in.Item.Status != Delivered && in.Item.Status != Unsure:
		return nil
	case in.Baseline:
		v.stub(in)
		v.withhold(d, in)
		return nil
	}
	v.Cause = record.CauseFilter
	if err := d.remove(in, v); err != nil {
		return err
	}
	v.withhold(d, in)
	return nil
}

// withhold keeps a removal from being made in a run that makes none, and
// everything else that this run would conclude.
func (v *draft) withhold(d *Decider, in *Input) {
	if d.run.NoDeletes == "" {
		return
	}
	if v.Op == record.Delete || v.Op == record.Disable {
		v.withheld = true
		return
	}
	*v = draft{silent: true}
	v.Had, v.Expect = in.expect()
	v.Src = in.Want.Src
	if in.Want.Seen == Filtered {
		v.Outcome = SkippedRecord
	}
}

// stub remembers that nothing stands at the target for the record.
func (v *draft) stub(in *Input) {
	v.Remember, v.Status = Put, Out
	v.Raw, v.Mapped = in.Want.Raw, record.Hash{}
}

// gone is for a key that no record gives.
func (d *Decider) gone(in *Input, v *draft) error {
	if in.Want.Seen == Absent && !in.Want.Complete {
		v.silent = true
		return nil
	}
	if err := d.ended(in, v); err != nil {
		return err
	}
	v.withhold(d, in)
	return nil
}

// ended is for one that is proven to be so.
func (d *Decider) ended(in *Input, v *draft) error {
	seen := in.Want.Seen
	if in.Item == nil || in.Item.Status == Out {
		return d.goneStub(in, v)
	}
	v.Src, v.Cause = in.Item.Src, causes[seen]
	v.Outcome = UnchangedRecord
	switch in.Item.Status {
	case Expired:
		// Under scope = "target" the stub keeps the row from being taken for
		// one that never was an item.
		if seen == Retired || seen != OutOfWindow && (!d.rules.Target || in.missing()) {
			v.Remember = Drop
		}
	case Kept:
		if seen == Retired {
			v.Remember = Drop
		}
	case Disabled:
		if seen == Retired && d.rules.Action == DeleteRow {
			return d.remove(in, v)
		}
		if seen == Retired {
			v.Remember = Drop
		}
	default:
		if in.Baseline {
			v.Remember = Drop
			return nil
		}
		return d.remove(in, v)
	}
	return nil
}

// goneStub is for such a key when nothing was delivered under it.
func (d *Decider) goneStub(in *Input, v *draft) error {
	if d.unjudged(in) {
		v.silent = true
		return nil
	}
	if in.Item != nil {
		v.Remember, v.Outcome = Drop, UnchangedRecord
	}
	if d.foreign(in) {
		return d.removeRow(in, v, CauseForeign)
	}
	return nil
}

var causes = map[Seen]record.Cause{
	Absent: record.CauseGone, Tombstone: record.CauseGone, Withdrawn: record.CauseGone,
	KeyChanged: record.CauseKey, OutOfWindow: record.CauseWindow, Retired: record.CauseRetired,
}

// remove is for an item that is no longer wanted; v says why.
func (d *Decider) remove(in *Input, v *draft) error {
	action := d.rules.Action
	window := v.Cause == record.CauseWindow
	switch {
	case window && (in.Want.Ahead || !d.rules.ExpiredDelete):
		v.letGo(in, Expired)
		return nil
	case window:
		action = DeleteRow
	case action == KeepRow && v.Cause == record.CauseRetired:
		v.Remember, v.Outcome = Drop, UnchangedRecord
		return nil
	case action == KeepRow:
		v.letGo(in, Kept)
		return nil
	}
	v.graced = v.Cause == record.CauseGone || v.Cause == record.CauseFilter
	v.Remember = Drop
	if v.Cause == record.CauseFilter {
		v.stub(in)
	}
	if in.missing() {
		v.graced = false
		return nil
	}
	v.Before = in.Item.Body
	if action == DeleteRow {
		v.Op = record.Delete
		return nil
	}
	return d.disable(in, v)
}

// letGo leaves the row at the target and looks after it no longer. The raw hash
// is forgotten, so that the record is mapped when it is back.
func (v *draft) letGo(in *Input, status Status) {
	if in.Item.Status == Unsure {
		// Back again, all of it is sent: nothing is known of the row.
		v.Remember, v.Status, v.After = Put, status, []byte("{}")
		v.Src, v.Outcome = in.Item.Src, UnchangedRecord
		return
	}
	v.Remember, v.Status = Touch, status
	v.Raw, v.Mapped, v.Src = record.Hash{}, in.Item.Mapped, in.Item.Src
	v.Outcome = UnchangedRecord
}

// disable turns a delete of v.Before into an update.
func (d *Decider) disable(in *Input, v *draft) error {
	names, err := d.setFields(in, v)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		v.Op, v.Fields = record.Disable, names
	} else {
		v.graced = false
	}
	if v.Cause == record.CauseRetired {
		v.Remember = Drop
		return nil
	}
	v.Remember, v.Status, v.Src = Put, Disabled, in.Item.Src
	v.Raw, v.Mapped = record.Hash{}, record.Hash{}
	return nil
}

// setFields makes v.After of v.Before and names what is new in it.
func (d *Decider) setFields(in *Input, v *draft) ([]string, error) {
	known := v.Before
	if in.Item != nil && in.Item.Status == Unsure {
		known = []byte("{}")
	}
	v.After = known
	if d.rules.Set == nil {
		return nil, nil
	}
	set, err := d.rules.Set(in.Key, v.Before)
	if err != nil {
		return nil, fmt.Errorf("evaluate set: %w", err)
	}
	v.After = overlay(known, set)
	names, err := record.Differ(known, v.After, nil)
	if err != nil {
		return nil, err
	}
	d.sort(names)
	return names, nil
}

// foreign tells that a row stands at the target that never was an item and may
// be deleted.
func (d *Decider) foreign(in *Input) bool {
	ended := in.Want.Seen == OutOfWindow || in.Want.Seen == Retired
	return d.rules.Target && d.run.TargetDeletes && d.run.NoDeletes == "" && !in.Baseline && !ended &&
		in.Row != nil && !in.Row.Matched
}

// unjudged tells that a removal is open for a row that is no item, and that
// this run can't say whether it is still wanted.
func (d *Decider) unjudged(in *Input) bool {
	o := in.Open
	removal := o != nil && (o.Op == record.Delete || o.Op == record.Disable)
	return removal && !in.missing() && !d.foreign(in)
}

// removeRow is for such a row.
func (d *Decider) removeRow(in *Input, v *draft, cause record.Cause) error {
	if d.rules.Action == KeepRow {
		return nil
	}
	v.Cause, v.Ref, v.graced = cause, in.Row.Ref, true
	v.Before = d.managed(in.Row.Body, nil)
	v.Foreign = true
	if d.rules.Action == DeleteRow {
		v.Op = record.Delete
		return nil
	}
	v.Before = in.Row.Body
	names, err := d.setFields(in, v)
	if err != nil {
		return err
	}
	v.Before, v.After = d.managed(v.Before, v.After), d.managed(v.After, v.After)
	if len(names) == 0 {
		v.Before, v.After, v.Ref, v.Cause = nil, nil, nil, ""
		v.Foreign, v.graced = false, false
		return nil
	}
	v.Op, v.Fields = record.Disable, names
	return nil
}
