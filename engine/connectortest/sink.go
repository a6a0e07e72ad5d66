package connectortest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"koppel/dsl"
	"koppel/engine/connector"
	"koppel/engine/record"
)

// A SinkSuite describes a kind of sink to the tests that every kind passes. A
// kind whose Static traits are additive is only created at: what was added
// before a crash is asked of the sink, where it is a connector.Finder, and else
// never sent again.
// The suite maps to the fields of Shape.
type SinkSuite struct {
	Kind connector.Kind[connector.Sink]
	// Setup makes an empty outside system.
	Setup func(t testing.TB) Target
	// Wrong lists mistakes in the configuration.
	Wrong []Wrong
	// Shape is what a kind with fields of its own is mapped to, and Mapped makes
	// a record of it out of one of the suite's: an object with the members of
	// Shape(). Rows then gives such records. Nil: those of the suite are mapped.
	Shape  *record.Shape
	Mapped func(person string) string
}

// A Target is an outside system, ready to be written to.
type Target struct {
	// Config is a pointer as Kind.Config returns, filled in. A Connection in it
	// that has a Kind and a Config and no Get is opened by the suite.
	Config any
	// Env is completed by the suite where it is empty; Shape is always the
	// suite's.
	Env connector.Env
	// Rows gives what the system holds now: objects of mapped fields, in any
	// order, each as often as the system holds it.
	Rows func(t testing.TB) []string
	// Refuse makes the system refuse the record with this id from now on; nil:
	// it takes whatever it can take.
	Refuse func(t testing.TB, id string)
	// Kill makes the system fail for good at a place of the next delivery,
	// counted from 0, and returns what makes it work again; false: there is no
	// such place. Nil: the suite kills between deliveries only.
	Kill func(t testing.TB, place int) (revive func(), ok bool)
	// Post takes the messages of a sink with the trait Outbox, in the order in
	// which the state would hold them, once they are committed. Nil for others.
	Post func(t testing.TB, messages []connector.Message)
	// Canaries are texts that must show up nowhere. The secrets of the
	// configuration are looked for without being listed here.
	Canaries []string
}

// Shape is what the suite's pipeline maps to: the fields id (its key), name,
// amount and active, declared, and hidden, which is not sent.
func Shape() record.Shape {
	return record.Shape{
		Pipeline: "pipeline.people",
		Fields: []record.Field{
			{Name: "id", Type: "string", Send: true},
			{Name: "name", Type: "string", Send: true},
			{Name: "hidden", Type: "string"},
			{Name: "amount", Type: "integer", Send: true},
			{Name: "active", Type: "bool", Send: true},
		},
		Key: []record.KeyField{{Name: "id", Source: "id"}},
	}
}

// Sink runs the tests.
func Sink(t *testing.T, s SinkSuite) { s.test(goTest{t}) }

func (s SinkSuite) test(t tester) {
	before := goleak.IgnoreCurrent()
	j := &journal{}
	t.run("configuration", func(t tester) { s.configuration(t, j) })
	t.run("states", func(t tester) { s.states(t, j) })
	t.run("looking", func(t tester) { s.looking(t, j) })
	t.run("refusal", func(t tester) { s.refusal(t, j) })
	t.run("cancel", func(t tester) { s.cancel(t, j) })
	t.run("kill", func(t tester) { s.kills(t, j) })
	t.run("secrets", func(t tester) {
		g := s.Setup(t)
		checkSecrets(t, g.Config, g.Canaries, j)
	})
	checkGoroutines(t, before)
}

func (s SinkSuite) open(t testing.TB, j *journal, g Target, readOnly bool) (connector.Sink, error) {
	t.Helper()
	env := j.outfit(t, g.Env)
	env.Shape, env.ReadOnly = Shape(), readOnly
	if s.Shape != nil {
		env.Shape = *s.Shape
	}
	sink, err := s.Kind.Open(t.Context(), opened(t, s.Kind.Connections, g.Config, env), env)
	j.note(err)
	if err == nil {
		j.note(errors.New(sink.Traits().Identity))
	}
	return sink, err
}

