package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"koppel/engine/connector"
	"koppel/engine/mapping"
	"koppel/engine/record"
)

// maxUnanswered is how many questions in a row may find the system unreachable
// before no more are asked in a run.
const maxUnanswered = 5

// An asking is one lookup in a session. Its mappers ask at the same time.
type asking struct {
	lookup  Lookup
	i       int // in the program's order
	hidden  bool
	answers *answers
	turn    int64 // the session's, whose answers all count
	open    func(ctx context.Context) (connector.Asker, connector.Program, error)

	opening sync.Mutex
	asker   connector.Asker
	records connector.Program

	mu          sync.Mutex
	row         int   // questions since the last answer that found nobody
	waited      int64 // records that wait for an answer
	problem     error // the first one
	unreachable error // nobody is asked any more
}

// askings makes the lookups of a pipeline. Connections are opened by the first
// question.
func (s *session) askings(p *Pipeline) []*asking {
	var list []*asking
	for i, l := range p.Lookups {
		list = append(list, &asking{lookup: l, i: i, hidden: p.Program.LookupHidden(i), answers: s.answers, turn: s.turn,
			open: func(ctx context.Context) (connector.Asker, connector.Program, error) { return l.Open(ctx, s.env()) }})
	}
	return list
}

// A lookupSide is a lookup for one mapper.
type lookupSide struct {
	*asking
	ask func(q mapping.Question) ([]byte, error)
}

// side returns the lookup for one mapper; once ctx ends its questions do.
func (a *asking) side(ctx context.Context) *lookupSide {
	return &lookupSide{asking: a, ask: func(q mapping.Question) ([]byte, error) { return a.record(ctx, q) }}
}

// bind asks about the record that the evaluator has loaded. A record whose
// question was not answered waits: it keeps what was delivered.
func (l *lookupSide) bind(ev *mapping.Evaluator, out *outcome) (joinResult, error) {
	name := l.lookup.Name
	q, ok, err := ev.Question(l.i)
	if err != nil {
		return 0, err
	}
	var found []byte
	if ok {
		found, err = l.ask(q)
	}
	var own *recordError
	switch {
	case errors.As(err, &own):
		return 0, own
	case err != nil:
		l.unanswered(err)
		out.wait("lookup_unanswered", l.words("was not answered", err))
		return joinWaits, nil
	case found == nil && l.lookup.None == "skip":
		return joinSkips, nil
	case found == nil && l.lookup.None == "error":
		return 0, &recordError{code: "lookup_none", field: name, message: fmt.Sprintf("lookup %q found nothing", name)}
	}
	ev.Bind(name, found)
	return joined, nil
}

// words say what became of a question. What a system says to a question with
// something sensitive in it may repeat that.
func (a *asking) words(what string, err error) string {
	text := fmt.Sprintf("lookup %q %s: ", a.lookup.Name, what)
	if a.hidden {
		return text + "the words are withheld, because the question holds something sensitive"
	}
	return text + err.Error()
}

// unanswered counts a record that waits for an answer.
func (a *asking) unanswered(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waited++; a.problem == nil {
		a.problem = err
	}
}

// record gives what a lookup finds: a record in body form, or nil for none. The
// error is a *recordError when the system answered and that is of no use.
func (a *asking) record(ctx context.Context, q mapping.Question) ([]byte, error) {
	asked := a.question(q)
	return a.answers.find(ctx, answerKey(&a.lookup, &asked), a.turn, a.lookup.Cache, func() ([]byte, error) {
		if err := a.stopped(); err != nil {
			return nil, err
		}
		if err := a.opened(ctx); err != nil {
			return nil, err
		}
		raw, err := a.asker.Ask(ctx, asked)
		a.heard(ctx, err)
		switch {
		case errors.Is(err, connector.ErrNone):
			return nil, nil
		case errors.Is(err, connector.ErrRefused):
			return nil, &recordError{code: "lookup_refused", field: a.lookup.Name, message: a.words("was refused", err)}
		case err != nil:
			return nil, err
		}
		return a.take(ctx, raw)
	})
}

