package change

import (
	"errors"
	"fmt"
	"slices"

	"koppel/engine/record"
)

// A Decider decides for the keys of one pipeline in one run. It is safe for
// concurrent use when the functions of its rules are.
type Decider struct {
	rules   Rules
	run     Run
	order   map[string]int // place of a field in the mapping
	compare record.Rules
	strict  []string // fields that must not be null
}

// New prepares decisions under the rules of a pipeline and the facts of a run.
func New(rules Rules, run Run) *Decider {
	d := &Decider{rules: rules, run: run, order: map[string]int{}, compare: record.Rules{}}
	for i := range rules.Fields {
		f := &rules.Fields[i]
		d.order[f.Name] = i
		if f.Compare != record.Exact {
			d.compare[f.Name] = f.Compare
		}
		if f.OnNull == ErrorNull {
			d.strict = append(d.strict, f.Name)
		}
	}
	return d
}

// ErrStatus says that a disabled or unsure item was given as Unchanged: its
// record must be mapped to be told apart from what stands at the target.
var ErrStatus = errors.New("a disabled or unsure item must be mapped")

// A draft is a verdict that open keys have not been looked at for.
type draft struct {
	Verdict
	// silent: nothing is known that an open key could be settled by.
	silent bool
	// graced: the change waits for the grace of the pipeline.
	graced bool
	// withheld: it is a removal, in a run that makes none.
	withheld bool
}

// Decide gives the verdict on one key. It fails on bodies that are no JSON
// objects, and when what a disable writes can't be evaluated.
func (d *Decider) Decide(in *Input) (Verdict, error) {
	if in.Open != nil && in.Open.Reason == InDoubt {
		had, expect := in.expect()
		return stand(in.Open, had, expect), nil
	}
	plain, err := d.plain(in)
	if err != nil {
		return Verdict{}, fmt.Errorf("compare %s: %w", in.Key, err)
	}
	v, err := d.settle(in, &plain)
	if err != nil {
		return Verdict{}, fmt.Errorf("compare %s: %w", in.Key, err)
	}
	if v.Op != 0 {
		v.Outcome = Changed
	}
	return v, nil
}

func (in *Input) expect() (had bool, hash record.Hash) {
	if in.Item == nil {
		return false, record.Hash{}
	}
	return true, in.Item.Mapped
}

// missing tells that nothing stands at the target.
func (in *Input) missing() bool { return in.Looked && in.Row == nil }

// plain is the verdict as if no key were open.
func (d *Decider) plain(in *Input) (draft, error) {
	var v draft
	v.Had, v.Expect = in.expect()
	v.Src = in.Want.Src
	var err error
	switch in.Want.Seen {
	case Untouched:
		v.silent = true
		if d.run.Refresh && in.Open == nil && in.Item != nil && in.Item.Status == Delivered {
			err = d.unchanged(in, &v)
		}
	case Unknown:
		v.silent = true
	case Unchanged:
		err = d.unchanged(in, &v)
	case Mapped:
		err = d.mapped(in, &v)
	case Filtered:
		err = d.filtered(in, &v)
	case FailedRecord:
		v.trouble(Failed, &in.Want)
	case WaitingRecord:
		v.trouble(Waiting, &in.Want)
	default:
		err = d.gone(in, &v)
	}
	return v, err
}

func (v *draft) trouble(reason Reason, w *Want) {
	v.Open, v.Code, v.Field, v.Note = reason, w.Code, w.Field, w.Note
	v.Outcome = outcomes[reason]
}

// unchanged is for a record that is as it was when the item was put.
func (d *Decider) unchanged(in *Input, v *draft) error {
	if in.Item == nil {
		return errors.New("a record without an item is given as unchanged")
	}
	v.Src = in.Item.Src
	switch in.Item.Status {
	case Disabled, Unsure:
		return ErrStatus
	case Out:
		v.Outcome = SkippedRecord
		return nil
	}
	same := *in
	same.Want.Body, same.Want.Raw, same.Want.Mapped = in.Item.Body, in.Item.Raw, in.Item.Mapped
	same.Want.Src = in.Item.Src
	return d.update(&same, v)
}

