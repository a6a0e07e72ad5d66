package engine

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"runtime/debug"
	"strings"

	"koppel/engine/change"
	"koppel/engine/connector"
	"koppel/engine/mapping"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/spool"
	"koppel/engine/state"
)

// A work is one pipeline in a session: what it should hold, compared with what
// it delivered.
type work struct {
	s       *session
	p       *Pipeline
	row     state.Pipeline
	known   bool
	sink    connector.Sink
	planned plan.Entry // the last one
	// changes is room for what the sink gets at once.
	changes []record.Change
	// flown is room for a flight; batches counts those of this run.
	flown   []state.Flown
	batches int64
	// sinkTraits are what the sink said of itself when it was opened.
	sinkTraits connector.Traits
	joins      []*joinIndex
	lookups    []*asking
	// identity: an item has the key of the source record that it comes from.
	identity bool
	rules    record.Rules
	why      reasons
	// everything: all records are mapped; otherwise only those that differ.
	everything bool
	records    *records
	desired    *spool.Sorter // by key
	seen       *spool.Sorter // by source reference; without identity
	encoded    []byte        // the last one desired
	extra      *spool.Sorter // by key: what is there and not desired
	set        *wholeSet     // what a target gets as a whole; nil: it does not
	target     *spool.Sorter // by key: rows of the target
	folds      *spool.Sorter // by key: what the target can't tell apart
	matched    *spool.Sorter // by key: rows that records without an item adopt
	targetRows int64
	guardBase  int64
	decider    *change.Decider
	header     *plan.Pipeline
	reader     *plan.Reader
	shared     bool // the reader is the plan file's, not the work's
	counted    map[state.Status]int
	based      map[string]bool
	positions  map[string]state.Position
	touched    map[string]bool
	tally      tally
	// applied is what became of the changes.
	applied applied
	// places holds where the records of keys that stay open are in the read,
	// for a sink that keeps order.
	places map[record.Key]uint64
	// begun: its changes are applied, or were, as far as it came.
	begun bool
	// upserted: creates and updates were applied; what is pending are deletes.
	upserted bool
	// removes: the pass of creates and updates left deletes behind.
	removes bool
	// check says why an entry of a saved plan no longer fits; nil: not saved.
	check func(ctx context.Context, e *plan.Entry) (why string, err error)
	// undo: the changes take an earlier run back.
	undo bool
	// replaced: the whole set was handed to the target.
	replaced bool
	// withheld: a guard holds the whole set.
	withheld bool
	// appending: the target was taken back to where it was seen last.
	appending bool
	protect   *mapping.Evaluator
	keyFilter
}

// reasons say why records may have to be mapped again although their source
// bytes are as before.
type reasons struct {
	first, mapping, joins, date bool
}

func (w *work) close() {
	if w.reader != nil && !w.shared {
		w.reader.Close()
	}
	if w.set != nil {
		// What can't be removed now is removed by the next delivery.
		_ = w.set.drop()
	}
	if c, ok := w.sink.(interface{ Close() error }); ok {
		c.Close()
	}
}

// release frees what only the comparison needs; a set that is replaced as a
// whole is delivered from it.
func (w *work) release() {
	w.s.releaseReads(w)
	closeJoins(w.joins)
	if w.whole() {
		return
	}
	for _, s := range []**spool.Sorter{&w.desired, &w.seen, &w.extra, &w.target, &w.folds, &w.matched} {
		if *s != nil {
			// What can't be removed now is removed with the session's folder.
			_ = (*s).Close()
			*s = nil
		}
	}
	if w.tally.read >= manyRecords {
		// What sorting took goes back to the system before databases take more.
		debug.FreeOSMemory()
	}
}

// manyRecords is a read after which it pays to give memory back.
const manyRecords = 100_000

