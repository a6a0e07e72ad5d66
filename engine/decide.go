package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// A Decision is what a person decides about open keys.
type Decision struct {
	Addresses []string // of pipelines
	// Only limits it to these keys, as people write them; empty: all that the
	// decision is about.
	Only   []string
	Reason string
	Who    string
	// For is how long an approval holds; 0: until it is used or taken back.
	For time.Duration
}

// A Decided tells what a decision did.
type Decided struct {
	Keys []OpenKey // as they are now
	// Skipped lists those that were left alone, with the reason in Note.
	Skipped []OpenKey
	Read    *HeldRead // that was approved; nil: none
	Run     int64     // under which the decision is remembered; 0: nothing was done
}

// A judge changes an open key as a person decides. why is not empty when it
// must be left alone. named: the person named this very key.
type judge func(v state.View, r *remembered, o *state.Open, named bool) (takes bool, why string, err error)

// decide changes open keys under the locks of their pipelines, and remembers
// who decided what.
func (e *Engine) decide(ctx context.Context, kind string, d Decision, judge judge) (*Decided, error) {
	unlock, err := e.Store.Lock(ctx, d.Addresses, e.LockWait, e.Holder)
	if err != nil {
		return nil, err
	}
	defer unlock()
	out := &Decided{}
	err = e.Store.Update(ctx, func(tx state.Tx) error {
		*out = Decided{}
		left := slices.Clone(d.Only)
		for _, address := range d.Addresses {
			r, err := e.remembered(tx, address)
			if err != nil {
				return err
			}
			if err := landAll(tx, r.row.ID, e.Now()); err != nil {
				return err
			}
			one, err := decideOne(tx, r, d, judge, &left)
			if err != nil {
				return err
			}
			out.Keys, out.Skipped = append(out.Keys, one.Keys...), append(out.Skipped, one.Skipped...)
			if len(one.Keys) == 0 {
				continue
			}
			if out.Run, err = e.note(tx, kind, address, d.words(kind), one.Keys); err != nil {
				return err
			}
		}
		if len(left) > 0 {
			return e.unknownOpen(tx, d.Addresses, left[0])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// words say who decided and why.
func (d *Decision) words(kind string) string {
	past := map[string]string{KindApprove: "approved", KindReject: "rejected", KindRetry: "retry asked for", KindDismiss: "dismissed",
		KindErase: "erased", KindState: "state edited"}
	text := past[kind] + " by " + d.Who
	if d.For > 0 && kind == KindApprove {
		text += " for " + d.For.String()
	}
	if d.Reason == "" {
		return text
	}
	return text + ": " + d.Reason
}

func decideOne(tx state.Tx, r *remembered, d Decision, judge judge, left *[]string) (*Decided, error) {
	out := &Decided{}
	var open []*state.Open
	for o, err := range tx.Open(r.row.ID) {
		if err != nil {
			return nil, err
		}
		c := *o
		c.After = cloneBytes(o.After)
		open = append(open, &c)
	}
	for _, o := range open {
		named := namedBy(o.Key, d.Only)
		if named == "" && len(d.Only) > 0 {
			continue
		}
		before := *o
		takes, why, err := judge(tx, r, o, named != "")
		if err != nil {
			return nil, err
		}
		if !takes && why == "" {
			continue
		}
		*left = slices.DeleteFunc(*left, func(s string) bool { return s == named })
		if !takes {
			o = &before
		} else if err := tx.PutOpen(r.row.ID, o); err != nil {
			return nil, err
		}
		shown, err := r.openKey(tx, o)
		if err != nil {
			return nil, err
		}
		if takes {
			out.Keys = append(out.Keys, shown)
			continue
		}
		shown.Note = why
		out.Skipped = append(out.Skipped, shown)
	}
	return out, nil
}

// namedBy gives the text that names a key; empty: none does.
func namedBy(k record.Key, texts []string) string {
	for _, t := range texts {
		if ShowKey(k) == t {
			return t
		}
		if ref, failed := isFailedKey(k); failed && slices.Contains(readings(t), ref.Key) || slices.Contains(readings(t), k) {
			return t
		}
	}
	return ""
}

// unknownOpen says that nothing is open under a key.
func (e *Engine) unknownOpen(v state.View, addresses []string, text string) error {
	near := nearest{text: strings.ToLower(text)}
	var names []string
	for _, a := range addresses {
		r, err := e.remembered(v, a)
		if err != nil {
			return err
		}
		names = append(names, r.name)
		for o, err := range v.Open(r.row.ID) {
			if err != nil {
				return err
			}
			near.add(ShowKey(o.Key))
		}
	}
	return &UnknownError{What: "such open key", Name: text, In: strings.Join(names, ", "), Near: near.names()}
}

// note remembers a decision among the runs, and gives its number.
func (e *Engine) note(tx state.Tx, kind, address, words string, keys []OpenKey) (int64, error) {
	problems := make([]plan.Problem, 0, len(keys))
	for _, k := range keys {
		problems = append(problems, plan.Problem{Key: k.Key, Code: kind, Message: words})
	}
	return e.noteProblems(tx, kind, address, problems)
}

func (e *Engine) noteProblems(tx state.Tx, kind, address string, problems []plan.Problem) (int64, error) {
	b, err := json.Marshal(problems)
	if err != nil {
		return 0, err
	}
	now := e.Now()
	return tx.BeginRun(state.Run{Address: address, Kind: kind, Started: now, Ended: now, Clock: now, Status: "done", Problems: b})
}

// An OpenPage bounds a list of open keys, which is by the addresses of their
// pipelines and then by key. The zero one is all of it.
type OpenPage struct {
	Limit int // at most so many; 0: all
	// Pipeline and Key are those of the last entry before; empty: from the beginning.
	Pipeline string
	Key      record.Key
}

// full tells whether a list has as many entries as it may.
func (p OpenPage) full(n int) bool { return p.Limit > 0 && n >= p.Limit }

// before tells whether an open key belongs to an earlier page.
func (p OpenPage) before(address string, key record.Key) bool {
	return address < p.Pipeline || address == p.Pipeline && key <= p.Key
}

// openList lists a page of the open keys of some pipelines, those that have one
// of the reasons.
func (e *Engine) openList(ctx context.Context, addresses []string, page OpenPage, reasons ...state.Reason) ([]OpenKey, error) {
	var list []OpenKey
	err := e.Store.View(ctx, func(v state.View) error {
		if addresses == nil {
			all, err := e.knownPipelines(v)
			if err != nil {
				return err
			}
			addresses = all
		}
		for _, a := range slices.Compact(slices.Sorted(slices.Values(addresses))) {
			if a < page.Pipeline || page.full(len(list)) {
				continue
			}
			r, err := e.remembered(v, a)
			if err != nil {
				return err
			}
			for o, err := range v.Open(r.row.ID) {
				if err != nil {
					return err
				}
				if page.full(len(list)) {
					break
				}
				if !slices.Contains(reasons, o.Reason) || page.before(a, o.Key) {
					continue
				}
				shown, err := r.openKey(v, o)
				if err != nil {
					return err
				}
				list = append(list, shown)
			}
		}
		return nil
	})
	return list, err
}

// knownPipelines lists the addresses of all pipelines that are configured or
// remembered.
func (e *Engine) knownPipelines(v state.View) ([]string, error) {
	set := map[string]bool{}
	for a := range e.Project.Pipelines {
		set[a] = true
	}
	rows, err := v.Pipelines()
	for _, row := range rows {
		set[row.Address] = true
	}
	return sortedAddresses(set), err
}

func sortedAddresses(set map[string]bool) []string {
	list := make([]string, 0, len(set))
	for a := range set {
		list = append(list, a)
	}
	sort.Strings(list)
	return list
}

// checkDecision makes sure that somebody answers for a decision.
func (d *Decision) check() error {
	if strings.TrimSpace(d.Reason) == "" {
		return fmt.Errorf("say why with --reason; it is kept with the decision")
	}
	return nil
}