// session opens a sink as a run of the engine does, and delivers to it.
func (s SinkSuite) session(t testing.TB, j *journal, g Target, d *deliverer) {
	t.Helper()
	sink, err := s.open(t, j, g, false)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	d.sink, d.j = sink, j
	if d.post = nil; g.Post != nil {
		d.post = func(messages []connector.Message) { g.Post(t, messages) }
	}
	if a, ok := sink.(connector.Appender); ok {
		if err := a.Resume(t.Context(), d.mark); err != nil {
			j.note(err)
			t.Fatalf("resume: %v", err)
		}
		d.mark = slices.Clone(a.Mark())
	}
}

// states walks through creates, updates and deletes, each step twice.
func (s SinkSuite) states(t tester, j *journal) {
	g := s.Setup(t)
	d := &deliverer{}
	for _, step := range s.steps() {
		for _, again := range []bool{false, true} {
			s.session(t, j, g, d)
			if _, repeats := d.sink.(connector.Appender); again && (repeats || d.sink.Traits().Outbox) {
				closeIt(t, d.sink)
				continue
			}
			if again && d.sink.Traits().Journalled {
				closeIt(t, d.sink)
				continue
			}
			out, err := d.deliver(t.Context(), step)
			if err != nil {
				t.Errorf("%s: %v", step.name, err)
			}
			for i, o := range out {
				if o.Status != connector.Applied {
					t.Errorf("%s: change %d has status %d: %s", step.name, i, o.Status, o.Message)
				}
			}
			d.commit()
			closeIt(t, d.sink)
			sameSet(t, step.name, s.sent(step.after), g.Rows(t))
		}
	}
}

// looking sees that a plan's sink only looks, and sees what is there.
func (s SinkSuite) looking(t tester, j *journal) {
	g := s.Setup(t)
	look := func(want []string) {
		sink, err := s.open(t, j, g, true)
		if err != nil {
			t.Fatalf("open for a plan: %v", err)
		}
		defer closeIt(t, sink)
		s.lookAround(t, sink, want)
		if sink.Traits().Whole && len(want) == 0 {
			return
		}
		sameSet(t, "rows after looking", s.sent(want), g.Rows(t))
	}
	look(nil)
	d := &deliverer{}
	s.session(t, j, g, d)
	first := s.steps()[0]
	if _, err := d.deliver(t.Context(), first); err != nil {
		t.Fatalf("%s: %v", first.name, err)
	}
	identity := d.sink.Traits().Identity
	d.commit()
	closeIt(t, d.sink)
	look(first.after)
	s.session(t, j, g, d)
	defer closeIt(t, d.sink)
	if now := d.sink.Traits().Identity; now != identity || now == "" {
		t.Errorf("the identity was %q and is %q", identity, now)
	}
}

func (s SinkSuite) lookAround(t testing.TB, sink connector.Sink, want []string) {
	t.Helper()
	ctx := t.Context()
	if l, ok := sink.(connector.Lister); ok {
		n := 0
		err := l.List(ctx, func(r connector.Row) error {
			if n++; r.Key == "" && len(r.Ref) == 0 {
				t.Errorf("a listed row has neither key nor handle")
			}
			return nil
		})
		if err != nil || n != len(want) {
			t.Errorf("list gives %d rows of %d: %v", n, len(want), err)
		}
	}
	f, ok := sink.(connector.Finder)
	if !ok {
		return
	}
	changes := append(s.creates(want), s.creates([]string{person("unknown", `"x"`, "1")})...)
	found, err := f.Find(ctx, changes)
	if err != nil || len(found) != len(changes) {
		t.Fatalf("find gives %d answers to %d questions: %v", len(found), len(changes), err)
	}
	for i, c := range changes {
		if want := map[bool]int{true: 1, false: 0}[i < len(want)]; found[i].N != want {
			t.Errorf("find sees %s %d times, not %d", c.Key, found[i].N, want)
		}
	}
}

