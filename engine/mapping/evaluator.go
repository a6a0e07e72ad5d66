package mapping

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/itchyny/gojq"

	"koppel/engine/record"
)

// RunConsts are fixed once per run.
type RunConsts struct {
	Today   string          // ISO date
	Now     string          // ISO date and time ending in Z
	Context context.Context // ends programs that run long; nil: never
}

// keptArena is what stays of a record's room for the next one.
const keptArena = 1 << 20

// Bounds of what one record may take.
const (
	maxOutput = 16 << 20  // bytes of one mapped record, and of any value on the way
	maxMade   = 256 << 20 // bytes of everything made on the way
	// maxSteps bounds units of work: an operation, or 512 bytes handled. Each
	// byte of the record adds stepsAByte.
	maxSteps   = 2 << 20
	stepsAByte = 8
)

// An Evaluator runs a program, record by record. It belongs to one goroutine.
//
// Per record: Load; Bind for every join and lookup that does not read the
// item, in the order of Program.Binds; Items; then for each item SetItem, Bind
// for the others, Where, Key, Map. What Map and the others return stands until
// the next Load.
type Evaluator struct {
	p        *Program
	run      RunConsts
	scan     *record.Scanner
	src      []byte
	item     []byte
	bound    []binding
	target   []byte
	arena    []byte // texts made for this record
	scratch  []byte // one operation's own
	stack    []val
	locals   []val
	most     int // bytes that one value may have: maxOutput
	steps    int
	made     int
	replaced int // bytes put in by sub and gsub
	deadline time.Time
	spans    []span
	mapped   []byte
	keyed    []byte // the text of a part of the key
	canon    bool   // mapped is in canonical form
	decodes  decodes
	zones    map[string]*time.Location
	regexps  map[string]*regexp.Regexp
	broken   *fault // the first bound that was broken
	jq       jqContext
	jqArgs   []any
	jqVals   []val
	grouped  []any // what the group of jq programs gave for the present record
	ops      map[string]*gojq.Code
	now      any // seconds since 1970, for jq

	outStart int
	one      [1][]byte // what a record gives without each
}

// A binding is what a name stands for.
type binding struct{ value, target []byte }

// A span is where a field's value stands in the mapped record.
type span struct{ from, to int }

// Evaluator makes an evaluator for one run.
func (p *Program) Evaluator(run RunConsts) *Evaluator {
	if run.Context == nil {
		run.Context = context.Background()
	}
	e := &Evaluator{
		p:      p,
		run:    run,
		scan:   record.NewScanner(p.tree, record.Limits{}),
		bound:  make([]binding, len(p.names)),
		locals: make([]val, p.locals),
		spans:  make([]span, len(p.fields)),
		now:    clock(run.Now),
		most:   maxOutput,
	}
	e.jq = jqContext{Context: run.Context, e: e}
	e.reset()
	return e
}

// Load takes the next source record, one JSON object, which must stand until
// the next Load. The error is a *record.SyntaxError.
func (e *Evaluator) Load(src []byte) error {
	e.src, e.item = src, nil
	e.reset()
	clear(e.bound)
	e.decodes.clear()
	if err := e.scan.Scan(src); err != nil {
		e.src = nil
		return err
	}
	if i := blank(src, 0); src[i] != '{' {
		e.src = nil
		return &record.SyntaxError{Offset: i, Problem: "a record must be an object"}
	}
	return nil
}

// reset gives a record its bounds.
func (e *Evaluator) reset() {
	if cap(e.arena) > keptArena {
		e.arena = nil
	}
	if cap(e.scratch) > keptArena {
		e.scratch = nil
	}
	e.arena, e.stack = e.arena[:0], e.stack[:0]
	e.refill()
}

// Bind sets what a join or lookup gave: the JSON of an object, a list of
// objects, or null. Nil is null. The bytes must stand until the next Load.
func (e *Evaluator) Bind(name string, value []byte) {
	if i := slices.Index(e.p.names, name); i >= 0 {
		e.bound[i].value = value
		e.decodes.drop(i)
	}
}

