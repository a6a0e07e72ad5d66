package change

import (
	"time"

	"koppel/engine/record"
)

// settle brings a draft and the open key together.
func (d *Decider) settle(in *Input, v *draft) (Verdict, error) {
	o := in.Open
	switch {
	case v.silent && v.Op == 0 && v.Open == "" && v.Remember == Leave:
		if o != nil {
			return stand(o, v.Had, v.Expect), nil
		}
		return v.Verdict, nil
	case v.withheld:
		return d.withheld(in, v), nil
	case v.Open != "":
		return v.troubled(d, o), nil
	case v.Op == 0:
		v.Clear = o != nil
		return v.Verdict, nil
	}
	if o != nil {
		stays, err := d.reopen(in, v)
		if err != nil {
			return Verdict{}, err
		}
		if stays {
			return stand(o, v.Had, v.Expect), nil
		}
		v.Clear = true
	}
	if v.graced && d.rules.Grace > 0 && !v.Approved && d.postponed(o, v) {
		return v.Verdict, nil
	}
	d.protect(in, v)
	return v.Verdict, nil
}

// withheld is for a removal in a run that makes none: it waits, and says why.
// What is open for another reason stays so, and a grace does not begin.
func (d *Decider) withheld(in *Input, v *draft) Verdict {
	o, since := in.Open, d.run.Now
	if o != nil {
		due := o.Reason == Grace && !d.run.Now.Before(o.Due)
		waits := o.Reason == Waiting && (o.Op == record.Delete || o.Op == record.Disable)
		same := o.Op == v.Op && o.Cause == v.Cause && o.Note == d.run.NoDeletes
		if !due && !waits || waits && same {
			return stand(o, v.Had, v.Expect)
		}
		since = o.Since
	}
	if v.graced && d.rules.Grace > 0 && o == nil {
		return Verdict{Had: v.Had, Expect: v.Expect, Outcome: v.Outcome}
	}
	d.protect(in, v)
	if v.Open == "" && v.Op != 0 {
		v.Hold(Waiting, since)
		v.Note = d.run.NoDeletes
	}
	return v.Verdict
}

// troubled is for a record that failed or waits before the sink.
func (v *draft) troubled(d *Decider, o *Open) Verdict {
	v.Since = d.run.Now
	if o == nil {
		return v.Verdict
	}
	same := o.Op == 0 && o.Code == v.Code && o.Field == v.Field && o.Note == v.Note
	switch {
	case o.Reason == Dismissed && same, o.Reason == v.Open && same:
		return stand(o, v.Had, v.Expect)
	case o.Op != 0 && (o.Reason == Rejected || o.Reason == Dismissed || o.Reason == Undone):
		// What a person set aside stays so until it is known what is desired.
		v.Open, v.Since = "", time.Time{}
	case o.Reason == v.Open && o.Op == 0:
		v.Since = o.Since
	}
	return v.Verdict
}

// reopen judges a change under a key that is open already: whether the open
// key stays as it is, or the change takes its place.
func (d *Decider) reopen(in *Input, v *draft) (stays bool, err error) {
	o := in.Open
	same, err := d.same(o, v)
	if err != nil {
		return false, err
	}
	v.Approved = o.Approved && same && d.exactly(in, v)
	switch o.Reason {
	case Rejected, Dismissed, Undone:
		return same && !v.Approved, nil
	case Refused:
		if !same {
			return false, nil
		}
		v.Attempts = o.Attempts
		due := d.run.ByHand || d.run.Mapping || o.Forced || !d.run.Now.Before(o.Due)
		if due {
			v.Since = o.Since
		}
		return !due, nil
	case Held:
		v.WasHeld, v.Since = !v.Approved, o.Since
	}
	return false, nil
}

// same tells whether the open key's change and the draft's want the same.
func (d *Decider) same(o *Open, v *draft) (bool, error) {
	writes := func(op record.Op) bool { return op == record.Create || op == record.Update }
	if o.Op != v.Op && !(writes(o.Op) && writes(v.Op)) {
		return false, nil
	}
	if o.Op == record.Delete {
		return true, nil
	}
	if (o.After == nil) != (v.After == nil) {
		return false, nil
	}
	names, err := record.Differ(o.After, v.After, d.compare)
	return len(names) == 0, err
}

// exactly tells whether an approval of the open key's change holds for the
// draft's: operation, before and after are the same. An item whose hash is not
// known may have changed; but an unsure one is so because the approved change
// was begun, or its approval was given while it was unsure.
func (d *Decider) exactly(in *Input, v *draft) bool {
	o := in.Open
	unsure := in.Item != nil && in.Item.Status == Unsure
	known := (!v.Had || v.Expect != record.Hash{}) && o.Before == v.Expect
	names, err := record.Differ(o.After, v.After, nil)
	return (known || unsure) && o.Op == v.Op && len(names) == 0 && err == nil
}

// postponed opens the key until its grace ends, and tells so. A removal that
// was open for another reason has had its grace.
func (d *Decider) postponed(o *Open, v *draft) bool {
	since := d.run.Now
	if o != nil {
		if o.Reason == Grace {
			since = o.Since
		} else if o.Op == record.Delete || o.Op == record.Disable {
			return false
		}
	}
	due := since.Add(d.rules.Grace)
	if !d.run.Now.Before(due) {
		return false
	}
	if o != nil && o.Reason == Grace && o.Due.Equal(due) && o.Cause == v.Cause && o.Op == v.Op {
		v.Verdict = stand(o, v.Had, v.Expect)
		return true
	}
	v.Hold(Grace, since)
	v.Due = due
	return true
}

// protect opens the key when the target's row is known and protected.
func (d *Decider) protect(in *Input, v *draft) {
	if d.rules.Protect == nil || in.Row == nil || v.Op != record.Delete && v.Op != record.Disable {
		return
	}
	protected, warning := d.rules.Protect(in.Row.Body)
	if !protected {
		return
	}
	o := in.Open
	if o != nil && o.Reason == Protected && o.Op == v.Op && o.Cause == v.Cause {
		v.Verdict = stand(o, v.Had, v.Expect)
	} else {
		v.Hold(Protected, d.run.Now)
	}
	v.Warning = warning
}
