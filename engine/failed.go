package engine

import (
	"context"
	"encoding/json"
	"time"

	"koppel/engine/plan"
	"koppel/engine/state"
)

// A FailedKey is a record that failed, was refused, or whose delivery is in
// doubt.
type FailedKey struct {
	OpenKey
	// Dismissal says who dismissed it and why; empty: nobody did, or it is no
	// longer known.
	Dismissal string
}

// Failed lists the records that failed before the sink, were refused by it, or
// are in doubt, and on request those that were dismissed. nil addresses: of
// all pipelines.
func (e *Engine) Failed(ctx context.Context, addresses []string, dismissed bool) ([]FailedKey, error) {
	return e.FailedPage(ctx, addresses, dismissed, OpenPage{})
}

// FailedPage is a page of what Failed lists.
func (e *Engine) FailedPage(ctx context.Context, addresses []string, dismissed bool, page OpenPage) ([]FailedKey, error) {
	reasons := []state.Reason{state.Failed, state.Refused, state.InDoubt}
	if dismissed {
		reasons = append(reasons, state.Dismissed)
	}
	open, err := e.openList(ctx, addresses, page, reasons...)
	if err != nil {
		return nil, err
	}
	list := make([]FailedKey, len(open))
	for i, o := range open {
		list[i].OpenKey = o
	}
	if !dismissed {
		return list, nil
	}
	return list, e.dismissals(ctx, list)
}

// dismissals fills in who dismissed what.
func (e *Engine) dismissals(ctx context.Context, list []FailedKey) error {
	type place struct{ address, key string }
	words := map[place]string{}
	err := e.Store.View(ctx, func(v state.View) error {
		for row, err := range v.Runs(0) {
			if err != nil {
				return err
			}
			if row.Kind != KindDismiss {
				continue
			}
			var problems []plan.Problem
			_ = json.Unmarshal(row.Problems, &problems) // what is damaged names nobody
			for _, p := range problems {
				at := place{row.Address, p.Key}
				if words[at] == "" { // the newest comes first
					words[at] = p.Message
				}
			}
		}
		return nil
	})
	for i := range list {
		if f := &list[i]; f.Reason == state.Dismissed {
			f.Dismissal = words[place{f.Pipeline, f.Key}]
		}
	}
	return err
}

// Retry makes refused records due at once. Those in doubt and dismissed ones
// are tried again only when they are named: nobody but the person who names it
// knows that a record in doubt is not at the target.
func (e *Engine) Retry(ctx context.Context, d Decision) (*Decided, error) {
	return e.decide(ctx, KindRetry, d, func(_ state.View, _ *remembered, o *state.Open, named bool) (bool, string, error) {
		switch o.Reason {
		case state.Refused, state.Failed:
			o.Due = time.Time{}
			return true, "", nil
		case state.InDoubt:
			if !named {
				return false, "it is not known whether the target took it; look there, and name the key with --only to send it again", nil
			}
			o.Reason, o.Due = state.Refused, time.Time{}
			return true, "", nil
		case state.Dismissed:
			if !named {
				return false, "", nil
			}
			o.Reason, o.Due = state.Failed, time.Time{}
			if o.Op != 0 {
				o.Reason = state.Refused
			}
			return true, "", nil
		}
		return false, notFailed(o, named), nil
	})
}

// Dismiss makes runs leave failed records alone, while they fail in the same
// way or exactly the same is wanted of them.
func (e *Engine) Dismiss(ctx context.Context, d Decision) (*Decided, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return e.decide(ctx, KindDismiss, d, func(_ state.View, _ *remembered, o *state.Open, named bool) (bool, string, error) {
		switch o.Reason {
		case state.InDoubt:
			if !named {
				return false, "it is not known whether the target took it; name the key with --only to dismiss it", nil
			}
		case state.Refused, state.Failed:
		default:
			return false, notFailed(o, named), nil
		}
		// Note stays: a record that fails in other words is no longer dismissed.
		o.Reason, o.Due, o.Approved, o.Until = state.Dismissed, time.Time{}, false, time.Time{}
		return true, "", nil
	})
}

func notFailed(o *state.Open, named bool) string {
	if !named {
		return ""
	}
	return "it has not failed; it is " + string(o.Reason)
}
