package connectortest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"koppel/dsl"
	"koppel/engine/connector"
)

// A SourceSuite describes a kind of source to the tests that every kind passes.
//
// A kind that asks over HTTP, by Env.HTTP or by a connection that the suite
// opens, is tried with a fault at each of its requests, once and for good. Its
// Setup starts a server and names it in the connection, whose pauses between
// attempts should be short:
//
//	Setup: func(t testing.TB, records []string) connectortest.Origin {
//		server := httptest.NewServer(shop(records))
//		t.Cleanup(server.Close)
//		shared := httpclient.Defaults()
//		shared.Retry = &httpclient.Retry{Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
//		return connectortest.Origin{Config: &Config{Connection: connector.Connection{
//			Address: "connection.shop.test", Kind: "shop",
//			Config: &shop.ConnectionConfig{URL: server.URL, Token: "canary-1", Config: shared},
//		}}}
//	}
type SourceSuite struct {
	Kind connector.Kind[connector.Source]
	// Setup makes an outside system that holds these records.
	Setup func(t testing.TB, records []string) Origin
	// Page is how many records the source takes at once; 0: DefaultPage.
	Page int
	// Flat: the system holds scalars only.
	Flat bool
	// NeverEmpty: a read without any record can't be told from a lost one and
	// is never complete.
	NeverEmpty bool
	// Faults of the outside system. Each is tried at each of its places.
	Faults []Fault
	// Wrong lists mistakes in the configuration.
	Wrong []Wrong
}

// An Origin is an outside system, ready to be read.
type Origin struct {
	// Config is a pointer as Kind.Config returns, filled in. A Connection in it
	// that has a Kind and a Config and no Get is opened by the suite.
	Config any
	// Env is completed by the suite where it is empty.
	Env connector.Env
	// Want are the records that a read must give; nil: those of the set-up.
	Want []string
	// Canaries are texts that must show up nowhere. The secrets of the
	// configuration are looked for without being listed here.
	Canaries []string
}

// A Fault is a way in which an outside system fails.
type Fault struct {
	Name string
	// Setup makes a system that holds these records and fails at a place,
	// counted from 0; false: there is no such place.
	Setup func(t testing.TB, records []string, place int) (Origin, bool)
	// Records is how many records the system holds; 0: 5.
	Records int
}

// Source runs the tests.
func Source(t *testing.T, s SourceSuite) { s.test(goTest{t}) }

func (s SourceSuite) test(t tester) {
	if s.Page == 0 {
		s.Page = DefaultPage
	}
	before := goleak.IgnoreCurrent()
	j := &journal{}
	t.run("configuration", func(t tester) { s.configuration(t, j) })
	t.run("counts", func(t tester) { s.counts(t, j) })
	t.run("reread", func(t tester) { s.reread(t, j) })
	t.run("cancel", func(t tester) { s.cancel(t, j) })
	t.run("stop", func(t tester) { s.stop(t, j) })
	for _, f := range s.Faults {
		t.run("fault "+f.Name, func(t tester) { s.fault(t, j, f) })
	}
	t.run("http faults", func(t tester) { s.httpFaults(t, j) })
	t.run("secrets", func(t tester) {
		o := s.Setup(t, Records(1, s.Flat))
		checkSecrets(t, o.Config, o.Canaries, j)
	})
	checkGoroutines(t, before)
}

// leakTries is how often goroutines are looked for, half a second each: a busy
// machine takes its time until those that end have ended.
const leakTries = 6

// checkGoroutines checks that all goroutines but those of before end.
func checkGoroutines(t tester, before goleak.Option) {
	t.Helper()
	var err error
	for range leakTries {
		if err = goleak.Find(before); err == nil {
			return
		}
	}
	t.Errorf("goroutines are left: %v", err)
}

// setup makes an origin that holds n records.
func (s SourceSuite) setup(t testing.TB, n int) (Origin, []string) {
	records := Records(n, s.Flat)
	o := s.Setup(t, records)
	return o, wanted(o, records)
}

func wanted(o Origin, records []string) []string {
	if o.Want != nil {
		return o.Want
	}
	return records
}

func (s SourceSuite) open(ctx context.Context, t testing.TB, j *journal, o Origin) (connector.Source, error) {
	t.Helper()
	env := j.outfit(t, o.Env)
	config := opened(t, s.Kind.Connections, o.Config, env)
	return s.Kind.Open(ctx, config, env)
}

// read opens the source and reads it into rec.
func (s SourceSuite) read(ctx context.Context, t testing.TB, j *journal, o Origin, rec *Recorder) error {
	t.Helper()
	src, err := s.open(ctx, t, j, o)
	if err != nil {
		j.note(err)
		return err
	}
	defer closeIt(t, src)
	err = src.Read(ctx, rec)
	j.note(err)
	j.note(rec.Errs()...)
	for _, b := range rec.Breaches {
		t.Errorf("the contract is broken: %s", b)
	}
	return err
}

func (s SourceSuite) counts(t tester, j *journal) {
	for _, n := range []int{0, 1, s.Page - 1, s.Page, s.Page + 1, 3*s.Page + 7} {
		o, want := s.setup(t, n)
		for range 2 {
			rec := &Recorder{}
			if err := s.read(t.Context(), t, j, o, rec); err != nil {
				t.Errorf("%d records: %v", n, err)
			}
			if complete := n > 0 || !s.NeverEmpty; rec.Complete() != complete {
				t.Errorf("%d records: complete is %v, not %v: %v", n, rec.Complete(), complete, rec.Errs())
			}
			sameSet(t, "records", want, rec.All())
		}
	}
}

