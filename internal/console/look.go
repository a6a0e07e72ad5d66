package console

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"koppel/dsl"
	"koppel/engine"
	"koppel/internal/view"
)

func (c *call) status() (any, error) {
	return newStatus(c.api.opts.Service.Status(), c.api.opts.Version), nil
}

func (c *call) stateList() (any, error) {
	pipelines, sources, err := c.engine.StateList(c.Context())
	if err != nil {
		return nil, err
	}
	return view.NewStateList(pipelines, sources), nil
}

// Pages.
const (
	usualPage = 100
	maxPage   = 1000
)

// A page is the part of a list that is asked for.
type page struct {
	limit int
	after string // what the last page ended with; empty: from the beginning
}

// page reads the parameters of a page.
func (c *call) page() (page, error) {
	p := page{limit: usualPage}
	if text := c.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxPage {
			return p, refuse("invalid", fmt.Sprintf("limit %s: write a number from 1 to %d", clip(text), maxPage))
		}
		p.limit = n
	}
	after, err := base64.RawURLEncoding.DecodeString(c.URL.Query().Get("after"))
	if err != nil {
		return p, badAfter()
	}
	p.after = string(after)
	return p, nil
}

func badAfter() error {
	return refuse("invalid", `after: take it from the link with rel="next" of the page before`)
}

// more links to the page that begins after a mark.
func (c *call) more(mark string) {
	q := url.Values{}
	for name, values := range c.URL.Query() {
		if name != "after" && name != "wait" {
			q[name] = values
		}
	}
	q.Set("after", base64.RawURLEncoding.EncodeToString([]byte(mark)))
	c.header.Set("Link", "<"+c.URL.EscapedPath()+"?"+q.Encode()+`>; rel="next"`)
}

// number is the mark of a page as a number; 0: from the beginning.
func (p page) number() (int64, error) {
	if p.after == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(p.after, 10, 64)
	if err != nil || n < 1 {
		return 0, badAfter()
	}
	return n, nil
}

func (c *call) named() dsl.Named { return dsl.Named{Project: c.project, Engine: c.engine} }

func (c *call) pipelines() ([]string, error) {
	return c.named().Pipelines(c.Context(), c.URL.Query()["pipeline"])
}

func (c *call) listRuns() (any, error) {
	p, err := c.page()
	if err != nil {
		return nil, err
	}
	before, err := p.number()
	if err != nil {
		return nil, err
	}
	addresses, err := c.pipelines()
	if err != nil {
		return nil, err
	}
	runs, err := c.engine.RunsBefore(c.Context(), addresses, p.limit+1, before)
	if err != nil {
		return nil, err
	}
	if len(runs) > p.limit {
		runs = runs[:p.limit]
		c.more(strconv.FormatInt(runs[p.limit-1].ID, 10))
	}
	return view.NewRuns(runs), nil
}

// runID reads the number of a run from the path.
func (c *call) runID() (int64, error) {
	text := c.PathValue("run")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, refuse("invalid", clip(text)+" is no number of a run")
	}
	return id, nil
}

var errEnough = errors.New("enough was seen")

func (c *call) showRun() (any, error) {
	id, err := c.runID()
	if err != nil {
		return nil, err
	}
	p, err := c.page()
	if err != nil {
		return nil, err
	}
	seen, err := p.number()
	if err != nil {
		return nil, err
	}
	run, err := c.awaitRun(id)
	if err != nil {
		return nil, err
	}
	out := view.RunDetails{FormatVersion: view.FormatVersion, Run: view.NewRunEntry(run), Changes: []view.RunChange{}}
	at := int64(0)
	err = c.engine.RunChanges(c.Context(), run, func(one engine.RunChange) error {
		switch at++; {
		case at <= seen:
			return nil
		case len(out.Changes) == p.limit:
			return errEnough
		}
		out.Changes = append(out.Changes, view.NewRunChange(strings.TrimPrefix(one.Pipeline, "pipeline."), &one))
		return nil
	})
	if errors.Is(err, errEnough) {
		c.more(strconv.FormatInt(at-1, 10))
		err = nil
	}
	return out, err
}

// How a request waits for a run.
const (
	maxWait = 60 // seconds
	lookGap = 300 * time.Millisecond
)

// awaitRun gives a run, once it has ended or the request has waited enough.
func (c *call) awaitRun(id int64) (*engine.RunSummary, error) {
	wait := 0
	if text := c.URL.Query().Get("wait"); text != "" {
		var err error
		if wait, err = strconv.Atoi(text); err != nil || wait < 0 || wait > maxWait {
			return nil, refuse("invalid", fmt.Sprintf("wait %s: write a number from 0 to %d", clip(text), maxWait))
		}
	}
	ctx, cancel := context.WithTimeout(c.Context(), time.Duration(wait)*time.Second)
	defer cancel()
	gap := time.NewTicker(lookGap)
	defer gap.Stop()
	for {
		run, err := c.engine.RunByID(c.Context(), id)
		if err != nil || !run.Ended.IsZero() {
			return run, err
		}
		select {
		case <-gap.C:
		case <-c.api.life.Done():
			return run, nil
		case <-ctx.Done():
			return run, nil
		}
	}
}

// record reads which record a request is about.
func (c *call) record() (address, key string, err error) {
	q := c.URL.Query()
	if key = q.Get("key"); key == "" || q.Get("pipeline") == "" {
		return "", "", refuse("invalid", "name a record with pipeline and key")
	}
	address, err = c.named().Pipeline(c.Context(), q.Get("pipeline"))
	return address, key, err
}

func (c *call) history() (any, error) {
	address, key, err := c.record()
	if err != nil {
		return nil, err
	}
	h, err := c.engine.History(c.Context(), address, key)
	if err != nil {
		return nil, err
	}
	return view.NewHistory(h), nil
}

func (c *call) explain() (any, error) {
	address, key, err := c.record()
	if err != nil {
		return nil, err
	}
	p := c.project.Pipelines[address]
	if p == nil {
		return nil, refuse("unknown", address+" is no longer configured, so that nothing maps its records; its history shows what happened to one")
	}
	x, err := c.engine.Explain(c.Context(), p, key)
	if err != nil {
		return nil, err
	}
	return view.NewExplanation(x, c.project.Located), nil
}

func (c *call) explainRun() (any, error) {
	id, err := c.runID()
	if err != nil {
		return nil, err
	}
	address, key, err := c.record()
	if err != nil {
		return nil, err
	}
	x, err := c.engine.ExplainRun(c.Context(), address, key, id)
	if err != nil {
		return nil, err
	}
	return view.NewRunExplanation(x), nil
}