// question makes what the connection is asked.
func (a *asking) question(q mapping.Question) connector.Question {
	out := connector.Question{Method: a.lookup.Method, Path: q.Path, Body: q.Body, Type: a.lookup.Type, Sensitive: a.hidden, Records: a.lookup.Records}
	for _, p := range q.Query {
		out.Query = append(out.Query, connector.Param(p))
	}
	for _, p := range q.Headers {
		out.Headers = append(out.Headers, connector.Param(p))
	}
	return out
}

// opened opens the connection, once; a failure is tried again.
func (a *asking) opened(ctx context.Context) (err error) {
	a.opening.Lock()
	defer a.opening.Unlock()
	if a.asker != nil {
		return nil
	}
	a.asker, a.records, err = a.open(ctx)
	a.heard(ctx, err)
	return err
}

// stopped says why nobody is asked any more; nil: somebody is.
func (a *asking) stopped() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.unreachable
}

// heard notes whether anybody answered.
func (a *asking) heard(ctx context.Context, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case ctx.Err() != nil:
	case !errors.Is(err, connector.ErrUnreachable):
		a.row = 0
	default:
		if a.row++; a.row >= maxUnanswered {
			a.unreachable = err
		}
	}
}

// take takes the one record out of an answer.
func (a *asking) take(ctx context.Context, raw []byte) ([]byte, error) {
	if raw == nil {
		return nil, nil
	}
	v, err := record.Decode(raw)
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	found := []any{v}
	if a.records != nil {
		if found, err = a.records.Run(ctx, v); err != nil {
			return nil, &recordError{code: "lookup_records", field: a.lookup.Name, message: a.words("was answered, and its records fail", err)}
		}
	}
	if len(found) == 1 {
		if list, ok := found[0].([]any); ok {
			found = list
		}
	}
	switch {
	case len(found) == 0 || len(found) == 1 && found[0] == nil:
		return nil, nil
	case len(found) > 1:
		return nil, &recordError{code: "lookup_many", field: a.lookup.Name,
			message: fmt.Sprintf("lookup %q found %d records; take one of them with records = jq(…)", a.lookup.Name, len(found))}
	}
	if _, ok := found[0].(map[string]any); !ok {
		return nil, &recordError{code: "lookup_records", field: a.lookup.Name,
			message: fmt.Sprintf("lookup %q found something that is no object; make one with records = jq(…)", a.lookup.Name)}
	}
	return record.Append(nil, found[0])
}

// shown is a question as people see it.
func (a *asking) shown(q *connector.Question) string {
	var b strings.Builder
	b.WriteString(q.Method + " " + q.Path)
	for i, p := range q.Query {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(p.Name + "=" + p.Value)
	}
	return b.String()
}

// stopped says that the mapper's context ended: what its records came to since
// is worth nothing.
func (m *mapper) stopped() error {
	if len(m.p.Lookups) == 0 {
		return nil
	}
	return m.ended()
}

// unanswered reports the lookups that left records waiting.
func (w *work) unanswered() {
	for _, a := range w.lookups {
		if a.waited == 0 {
			continue
		}
		w.header.Unreachable = w.header.Unreachable || errors.Is(a.problem, connector.ErrUnreachable)
		w.warn("lookup_unanswered", fmt.Sprintf("%s; %s keep what was delivered, and are asked about again by the next run",
			a.words("was not answered", a.problem), counted(a.waited, "record")))
	}
}

// lookupsWait tells whether a lookup left records waiting.
func (w *work) lookupsWait() bool {
	for _, a := range w.lookups {
		if a.waited > 0 {
			return true
		}
	}
	return false
}

// testLookup is a lookup that a test answers.
func testLookup(p *Pipeline, t *Test, i int) *asking {
	l := p.Lookups[i]
	never := func() time.Time { return time.Time{} }
	return &asking{lookup: l, i: i, answers: newAnswers(answerMemory, never),
		open: func(context.Context) (connector.Asker, connector.Program, error) {
			return testAsker(t.Lookups[l.Name]), nil, nil
		}}
}

// A testAsker answers each question alike.
type testAsker []byte

func (a testAsker) Ask(context.Context, connector.Question) ([]byte, error) { return a, nil }
