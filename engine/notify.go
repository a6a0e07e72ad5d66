package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// The events that people are told of.
const (
	eventFailed    = "failed"
	eventHeld      = "held"
	eventRecovered = "recovered"
)

// A pipeline that goes to and fro is told of so often at once, and then once in
// a while. What was not told then is told later, if it still holds.
const (
	toldAtOnce = 6
	toldPace   = 4 * time.Hour
)

// maxTold bounds how many problems a notice names.
const maxTold = 20

// notify tells people what became of a pipeline, when that differs from what
// they were told last. The run goes on whatever comes of it.
func (s *session) notify(ctx context.Context, p *Pipeline, r *PipelineResult) {
	if p == nil || len(p.Notify) == 0 || !s.tells(r) {
		return
	}
	if err := s.tell(ctx, p, r); err != nil && s.Log != nil {
		s.Log.Warn("nobody was told how the run ended", "pipeline", p.Name, "error", err)
	}
}

// tells leaves out what says nothing of how a pipeline is.
func (s *session) tells(r *PipelineResult) bool {
	switch {
	case r.Status == statusSkipped || r.Status == "" || s.opts.Key != "":
		return false
	case s.kind != "run" && s.kind != "apply":
		return false
	}
	return !errors.Is(r.Err, context.Canceled)
}

func (s *session) tell(ctx context.Context, p *Pipeline, r *PipelineResult) error {
	var row state.Pipeline
	var told state.Told
	known := false
	err := s.Store.View(ctx, func(v state.View) (err error) {
		if row, known, err = v.Pipeline(p.Address); err == nil && known {
			told, err = v.Told(row.ID)
		}
		return err
	})
	if err != nil || !known {
		return err
	}
	event, next := judgeTold(told, r.Status, s.Now())
	if next == told {
		return nil
	}
	posts, err := s.notices(ctx, p, r, event)
	if err != nil && len(posts) == 0 {
		return err
	}
	key, _ := record.MakeKey(p.Name) // a name is never empty
	return errors.Join(err, s.Store.Update(ctx, func(tx state.Tx) error {
		for sink, messages := range posts {
			if err := s.post(tx, row.ID, key, sink, messages); err != nil {
				return err
			}
		}
		return tx.PutTold(row.ID, next)
	}))
}

// judgeTold compares what a run came to with what people were told. An empty
// event: nobody needs to know.
func judgeTold(told state.Told, status string, now time.Time) (event string, next state.Told) {
	condition := map[string]string{statusFailed: statusFailed, statusPartial: statusPartial, statusHeld: statusHeld}[status]
	next = told
	if condition == told.Condition {
		return "", told
	}
	next.Condition = condition
	switch condition {
	case "":
		event = eventRecovered
	case statusHeld:
		event = eventHeld
	case statusPartial:
		if told.Condition == statusFailed {
			return "", next // that it was better before it is worse again is no news
		}
		event = eventFailed
	default:
		event = eventFailed
	}
	if told.Spent.Sub(now) > (toldAtOnce-1)*toldPace {
		return "", told
	}
	if next.Spent = told.Spent; next.Spent.Before(now) {
		next.Spent = now
	}
	next.Spent = next.Spent.Add(toldPace).Truncate(time.Millisecond).UTC()
	return event, next
}

// notices makes the messages by sink. A sink that fails leaves the others.
func (s *session) notices(ctx context.Context, p *Pipeline, r *PipelineResult, event string) (map[string][]connector.Message, error) {
	posts := map[string][]connector.Message{}
	var problems []error
	for _, n := range p.Notify {
		if event == "" || !slices.Contains(n.On, event) || posts[n.Into] != nil {
			continue
		}
		messages, err := s.noticeTo(ctx, n.Into, p, r, event)
		if err != nil {
			problems = append(problems, fmt.Errorf("tell %s: %w", n.Into, err))
			continue
		}
		posts[n.Into] = messages
	}
	return posts, errors.Join(problems...)
}

func (s *session) noticeTo(ctx context.Context, address string, p *Pipeline, r *PipelineResult, event string) ([]connector.Message, error) {
	sink := s.Project.Sinks[address]
	if sink == nil {
		return nil, errors.New("it is not configured")
	}
	opened, err := sink.Open(ctx, s.Outside(s.spool.Path()))
	if err != nil {
		return nil, err
	}
	if c, ok := opened.(io.Closer); ok {
		defer c.Close()
	}
	notifier, ok := opened.(connector.Notifier)
	if !ok {
		return nil, errors.New("it can't tell people of runs")
	}
	n, err := s.notice(p, r, event)
	if err != nil {
		return nil, err
	}
	return notifier.Notify(ctx, n)
}

// Outside is what a sink gets to see of the world that is opened for messages of
// any shape. spool is a folder for temporary files.
func (e *Engine) Outside(spool string) connector.Env {
	return connector.Env{Dir: e.Project.Dir, Spool: spool, Now: e.Now, Log: e.Log, Shape: record.Shape{Open: true}}
}

// notice says how a run ended, without sensitive values: its problems hold none.
func (s *session) notice(p *Pipeline, r *PipelineResult, event string) (connector.Notice, error) {
	problems := append([]plan.Problem{}, r.Problems[:min(len(r.Problems), maxTold)]...)
	body, err := json.Marshal(struct {
		Pipeline string         `json:"pipeline"`
		Event    string         `json:"event"`
		Status   string         `json:"status"`
		Run      int64          `json:"run"`
		Time     string         `json:"time"`
		Counts   RunCounts      `json:"counts"`
		Problems []plan.Problem `json:"problems"`
	}{p.Name, event, r.Status, s.runID, s.Now().UTC().Format(time.RFC3339), r.Counts, problems})
	if err != nil {
		return connector.Notice{}, err
	}
	if body, err = record.AppendCanonical(nil, body); err != nil {
		return connector.Notice{}, err
	}
	words := map[string]string{eventFailed: "failed", eventHeld: "has changes that are held", eventRecovered: "is well again"}[event]
	if event == eventFailed && r.Status == statusPartial {
		words = "could not deliver everything"
	}
	subject := fmt.Sprintf("Koppel: pipeline %s %s", p.Name, words)
	return connector.Notice{Event: event, Pipeline: p.Name, Subject: subject, Text: s.noticeText(p, r, event, subject), Record: body}, nil
}

func (s *session) noticeText(p *Pipeline, r *PipelineResult, event, subject string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n\nRun %d, %s\n", subject, s.runID, s.Now().In(s.Project.Location).Format("2 January 2006 15:04 MST"))
	c := r.Counts
	fmt.Fprintf(&b, "%d created, %d updated, %d deleted, %d unchanged, %d held, %d waiting, %d failed\n",
		c.Created, c.Updated, c.Deleted, c.Unchanged, c.Held, c.Waiting, c.Failed)
	for i, problem := range r.Problems {
		if i == maxTold {
			fmt.Fprintf(&b, "  and %d more\n", len(r.Problems)-maxTold)
			break
		}
		b.WriteString("  " + problemText(problem) + "\n")
	}
	switch event {
	case eventFailed:
		fmt.Fprintf(&b, "\nMore: koppel runs show %d; koppel failed list %s\n", s.runID, p.Name)
	case eventHeld:
		fmt.Fprintf(&b, "\nTo decide: koppel held list %s\n", p.Name)
	}
	return b.String()
}

// problemText names record and field before what is wrong, unless that names the
// field itself.
func problemText(p plan.Problem) string {
	parts := []string{p.Key, p.Field, p.Message}
	if strings.HasPrefix(p.Message, p.Field+": ") {
		parts[1] = ""
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}
