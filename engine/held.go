package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"koppel/engine/record"
	"koppel/engine/state"
)

// A HeldRead is a read of a source that its complete_when does not accept.
type HeldRead = state.HeldRead

// Held lists the changes that guards hold, and with set also those that a
// person set aside: rejected ones and those that an undo took back. nil
// addresses: of all pipelines.
func (e *Engine) Held(ctx context.Context, addresses []string, aside bool) ([]OpenKey, error) {
	return e.HeldPage(ctx, addresses, aside, OpenPage{})
}

// HeldPage is a page of what Held lists.
func (e *Engine) HeldPage(ctx context.Context, addresses []string, aside bool, page OpenPage) ([]OpenKey, error) {
	reasons := []state.Reason{state.Held}
	if aside {
		reasons = append(reasons, state.Rejected, state.Undone)
	}
	return e.openList(ctx, addresses, page, reasons...)
}

// HeldReads lists the reads that were not accepted. nil addresses: of all
// sources.
func (e *Engine) HeldReads(ctx context.Context, addresses []string) ([]HeldRead, error) {
	var list []HeldRead
	err := e.Store.View(ctx, func(v state.View) error {
		all, err := v.HeldReads()
		for _, h := range all {
			if h.Approved = h.ApprovedAt(e.Now()); !h.Approved {
				h.Until = time.Time{}
			}
			if addresses == nil || slices.Contains(addresses, h.Address) {
				list = append(list, h)
			}
		}
		return err
	})
	return list, err
}

// Approve lets the next run do what is held, exactly as it is listed: key,
// operation, before and after. Keys that are named may also be rejected or
// undone ones.
func (e *Engine) Approve(ctx context.Context, d Decision) (*Decided, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return e.decide(ctx, KindApprove, d, func(v state.View, r *remembered, o *state.Open, named bool) (bool, string, error) {
		aside := o.Reason == state.Rejected || o.Reason == state.Undone
		if o.Reason != state.Held && !(aside && named) {
			return false, notHeld(o, named), nil
		}
		it, err := v.Item(r.row.ID, o.Key)
		if err != nil {
			return false, "", err
		}
		var now record.Hash
		if it != nil {
			now = it.Mapped
		}
		switch {
		case o.Reason == state.Undone:
			// What the undo left is what the approved change replaces.
			o.Before = now
		case now != o.Before:
			return false, "it was changed since it was held; run again, and look at what is held then", nil
		}
		o.Approved, o.Until, o.Note = true, d.until(e.Now()), d.words(KindApprove)
		return true, "", nil
	})
}

// Reject makes runs leave held changes alone, while exactly these are wanted.
func (e *Engine) Reject(ctx context.Context, d Decision) (*Decided, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return e.decide(ctx, KindReject, d, func(_ state.View, _ *remembered, o *state.Open, named bool) (bool, string, error) {
		if o.Reason != state.Held {
			return false, notHeld(o, named), nil
		}
		o.Reason, o.Approved, o.Until, o.Note = state.Rejected, false, time.Time{}, d.words(KindReject)
		return true, "", nil
	})
}

// notHeld says why a named key is left alone.
func notHeld(o *state.Open, named bool) string {
	if !named {
		return ""
	}
	return fmt.Sprintf("it is not held but %s", o.Reason)
}

// ApproveRead accepts a read of a source with as many records as the one that
// is held, or more. The error is an *UnknownError when none is held.
func (e *Engine) ApproveRead(ctx context.Context, source string, d Decision) (*Decided, error) {
	return e.decideRead(ctx, source, d, true)
}

// WithdrawRead takes the approval of a read back, so that the next one is held
// anew with its own count. The error is an *UnknownError when none is approved.
func (e *Engine) WithdrawRead(ctx context.Context, source string, d Decision) (*Decided, error) {
	return e.decideRead(ctx, source, d, false)
}

func (e *Engine) decideRead(ctx context.Context, source string, d Decision, approve bool) (*Decided, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	kind, what := KindApprove, "held read"
	if !approve {
		kind, what = KindReject, "approved read"
	}
	unlock, err := e.Store.Lock(ctx, e.readLocks(source), e.LockWait, e.Holder)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var out *Decided
	err = e.Store.Update(ctx, func(tx state.Tx) error {
		all, err := tx.HeldReads()
		if err != nil {
			return err
		}
		for _, h := range all {
			if h.Address != source || !approve && !h.ApprovedAt(e.Now()) {
				continue
			}
			h.Approved, h.Until = approve, time.Time{}
			if approve {
				h.Until = d.until(e.Now())
			}
			if err := tx.PutHeldRead(h); err != nil {
				return err
			}
			run, err := e.note(tx, kind, source, d.words(kind), []OpenKey{{}})
			out = &Decided{Read: &h, Run: run}
			return err
		}
		return &UnknownError{What: what, Name: source}
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// readLocks lists the locks that keep everybody from reading a source.
func (e *Engine) readLocks(source string) []string {
	set := map[string]bool{source: true}
	for address, p := range e.Project.Pipelines {
		if slices.Contains(e.Project.Inputs(p), source) {
			set[address] = true
		}
	}
	return sortedAddresses(set)
}

// SourceAddress gives the address of a source that a person names, with or
// without "source." or its kind. The error is an *UnknownError or an
// *AmbiguousError when that is none or several.
func (e *Engine) SourceAddress(ctx context.Context, name string) (string, error) {
	set := map[string]bool{}
	for a := range e.Project.Sources {
		set[a] = true
	}
	err := e.Store.View(ctx, func(v state.View) error {
		rows, err := v.Sources()
		for _, row := range rows {
			if strings.HasPrefix(row.Address, "source.") {
				set[row.Address] = true
			}
		}
		return err
	})
	if err != nil {
		return "", err
	}
	want := strings.TrimPrefix(name, "source.")
	near := nearest{text: strings.ToLower(want)}
	var found []string
	for _, a := range sortedAddresses(set) {
		inner := strings.TrimPrefix(a, "source.")
		_, short, _ := strings.Cut(inner, ".")
		if inner == want {
			return a, nil
		}
		if short == want {
			found = append(found, a)
		}
		if strings.Contains(want, ".") {
			near.add(inner)
		} else {
			near.add(short)
		}
	}
	switch len(found) {
	case 0:
		return "", &UnknownError{What: "source", Name: name, Near: near.names()}
	case 1:
		return found[0], nil
	}
	return "", &AmbiguousError{What: "source", Name: name, Choices: found}
}