func (s SourceSuite) reread(t tester, j *journal) {
	o, _ := s.setup(t, 3*s.Page+7)
	src, err := s.open(t.Context(), t, j, o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	defer closeIt(t, src)
	again, ok := src.(connector.Rereader)
	if !ok {
		return
	}
	rec, err := Read(t.Context(), src)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	var buf []byte
	for _, name := range rec.Order {
		p := rec.ByName[name]
		for i := len(p.Records) - 1; i >= 0; i-- {
			if buf, err = again.Reread(name, p.Offsets[i], len(p.Records[i]), buf); err != nil {
				t.Fatalf("reread record %d: %v", i, err)
			}
			if !bytes.Equal(buf, p.Records[i]) {
				t.Fatalf("record %d is %q, and %q when it is read again", i, p.Records[i], buf)
			}
		}
	}
}

// cancel ends the context at a record; the read must end with it.
func (s SourceSuite) cancel(t tester, j *journal) {
	n := 3*s.Page + 7
	o, want := s.setup(t, n)
	for _, at := range []int{0, 1, n / 2, n} {
		ctx, cancel := context.WithCancel(t.Context())
		rec, calls := &Recorder{}, 0
		rec.OnRecords = func(_, after int) error {
			if after >= at {
				cancel()
				calls++
			}
			return nil
		}
		if at == 0 {
			cancel()
		}
		err := s.read(ctx, t, j, o, rec)
		cancel()
		switch {
		case err == nil && rec.Complete():
			sameSet(t, "records of a read that was cancelled and is complete", want, rec.All())
		case err == nil:
			t.Errorf("cancelled at record %d: the read gives no error: %v", at, rec.Errs())
		case !errors.Is(err, context.Canceled):
			t.Errorf("cancelled at record %d: the error is %v", at, err)
		}
		if calls > 2 {
			t.Errorf("cancelled at record %d: %d more calls of Records", at, calls-1)
		}
	}
}

// stop makes each call of the reader fail in turn.
func (s SourceSuite) stop(t tester, j *journal) {
	o, _ := s.setup(t, s.Page+1)
	total := &Recorder{}
	if err := s.read(t.Context(), t, j, o, total); err != nil {
		t.Fatalf("read: %v", err)
	}
	for at := 1; at <= total.Calls; at += 1 + total.Calls/50 {
		rec := &Recorder{OnCall: func(n int) error {
			if n == at {
				return errStop
			}
			return nil
		}}
		if err := s.read(t.Context(), t, j, o, rec); !errors.Is(err, errStop) {
			t.Errorf("the reader fails at call %d, and the read ends with %v", at, err)
		}
	}
}

// fault sees that a read is never complete with records missing, and that no
// record arrives damaged.
func (s SourceSuite) fault(t tester, j *journal, f Fault) {
	n := f.Records
	if n == 0 {
		n = 5
	}
	records := Records(n, s.Flat)
	for place := 0; ; place++ {
		o, ok := f.Setup(t, records, place)
		if !ok {
			if place == 0 {
				t.Errorf("the fault has no place")
			}
			return
		}
		rec := &Recorder{}
		err := s.read(t.Context(), t, j, o, rec)
		judge(t, place, wanted(o, records), rec, err)
	}
}

// judge holds the law of reading against what came: a complete read has every
// record once; no record ever arrives damaged.
func judge(t testing.TB, place int, want []string, rec *Recorder, err error) {
	t.Helper()
	complete := err == nil && rec.Complete()
	if err == nil && !complete && len(rec.Errs()) == 0 {
		t.Errorf("place %d: an incomplete read without a reason", place)
	}
	seen := map[string]int{}
	for _, w := range bodies(t, want) {
		seen[w] = 0
	}
	for _, r := range bodies(t, rec.All()) {
		if _, known := seen[r]; !known {
			t.Errorf("place %d: a record arrives damaged: %.200s", place, r)
		}
		seen[r]++
	}
	missing, twice := 0, 0
	for _, n := range seen {
		if n == 0 {
			missing++
		} else if n > 1 {
			twice++
		}
	}
	if complete && missing+twice > 0 {
		t.Errorf("place %d: a complete read, and of %d records %d are missing and %d came twice", place, len(want), missing, twice)
	}
}

func (s SourceSuite) configuration(t tester, j *journal) {
	checkFields(t, s.Kind.Config())
	if s.Kind.Name == "" || s.Kind.Doc == "" {
		t.Errorf("the kind has no name or no doc")
	}
	checkArguments(t, "source", s.Kind.Name, s.Kind.Config(), dsl.Options{Sources: []connector.Kind[connector.Source]{s.Kind}})
	o, _ := s.setup(t, 1)
	if err := validate(o.Config); err != nil {
		t.Errorf("a good configuration is refused: %v", err)
	}
	refused := func(what, want string, change func(config any)) {
		o, _ := s.setup(t, 1)
		change(o.Config)
		err := validate(o.Config)
		rec := &Recorder{}
		if err == nil {
			err = s.read(t.Context(), t, j, o, rec)
		}
		j.note(err)
		checkRefused(t, what, want, errors.Join(append(rec.Errs(), err)...))
	}
	for _, f := range required(o.Config) {
		refused("without "+f.Tag.Get("hcl"), "", func(config any) { drop(config, f) })
	}
	for _, w := range s.Wrong {
		refused(w.Name, w.Want, w.Change)
	}
}
