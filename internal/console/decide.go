package console

import (
	"context"
	"errors"
	"strings"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/engine/record"
	"koppel/internal/view"
)

func (c *call) listHeld() (any, error) {
	p, err := c.page()
	if err != nil {
		return nil, err
	}
	open, err := p.openPage()
	if err != nil {
		return nil, err
	}
	aside, err := c.flag("set_aside")
	if err != nil {
		return nil, err
	}
	ctx, q := c.Context(), c.URL.Query()
	pipelines, err := c.pipelines()
	if err != nil {
		return nil, err
	}
	var sources []string
	for _, name := range q["source"] {
		address, err := c.engine.SourceAddress(ctx, name)
		if err != nil {
			return nil, err
		}
		sources = append(sources, address)
	}
	var changes []engine.OpenKey
	if len(pipelines) > 0 || len(sources) == 0 {
		if changes, err = c.engine.HeldPage(ctx, pipelines, aside, open); err != nil {
			return nil, err
		}
	}
	var reads []engine.HeldRead
	if p.after == "" && (len(sources) > 0 || len(pipelines) == 0) {
		if reads, err = c.engine.HeldReads(ctx, sources); err != nil {
			return nil, err
		}
	}
	return view.NewHeld(paged(c, p, changes, func(o *engine.OpenKey) *engine.OpenKey { return o }), reads), nil
}

func (c *call) listFailed() (any, error) {
	p, err := c.page()
	if err != nil {
		return nil, err
	}
	open, err := p.openPage()
	if err != nil {
		return nil, err
	}
	dismissed, err := c.flag("dismissed")
	if err != nil {
		return nil, err
	}
	addresses, err := c.pipelines()
	if err != nil {
		return nil, err
	}
	list, err := c.engine.FailedPage(c.Context(), addresses, dismissed, open)
	if err != nil {
		return nil, err
	}
	return view.NewFailed(paged(c, p, list, func(f *engine.FailedKey) *engine.OpenKey { return &f.OpenKey })), nil
}

// openPage is the part of a list of open keys that is asked for, and one entry
// more: what tells whether there is another page.
func (p page) openPage() (engine.OpenPage, error) {
	out := engine.OpenPage{Limit: p.limit + 1}
	pipeline, key, found := strings.Cut(p.after, "\x00")
	if !found && p.after != "" {
		return out, badAfter()
	}
	out.Pipeline, out.Key = pipeline, record.Key(key)
	return out, nil
}

// paged gives a page without the entry more, and the link to the next one. What
// is decided between two pages moves nothing from one to the other.
func paged[T any](c *call, p page, list []T, key func(*T) *engine.OpenKey) []T {
	if len(list) > p.limit {
		list = list[:p.limit]
		last := key(&list[p.limit-1])
		c.more(last.Pipeline + "\x00" + string(last.ID))
	}
	return list
}

// flag reads a parameter that is true or false.
func (c *call) flag(name string) (bool, error) {
	switch text := c.URL.Query().Get(name); text {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, refuse("invalid", name+" is neither true nor false")
	}
}

func (c *call) approve() (any, error) { return c.decideHeld(true) }

func (c *call) reject() (any, error) { return c.decideHeld(false) }

func (c *call) decideHeld(approve bool) (any, error) {
	b := c.body.(*HeldDecision)
	d, err := c.decision(b.Only, b.Reason, true)
	if err != nil {
		return nil, err
	}
	if d.For, err = lifetime(b.For); err != nil {
		return nil, err
	}
	switch {
	case b.For != "" && !approve:
		return nil, refuse("invalid", "for: only an approval can end by itself")
	case (b.Source == "") == (len(b.Pipelines) == 0):
		return nil, refuse("invalid", "name what is decided on: pipelines, or a source")
	case b.Source != "" && len(b.Only) > 0:
		return nil, refuse("invalid", "a read is decided on as a whole; leave out only")
	case b.Source != "":
		return c.decideRead(b.Source, d, approve)
	}
	decide := c.engine.Reject
	if approve {
		decide = c.engine.Approve
	}
	return c.decide(b.Pipelines, d, decide, "nothing is held there; what only a plan found is not in the state yet: run first")
}

func (c *call) decideRead(name string, d engine.Decision, approve bool) (any, error) {
	source, err := c.engine.SourceAddress(c.Context(), name)
	if err != nil {
		return nil, err
	}
	decide, none := c.engine.WithdrawRead, "no read of "+source+" is approved; one that is held stays so until the source gives enough records again, or someone approves it"
	if approve {
		decide, none = c.engine.ApproveRead, "no read of "+source+" is held"
	}
	out, err := decide(c.Context(), source, d)
	if errors.As(err, new(*engine.UnknownError)) {
		return nil, refuse("nothing", none)
	}
	if err != nil {
		return nil, err
	}
	return view.NewDecision(out), nil
}

func (c *call) retry() (any, error) { return c.decideFailed(false) }

func (c *call) dismiss() (any, error) { return c.decideFailed(true) }

func (c *call) decideFailed(dismiss bool) (any, error) {
	b := c.body.(*FailedDecision)
	d, err := c.decision(b.Only, b.Reason, dismiss)
	if err != nil {
		return nil, err
	}
	decide, names := c.engine.Retry, b.Pipelines
	switch {
	case dismiss && len(names) == 0:
		return nil, refuse("invalid", "name the pipelines whose records are dismissed")
	case dismiss:
		decide = c.engine.Dismiss
	case len(names) == 0:
		pipelines, _, err := c.engine.StateList(c.Context())
		if err != nil {
			return nil, err
		}
		for _, p := range pipelines {
			names = append(names, p.Address)
		}
	}
	return c.decide(names, d, decide, "nothing has failed there")
}

// decision begins a decision that is recorded under the token's name.
func (c *call) decision(only []string, reason string, needsReason bool) (engine.Decision, error) {
	if needsReason && strings.TrimSpace(reason) == "" {
		return engine.Decision{}, refuse("invalid", "reason: say why; it is kept with the decision")
	}
	return engine.Decision{Only: only, Reason: reason, Who: "token " + c.token}, nil
}

func (c *call) decide(names []string, d engine.Decision, decide func(context.Context, engine.Decision) (*engine.Decided, error), none string) (any, error) {
	var err error
	if d.Addresses, err = c.named().Pipelines(c.Context(), names); err != nil {
		return nil, err
	}
	out, err := decide(c.Context(), d)
	if err != nil {
		return nil, err
	}
	if len(out.Keys)+len(out.Skipped) == 0 {
		return nil, refuse("nothing", none)
	}
	return view.NewDecision(out), nil
}

func (c *call) pause() (any, error) { return c.setPaused(true) }

func (c *call) resume() (any, error) { return c.setPaused(false) }

func (c *call) setPaused(paused bool) (any, error) {
	b := c.body.(*Pausing)
	if len(b.Pipelines) == 0 {
		return nil, refuse("invalid", "name the pipelines")
	}
	list, err := c.selected(b.Pipelines)
	if err != nil {
		return nil, err
	}
	var addresses []string
	for _, p := range list {
		addresses = append(addresses, p.Address)
	}
	changed, err := c.engine.SetPaused(c.Context(), addresses, paused, "token "+c.token, b.Reason)
	if err != nil {
		return nil, err
	}
	return view.NewPaused(paused, addresses, changed), nil
}

// lifetime reads how long an approval holds; 0: it does not end.
func lifetime(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := dsl.ParseDuration(text)
	if err == nil && d <= 0 {
		err = errors.New("write a time that is longer than none")
	}
	if err != nil {
		return 0, refuse("invalid", "for: "+err.Error())
	}
	return d, nil
}
