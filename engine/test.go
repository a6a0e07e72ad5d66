package engine

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"koppel/engine/mapping"
	"koppel/engine/record"
	"koppel/engine/spool"
)

// A TestResult is what one test block came to.
type TestResult struct {
	Passed bool
	// Problem says in words why the test failed; empty when it passed or when
	// Diffs say it.
	Problem string
	// Diffs are the fields that are not as expected.
	Diffs []TestDiff
	// Got are the mapped records that came out, in body form.
	Got [][]byte
	// Skipped tells that the record was dropped, Error why it failed.
	Skipped bool
	Error   string
}

// A TestDiff is one field that is not as a test expects.
type TestDiff struct {
	Item      int // which record under each, from 0
	Field     string
	Want, Got []byte // JSON; Got is nil when the field is absent
	Sensitive bool
}

// Test takes a test's record through join, each, where, key and map as a run
// would, with the test's own right sides and at its own time, and compares the
// result. now is what the present is where the test sets no time, zone what
// `today` means.
func (p *Pipeline) Test(ctx context.Context, t *Test, now time.Time, zone *time.Location) TestResult {
	tested := *p
	tested.Program = t.Program
	if !t.AsOf.IsZero() {
		now = t.AsOf
	}
	consts := mapping.RunConsts{Today: now.In(zone).Format(time.DateOnly), Now: now.UTC().Format("2006-01-02T15:04:05Z"), Context: ctx}
	sides, err := testSides(ctx, &tested, t, consts)
	if err != nil {
		return t.failed(err)
	}
	m := &mapper{p: &tested, ev: t.Program.Evaluator(consts), sides: sides, ended: ctx.Err, hash: record.NewHasher(nil), rules: fieldRules(p)}
	out := &outcome{}
	m.run(out, &entry{key: "test"}, "", t.Given)
	return t.judge(out)
}

// fieldRules are the comparison rules of a pipeline's fields.
func fieldRules(p *Pipeline) record.Rules {
	rules := record.Rules{}
	for _, f := range p.Fields {
		if f.Compare != record.Exact {
			rules[f.Name] = f.Compare
		}
	}
	return rules
}

// testSides are the joins and lookups with what a test gives for them.
func testSides(ctx context.Context, p *Pipeline, t *Test, consts mapping.RunConsts) ([]side, error) {
	joins, err := testJoins(ctx, p, t, consts)
	if err != nil {
		return nil, err
	}
	var list []side
	for _, b := range p.Program.Binds() {
		if b.Lookup {
			list = append(list, testLookup(p, t, b.I).side(ctx))
		} else {
			list = append(list, joins[b.I])
		}
	}
	return list, nil
}

// testJoins makes the right sides that a test gives. What the target of a
// joined pipeline answered is the member target of a right record.
func testJoins(ctx context.Context, p *Pipeline, t *Test, consts mapping.RunConsts) ([]*joinLookup, error) {
	ev := t.Program.Evaluator(consts)
	var list []*joinLookup
	for i, j := range p.Joins {
		idx := &joinIndex{join: j, i: i, complete: true, target: p.Targets[j.Name], rows: spool.InMemory(), reads: joinReads{keep: true}}
		f := &joinFill{idx: idx}
		for n, body := range t.Joins[j.Name] {
			keys, err := ev.Right(i, body)
			if err != nil {
				return nil, fmt.Errorf("join %q, record %d: %w", j.Name, n+1, err)
			}
			row := rightRow{key: fmt.Append(nil, n), body: body, answer: record.Member(body, "target")}
			if err := f.add(keys, &row); err != nil {
				return nil, err
			}
		}
		list = append(list, idx.lookup(ctx))
	}
	return list, nil
}

func (t *Test) failed(err error) TestResult {
	_, _, note := describe(err)
	return t.judge(&outcome{fate: fateFailed, note: note})
}

// judge compares what came out with what the test expects.
func (t *Test) judge(out *outcome) TestResult {
	r := TestResult{Skipped: out.fate == fateFiltered}
	for i := range out.items {
		r.Got = append(r.Got, cloneBytes(out.items[i].body))
	}
	if out.fate == fateFailed {
		r.Error = out.note
	}
	switch {
	case out.fate == fateWaiting:
		r.Problem = "the record waits: " + out.note
	case t.Fails:
		r.Problem = t.judgeError(out)
	case out.fate == fateFailed:
		r.Problem = "the record fails: " + out.note
	case t.Skip && !r.Skipped:
		r.Problem = "the record is expected to be skipped, and it is not"
	case t.Skip:
	case r.Skipped && !(t.ExpectList && len(t.Expect) == 0):
		r.Problem = "the record is skipped"
	case len(r.Got) != len(t.Expect):
		r.Problem = fmt.Sprintf("the test expects %s, and %d came out", counted(int64(len(t.Expect)), "record"), len(r.Got))
	default:
		t.compare(&r)
	}
	r.Passed = r.Problem == "" && len(r.Diffs) == 0
	return r
}

func (t *Test) judgeError(out *outcome) string {
	switch {
	case out.fate != fateFailed:
		return "the record is expected to fail, and it does not"
	case !strings.Contains(strings.ToLower(out.note), strings.ToLower(t.Error)):
		return fmt.Sprintf("an error with %q is expected, and it is: %s", t.Error, out.note)
	}
	return ""
}

// compare looks at the fields that the test names; numbers are equal when
// their values are.
func (t *Test) compare(r *TestResult) {
	for i, expected := range t.Expect {
		record.Members(expected, func(name string, want []byte) bool {
			got := record.Member(r.Got[i], name)
			if !sameValue(want, got) {
				r.Diffs = append(r.Diffs, TestDiff{Item: i, Field: name, Want: cloneBytes(want), Got: cloneBytes(got),
					Sensitive: t.Program.Sensitive(name)})
			}
			return true
		})
	}
}

func sameValue(a, b []byte) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	x, err := record.AppendCanonical(nil, a)
	if err != nil {
		return false
	}
	y, err := record.AppendCanonical(nil, b)
	return err == nil && bytes.Equal(x, y)
}