// refusal sees that exactly the refused record is named.
func (s SinkSuite) refusal(t tester, j *journal) {
	g := s.Setup(t)
	if g.Refuse == nil {
		return
	}
	d := &deliverer{}
	s.session(t, j, g, d)
	defer closeIt(t, d.sink)
	step := s.steps()[0]
	g.Refuse(t, "p2")
	out, err := d.deliver(t.Context(), step)
	if err != nil {
		t.Fatalf("a refused record stops the whole batch: %v", err)
	}
	for i, c := range step.changes {
		want := connector.Applied
		if c.Key == "p2" {
			want = connector.Refused
			if out[i].Message == "" {
				t.Errorf("the refusal has no words")
			}
			j.note(errors.New(out[i].Message))
		}
		if out[i].Status != want {
			t.Errorf("%s has status %d, not %d: %s", c.Key, out[i].Status, want, out[i].Message)
		}
	}
	d.commit()
	others := slices.DeleteFunc(slices.Clone(step.after), func(b string) bool { return keyOf(b) == "p2" })
	sameSet(t, "rows beside the refused one", s.sent(others), g.Rows(t))
}

// cancel sees that a cancelled delivery can be made again.
func (s SinkSuite) cancel(t tester, j *journal) {
	g := s.Setup(t)
	d := &deliverer{}
	s.session(t, j, g, d)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	step := s.steps()[0]
	if _, err := d.deliver(ctx, step); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: the error is %v", err)
	}
	_, asks := d.sink.(connector.Finder)
	mute := d.sink.Traits().Additive && !asks
	closeIt(t, d.sink)
	if mute {
		if n := len(g.Rows(t)); n > len(step.after) {
			t.Errorf("cancelled: %d of %d are there", n, len(step.after))
		}
		return
	}
	s.again(t, j, g, d, step)
}

// kills ends a delivery at each place, forgets what came of it, and runs again.
func (s SinkSuite) kills(t tester, j *journal) {
	list := s.steps()
	for i, step := range list {
		for place := 0; ; place++ {
			g := s.Setup(t)
			d := &deliverer{}
			for _, earlier := range list[:i] {
				s.session(t, j, g, d)
				if _, err := d.deliver(t.Context(), earlier); err != nil {
					t.Fatalf("%s: %v", earlier.name, err)
				}
				d.commit()
				closeIt(t, d.sink)
			}
			s.session(t, j, g, d)
			revive, ok := func() {}, place == 0
			if g.Kill != nil {
				revive, ok = g.Kill(t, place)
			}
			if !ok {
				closeIt(t, d.sink)
				break
			}
			_, err := d.deliver(t.Context(), step)
			j.note(err)
			revive()
			closeIt(t, d.sink)
			s.again(t, j, g, d, step)
		}
	}
}

// again delivers a step whose outcome nobody knows.
func (s SinkSuite) again(t testing.TB, j *journal, g Target, d *deliverer, step step) {
	t.Helper()
	s.session(t, j, g, d)
	defer closeIt(t, d.sink)
	if d.sink.Traits().Journalled {
		step = d.unresolved(t, step)
	}
	if _, err := d.deliver(t.Context(), step); err != nil {
		t.Errorf("%s once more: %v", step.name, err)
	}
	d.commit()
	sameSet(t, step.name+" once more", s.sent(step.after), g.Rows(t))
}

func (s SinkSuite) configuration(t tester, j *journal) {
	checkFields(t, s.Kind.Config())
	if s.Kind.Name == "" || s.Kind.Doc == "" {
		t.Errorf("the kind has no name or no doc")
	}
	checkArguments(t, "sink", s.Kind.Name, s.Kind.Config(), dsl.Options{Sinks: []connector.Kind[connector.Sink]{s.Kind}})
	if err := validate(s.Setup(t).Config); err != nil {
		t.Errorf("a good configuration is refused: %v", err)
	}
	refused := func(what, want string, change func(config any)) {
		g := s.Setup(t)
		change(g.Config)
		err := validate(g.Config)
		if err == nil {
			var sink connector.Sink
			if sink, err = s.open(t, j, g, false); err == nil {
				closeIt(t, sink)
			}
		}
		j.note(err)
		checkRefused(t, what, want, err)
	}
	for _, f := range required(s.Kind.Config()) {
		refused("without "+f.Tag.Get("hcl"), "", func(config any) { drop(config, f) })
	}
	for _, w := range s.Wrong {
		refused(w.Name, w.Want, w.Change)
	}
}
