package http

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/zeebo/xxh3"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
)

// A layout says where an answer holds what. It is for one goroutine.
type layout struct {
	records            part
	value, total, more part
	each               bool           // records are the elements of the list at their path
	inside             map[string]int // slots of members that may say that something failed
	odata              int            // slot of the member that may name a next page
	scanner            *record.Scanner
}

// A part of an answer: a path, whose value is found while the answer is
// checked, or a program.
type part struct {
	program connector.Program
	slot    int // -1: the program must run
}

func newLayout(c *Config) *layout {
	tree := record.NewTree()
	find := func(p connector.Program) part {
		if plain, ok := p.(connector.Plain); ok {
			if path, each, ok := plain.Plain(); ok && !each {
				return part{p, tree.Want(path...)}
			}
		}
		return part{p, -1}
	}
	l := &layout{records: part{c.Records, -1}, odata: tree.Want(nextLinkMember)}
	if c.Records == nil {
		l.records.slot = tree.Want()
	} else if plain, ok := c.Records.(connector.Plain); ok {
		if path, each, ok := plain.Plain(); ok && each {
			l.records.slot, l.each = tree.Want(path...), true
		}
	}
	l.value, l.total, l.more = find(c.Pagination.Value), find(c.Pagination.Total), find(c.Pagination.More)
	if c.Records != nil {
		// An object that is itself the record may say what it wants.
		l.inside = map[string]int{}
		for _, name := range httpclient.ErrorMembers() {
			l.inside[name] = tree.Want(name)
		}
	}
	l.scanner = record.NewScanner(tree, record.Limits{Size: 1 << 30})
	return l
}

// member is one of those that may say that something failed, in the answer
// read last.
func (l *layout) member(name string) []byte {
	slot, ok := l.inside[name]
	if !ok {
		return nil
	}
	return l.scanner.Slot(slot)
}

// A page is what one answer gives.
type page struct {
	lines  []byte // the records, one a line
	starts []int  // where each begins, and the end
	sum    xxh3.Uint128
	value  any
	total  int // -1: not told
	more   *bool
}

func (p *page) count() int { return len(p.starts) - 1 }

// record is the i-th record with its line end.
func (p *page) record(i int) []byte { return p.lines[p.starts[i]:p.starts[i+1]] }

// read takes an answer apart, into p, whose bytes are used again.
func (l *layout) read(ctx context.Context, body []byte, p *page) error {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if err := l.scanner.Scan(body); err != nil {
		return fmt.Errorf("the answer is no valid JSON: %w", err)
	}
	a := &reading{ctx: ctx, l: l, body: body}
	p.lines, p.starts = p.lines[:0], append(p.starts[:0], 0)
	if err := a.records(p); err != nil {
		return err
	}
	p.sum = xxh3.Hash128(p.lines)
	return a.signs(p)
}

// A reading is one answer that is taken apart.
type reading struct {
	ctx     context.Context
	l       *layout
	body    []byte
	decoded any
	done    bool
}

// run gives what a program makes of the answer.
func (a *reading) run(p connector.Program) ([]any, error) {
	if !a.done {
		a.decoded, a.done = record.DecodeTrusted(a.body), true
	}
	return p.Run(a.ctx, a.decoded)
}

func (a *reading) records(p *page) error {
	r := a.l.records
	if r.slot < 0 {
		return a.outputs(p)
	}
	raw := a.l.scanner.Slot(r.slot)
	switch kind := record.KindOf(raw); {
	case kind == record.List:
		return p.elements(raw)
	case r.program == nil && kind == record.Object:
		return p.add(raw)
	case kind == record.Object: // jq gives its members
		return a.outputs(p)
	case r.program == nil:
		return fmt.Errorf("the answer is of kind %s, neither a list of records nor one", kind)
	default:
		return fmt.Errorf("records: there is no list at %s, but %s", r.program.Source(), kind)
	}
}

// elements adds the records of a list.
func (p *page) elements(list []byte) error {
	var err error
	record.Elements(list, func(raw []byte) bool {
		err = p.add(raw)
		return err == nil
	})
	return err
}

// add adds a record as one line: a line end between its parts becomes a blank;
// within texts there are none.
func (p *page) add(raw []byte) error {
	if record.KindOf(raw) != record.Object {
		return fmt.Errorf("records: record %d is not an object but of kind %s", len(p.starts), record.KindOf(raw))
	}
	from := len(p.lines)
	p.lines = append(append(p.lines, raw...), '\n')
	if bytes.IndexByte(raw, '\n') >= 0 {
		for i := from; i < len(p.lines)-1; i++ {
			if p.lines[i] == '\n' {
				p.lines[i] = ' '
			}
		}
	}
	p.starts = append(p.starts, len(p.lines))
	return nil
}

// outputs adds what the program gives.
func (a *reading) outputs(p *page) error {
	outputs, err := a.run(a.l.records.program)
	if err != nil {
		return fmt.Errorf("records: %w", err)
	}
	var line []byte
	for _, v := range outputs {
		if line, err = record.Append(line[:0], v); err != nil {
			return fmt.Errorf("records: record %d: %w", len(p.starts), err)
		}
		if record.KindOf(line) == record.List {
			return errors.New("records: the program gives a list, not records; [] behind it gives its elements")
		}
		if err := p.add(line); err != nil {
			return err
		}
	}
	return nil
}

// signs takes what says where the answer leads.
func (a *reading) signs(p *page) error {
	p.value, p.total, p.more = nil, -1, nil
	var err error
	if p.value, err = a.one("value", a.l.value); err != nil {
		return err
	}
	if a.l.total.program != nil {
		v, err := a.one("total", a.l.total)
		if err != nil {
			return err
		}
		n, ok := wholeNumber(v)
		if !ok {
			return fmt.Errorf("pagination: total gives %s, not a number of records", shown(v))
		}
		p.total = n
	}
	if a.l.more.program != nil {
		v, err := a.one("more", a.l.more)
		if err != nil {
			return err
		}
		more, ok := v.(bool)
		if !ok {
			return fmt.Errorf("pagination: more gives %s, neither true nor false", shown(v))
		}
		p.more = &more
	}
	return nil
}

// one gives the one value of a part; nil without one.
func (a *reading) one(name string, f part) (any, error) {
	switch {
	case f.program == nil:
		return nil, nil
	case f.slot >= 0:
		raw := a.l.scanner.Slot(f.slot)
		if raw == nil {
			return nil, nil
		}
		return record.DecodeTrusted(raw), nil
	}
	outputs, err := a.run(f.program)
	if err != nil {
		return nil, fmt.Errorf("pagination: %s: %w", name, err)
	}
	switch len(outputs) {
	case 0:
		return nil, nil
	case 1:
		return outputs[0], nil
	}
	return nil, fmt.Errorf("pagination: %s gives %d values, not one", name, len(outputs))
}

// wholeNumber reads a number, also one that is written as text.
func wholeNumber(v any) (int, bool) {
	switch x := v.(type) {
	case int:
		return x, x >= 0
	case string:
		n, err := strconv.Atoi(x)
		return n, err == nil && n >= 0
	}
	return 0, false
}

// shown is a value in a message: its kind, and not what it is.
func shown(v any) string {
	b, err := record.Append(nil, v)
	if err != nil {
		return "a value"
	}
	return record.KindOf(b).String()
}