// plan compares one pipeline and writes its changes to the session's spool.
func (s *session) plan(ctx context.Context, p *Pipeline) (planned *work, err error) {
	if p.Err != nil {
		return nil, p.Err
	}
	w := &work{s: s, p: p, touched: map[string]bool{}, keyFilter: onlyKey(s.opts.Key)}
	w.header = &plan.Pipeline{Address: p.Address, Name: p.Name, Fingerprint: s.fingerprint(p), SinkAddress: p.Into,
		ReadsDay: p.Program.Reads().Today, Day: s.today, Key: p.Key}
	for _, f := range p.Fields {
		w.header.Fields = append(w.header.Fields, f.Field)
	}
	if err := w.open(ctx); err != nil {
		return nil, err
	}
	s.works[p.Address] = w
	s.progress("comparing", p.Address, 0)
	defer func() {
		if err != nil {
			closeJoins(w.joins)
		}
	}()
	steps := []func(context.Context) error{w.prepare, w.gather, w.lookedUp, w.listTarget, w.resolveCollisions, w.foldTarget, w.findAbsent, w.foldKeys, w.matchTarget, w.compare}
	if w.whole() {
		steps = []func(context.Context) error{w.prepare, w.gather, w.lookedUp, w.compareWhole}
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	if err := w.missKey(ctx); err != nil {
		return nil, err
	}
	if s.live {
		if err := w.unsettle(ctx); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// fingerprint identifies a pipeline's configuration. Secrets enter it by a
// keyed hash only.
func (e *Engine) fingerprint(p *Pipeline) []byte {
	if p.Identify == nil {
		return p.Fingerprint
	}
	hash := e.Store.Hasher()
	return p.Identify(func(secret []byte) []byte {
		h := hash.Bytes(secret)
		return h[:]
	})
}

// open looks up the pipeline's state and opens its sink.
func (w *work) open(ctx context.Context) error {
	s, p := w.s, w.p
	w.rules = record.Rules{}
	for _, f := range p.Fields {
		if f.Compare != record.Exact {
			w.rules[f.Name] = f.Compare
		}
	}
	err := s.Store.View(ctx, func(v state.View) (err error) {
		if w.row, w.known, err = v.Pipeline(p.Address); err != nil {
			return err
		}
		w.row.SinkIdentity = s.place(w.row.SinkIdentity)
		if w.based, err = v.Based(w.row.ID); err != nil {
			return err
		}
		list, err := v.Positions(w.row.ID)
		if err != nil {
			return err
		}
		sources, err := v.Sources()
		if err != nil {
			return err
		}
		names := map[int64]string{}
		for _, src := range sources {
			names[src.ID] = src.Address
		}
		w.positions = map[string]state.Position{}
		for _, pos := range list {
			w.positions[names[pos.Source]] = pos
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.openSink(ctx); err != nil {
		return err
	}
	w.header.Title = w.title()
	return w.checkIdentity(ctx)
}

func (w *work) openSink(ctx context.Context) error {
	if w.p.Into == "" {
		return nil
	}
	sink := w.s.Project.Sinks[w.p.Into]
	if sink == nil {
		return fmt.Errorf("%s is not configured", w.p.Into)
	}
	env := w.s.env()
	env.Shape = w.p.shape()
	var err error
	if w.sink, err = sink.Open(ctx, env); err != nil {
		return fmt.Errorf("open %s: %w", w.p.Into, err)
	}
	w.sinkTraits = w.sink.Traits()
	w.header.SinkIdentity = w.s.place(w.sinkTraits.Identity)
	w.header.Whole = w.sinkTraits.Whole
	return nil
}

// Shape describes the mapped records, as the sink gets it.
func (p *Pipeline) Shape() record.Shape { return p.shape() }

// shape describes the mapped records to the sink.
func (p *Pipeline) shape() record.Shape {
	shape := record.Shape{Pipeline: p.Name, Open: p.OpenShape, Key: p.Key}
	for _, f := range p.Fields {
		field := f.Field
		field.Sensitive = field.Sensitive || p.Program != nil && p.Program.Sensitive(f.Name)
		shape.Fields = append(shape.Fields, field)
	}
	return shape
}

// title says in one line what flows where.
func (w *work) title() string {
	from := w.p.From
	if src := w.s.Project.Sources[from]; src != nil {
		from = src.Title
	}
	if w.p.Into == "" {
		return from
	}
	return from + " → " + w.s.Project.Sinks[w.p.Into].Title
}

func (w *work) traits() connector.Traits {
	if w.sink == nil {
		return connector.Traits{Deletes: true, Undoable: true}
	}
	return w.sinkTraits
}

func (w *work) whole() bool { return w.sink != nil && w.sinkTraits.Whole }

// prepare reads the right sides and finds out why records may change although
// their source did not.
func (w *work) prepare(ctx context.Context) error {
	w.lookups = w.s.askings(w.p)
	w.why.first = !w.known || len(w.row.Fingerprint) == 0
	w.why.mapping = !w.why.first && !bytes.Equal(w.row.Fingerprint, w.header.Fingerprint)
	w.why.date = !w.why.first && w.header.ReadsDay && w.row.Day != w.s.today
	if err := w.readJoins(ctx); err != nil {
		return err
	}
	for _, j := range w.joins {
		w.header.Unreachable = w.header.Unreachable || j.unreachable
		if j.problem != "" {
			w.warn("join_incomplete", fmt.Sprintf("join %q is not complete: %s; records that depend on it keep what was delivered", j.join.Name, j.problem))
		}
	}
	w.identity = !w.p.Program.HasEach() && w.keyIsSource()
	return nil
}

// joinPosition is the address under which the digest of a joined side is kept.
func joinPosition(j Join) string { return "join." + j.Name }

func (w *work) keyIsSource() bool {
	if strings.HasPrefix(w.p.From, "pipeline.") {
		return w.p.Program.KeyIsSource(nil)
	}
	return w.p.Program.KeyIsSource(w.s.Project.Sources[w.p.From].Key)
}

func (w *work) warn(code, message string) {
	w.header.Warnings = append(w.header.Warnings, plan.Problem{Code: code, Message: message})
}

// problem reports something that went wrong with a record.
func (w *work) problem(key, field, code, message string) {
	if len(w.header.Problems) < maxProblems {
		w.header.Problems = append(w.header.Problems, plan.Problem{Key: key, Field: field, Code: code, Message: message})
	}
}

// again tells whether records must be mapped although their bytes are as
// before.
func (w *work) again() bool {
	return w.why.first || w.why.mapping || w.why.joins || w.why.date || w.s.opts.Full && len(w.lookups) > 0
}

// remaps tells whether all records are mapped, whatever the read brings.
func (w *work) remaps() bool {
	return w.again() || w.whole() || w.looksAtTarget() || w.p.Program.Reads().Now || w.p.Content != ""
}

// entries yields the pipeline's planned entries in key order, guards and
// bounds applied.
func (w *work) entries() iter.Seq2[*plan.Entry, error] {
	return func(yield func(*plan.Entry, error) bool) {
		if w.reader == nil {
			return
		}
		for e, err := range w.reader.Entries(w.p.Address) {
			if err == nil {
				w.header.Mark(e)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// pending yields what the session will still do: all changes in a plan; in a
// run that has applied its creates and updates, only the deletes.
func (w *work) pending(yield func(*plan.Entry) error) error {
	for e, err := range w.entries() {
		if err != nil {
			return err
		}
		if e.Op == 0 && !e.Drop && !e.Touch && !e.Item {
			continue
		}
		if w.upserted && e.Op != record.Delete && e.Op != record.Disable {
			continue
		}
		if err := yield(e); err != nil {
			return err
		}
	}
	return nil
}