// BindTarget sets what the target of a join answered: NAME.target.
func (e *Evaluator) BindTarget(name string, answer []byte) {
	if i := slices.Index(e.p.names, name); i >= 0 {
		e.bound[i].target = answer
		e.decodes.drop(i)
	}
}

// Items returns what the record gives: the outputs of each as JSON, in order,
// or one nil item without each. They stand for as long as the caller likes.
func (e *Evaluator) Items() ([][]byte, error) {
	if e.p.each == nil {
		return e.one[:], nil
	}
	outputs, err := e.outputs(e.p.each)
	if err == nil && e.p.each.node.Kind != KindJQ {
		outputs, err = e.listed(outputs[0])
	}
	if err != nil {
		return nil, e.valueError("each", e.p.each.sensitive, placed(err, e.p.each.node, -1, -1))
	}
	items := make([][]byte, 0, len(outputs))
	var all []byte
	for _, v := range outputs {
		from := len(all)
		if all, err = e.appendBody(all, v, 0); err != nil {
			return nil, e.valueError("each", e.p.each.sensitive, placed(err, e.p.each.node, -1, -1))
		}
		items = append(items, all[from:len(all):len(all)])
	}
	return items, nil
}

// listed makes items of one value: the elements of a list, none of null.
func (e *Evaluator) listed(v val) ([]val, error) {
	switch v.kind {
	case record.Null:
		return nil, nil
	case record.List:
		return e.elements(v)
	}
	return []val{v}, nil
}

// SetItem chooses the item that the following calls see.
func (e *Evaluator) SetItem(raw []byte) {
	e.reset()
	e.item = raw
	e.decodes.item.done = false
	for _, b := range e.p.binds {
		if b.AfterEach {
			e.bound[b.index] = binding{}
			e.decodes.drop(b.index)
		}
	}
}

// refill gives the record, or the item, its bounds anew.
func (e *Evaluator) refill() {
	e.steps = maxSteps + stepsAByte*len(e.src)
	e.made, e.replaced, e.broken, e.deadline = 0, 0, nil, time.Time{}
}

// spend takes n units of the record's work.
func (e *Evaluator) spend(n int) error {
	before := e.steps
	if e.steps -= n; e.steps < 0 {
		return newFault(CodeLimit, "the record takes more work than one may")
	}
	if before/stepsAClock != e.steps/stepsAClock {
		return e.look()
	}
	return nil
}

// maxTime ends what units of work do not measure, for records of any size up to
// megabytes. Programs that it meets are far beyond what records need.
const (
	maxTime     = 5 * time.Second
	timeAByte   = time.Microsecond
	stepsAClock = 1 << 12
)

// look ends a record whose run was cancelled or that takes too long; its time
// begins with the first look.
func (e *Evaluator) look() error {
	if err := e.run.Context.Err(); err != nil {
		return err
	}
	switch now := time.Now(); {
	case e.deadline.IsZero():
		e.deadline = now.Add(maxTime + time.Duration(len(e.src))*timeAByte)
	case now.After(e.deadline):
		return newFault(CodeLimit, "the record takes more time than one may")
	}
	return nil
}

// grow takes n bytes of what a record may make.
func (e *Evaluator) grow(n int) error {
	if e.made += n; n < 0 || e.made > maxMade+e.most || n > e.most {
		return errOutput()
	}
	return e.spend(n >> 9)
}

func errOutput() error {
	return newFault(CodeLimit, "the record makes more than 16 MiB")
}

// evaluate runs a part and recovers from panics of the libraries below it.
func (e *Evaluator) evaluate(run code) (v val, err error) {
	defer func() {
		if r := recover(); r != nil {
			v, err = null(), newFault(CodeProgram, panicText(r))
		}
	}()
	return run(e)
}