// mapped is for a record that is desired.
func (d *Decider) mapped(in *Input, v *draft) error {
	for _, name := range d.strict {
		if isNull(in.Want.Body, name) {
			v.trouble(Failed, &Want{Code: CodeNull, Field: name, Note: name + " is null"})
			return nil
		}
	}
	stub := in.Item == nil || in.Item.Status == Out
	maybe := !stub && in.Item.maybe()
	switch {
	case in.Baseline && (stub || maybe):
		v.put(in)
		return nil
	case in.Row != nil && (stub || maybe && in.Row.Matched):
		return d.adopt(in, v)
	case stub || maybe:
		v.Op, v.Cause = record.Create, record.CauseNew
		if stub && in.Item != nil || maybe && in.Open != nil && in.Open.Op == record.Delete {
			v.Cause = record.CauseReappeared
		}
		v.put(in)
		return nil
	}
	return d.update(in, v)
}

// put remembers the desired record as delivered.
func (v *draft) put(in *Input) {
	v.Remember, v.Status = Put, Delivered
	v.Raw, v.Mapped, v.After = in.Want.Raw, in.Want.Mapped, in.Want.Body
	v.Outcome = UnchangedRecord
}

// adopt is for a desired record that has a row at the target and no item.
func (d *Decider) adopt(in *Input, v *draft) error {
	names, err := d.drifted(in.Row.Body, in.Want.Body)
	if err != nil {
		return err
	}
	if in.Row.Matched {
		for _, name := range d.rules.Key {
			if record.Member(in.Want.Body, name) != nil && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		d.sort(names)
	}
	v.put(in)
	v.Cause, v.Ref = record.CauseAdopted, in.Row.Ref
	if len(names) > 0 || in.Row.Matched {
		v.Op, v.Fields = record.Update, names
		v.Before = d.managed(in.Row.Body, in.Want.Body)
	}
	return nil
}

// update is for a desired record whose item has a row at the target.
func (d *Decider) update(in *Input, v *draft) error {
	item, want := in.Item, &in.Want
	back := item.Status != Delivered && item.Status != Unsure
	names, err := d.changed(item, want)
	if err != nil {
		return err
	}
	send, drift := d.sendable(names, want.Body), []string(nil)
	if d.run.Refresh && in.Row != nil {
		if drift, err = d.drifted(in.Row.Body, want.Body); err != nil {
			return err
		}
	}
	v.put(in)
	switch {
	case in.Baseline:
	case in.missing() && (d.run.Refresh || back || len(send) > 0):
		v.Op, v.Cause = record.Create, d.cause(in, back, len(names) > 0)
		return nil
	case len(send) > 0 || len(drift) > 0:
		v.Op, v.Cause = record.Update, d.cause(in, back, len(send) > 0)
		v.Fields, v.Before = d.union(send, drift), overlay(item.Body, d.pick(in.Row, drift))
		return nil
	}
	v.remember(item, item.Status != Delivered || len(names) > 0)
	return nil
}

// remember puts no more than what is new of the item when nothing is sent.
func (v *draft) remember(item *Item, moved bool) {
	switch {
	case moved || v.Mapped != item.Mapped:
	case v.Raw != item.Raw || v.Src != item.Src:
		v.Remember, v.After = Touch, nil
	default:
		v.Remember, v.After = Leave, nil
	}
}

// cause says why a desired record is not as it was delivered. back: its item
// was not delivered; differs: the mapped record is another.
func (d *Decider) cause(in *Input, back, differs bool) record.Cause {
	switch {
	case back:
		return record.CauseReappeared
	case !differs:
		return record.CauseDrift
	case in.Item.Raw != in.Want.Raw && in.Item.Raw != record.Hash{}:
		return record.CauseSource
	case d.run.Mapping:
		return record.CauseMapping
	case d.run.Join:
		return record.CauseJoin
	case d.run.Date:
		return record.CauseDate
	case in.Open != nil && in.Open.Op == record.Update && in.Open.Cause != "":
		return in.Open.Cause
	}
	return record.CauseSource
}
