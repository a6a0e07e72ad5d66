package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/mapping"
	"koppel/engine/plan"
	"koppel/engine/record"
	"koppel/engine/state"
)

// A joinIndex is the right side of one join.
type joinIndex struct {
	join     Join
	i        int // in the program's order
	rows     map[record.Key][]rightRow
	complete bool
	problem  string
	// unreachable: the right side's system could not be reached.
	unreachable bool
	digest      record.Hash
	// target: the program reads NAME.target, from this pipeline.
	target  string
	answers map[record.Key][]byte
	// reads holds the paths that the program takes of the right record; whole
	// says that it takes everything.
	reads [][]string
	whole bool
}

// A rightRow is one record of the right side.
type rightRow struct {
	key     record.Key
	body    []byte
	hash    record.Hash
	planned bool // only planned upstream, not delivered yet
}

// joinIndexes reads the right sides of a pipeline.
func (s *session) joinIndexes(ctx context.Context, p *Pipeline) ([]*joinIndex, error) {
	var list []*joinIndex
	for i, j := range p.Joins {
		idx, err := s.joinIndex(ctx, p, i, j)
		if err != nil {
			return nil, fmt.Errorf("join %q: %w", j.Name, err)
		}
		list = append(list, idx)
	}
	return list, nil
}

func (s *session) joinIndex(ctx context.Context, p *Pipeline, i int, j Join) (*joinIndex, error) {
	idx := &joinIndex{join: j, i: i, rows: map[record.Key][]rightRow{}, target: p.Targets[j.Name]}
	reads := p.Program.Reads()
	idx.reads, idx.whole = reads.Roots[j.Name], reads.Whole(j.Name)
	r, err := s.dataset(ctx, j.With, p.Address)
	if err != nil {
		// A right side that can't be read proves nothing; the left records that
		// depend on it wait.
		idx.problem, idx.unreachable = err.Error(), errors.Is(err, connector.ErrUnreachable)
		return idx, nil
	}
	idx.complete = r.complete() && r.failed == 0
	if !idx.complete {
		idx.problem, idx.unreachable = r.whyIncomplete(), r.unreachable()
	}
	if idx.target != "" {
		if idx.answers, err = s.answers(ctx, idx.target); err != nil {
			return nil, err
		}
	}
	ev := p.Program.Evaluator(s.consts())
	hash := s.Store.Hasher()
	var chain []byte
	err = r.byKey(func(e *entry) error {
		if e.twice || e.seen == seenGone || e.seen == seenExpired || e.seen == seenAhead {
			return nil
		}
		if e.seen == seenUnsure {
			idx.complete, idx.problem = false, unsureUpstream
			return nil
		}
		if e.seen == seenOutdated {
			idx.complete, idx.problem = false, "it holds records that were read under an earlier configuration"
			return nil
		}
		body, err := r.body(e, hash, nil)
		if err != nil {
			return err
		}
		keys, err := ev.Right(i, body)
		if err != nil {
			idx.complete, idx.problem = false, err.Error()
			return nil
		}
		row := rightRow{key: e.key, body: body, hash: e.raw, planned: e.planned}
		for _, k := range keys {
			idx.rows[k] = append(idx.rows[k], row)
		}
		chain = idx.project(append(chain[:0], idx.digest[:]...), keys, row)
		idx.digest = hash.Bytes(chain)
		return nil
	})
	if err != nil || idx.target == "" {
		return idx, err
	}
	return idx, s.undelivered(ctx, idx, ev)
}

// undelivered adds what the right side wanted to create and its target has not
// taken: a record that asks for the target's answer to it must wait, rather
// than find nothing.
func (s *session) undelivered(ctx context.Context, idx *joinIndex, ev *mapping.Evaluator) error {
	return s.Store.View(ctx, func(v state.View) error {
		row, known, err := v.Pipeline(idx.target)
		if err != nil || !known {
			return err
		}
		for o, err := range v.Open(row.ID) {
			if err != nil {
				return err
			}
			wanted := o.Reason == state.Refused || o.Reason == state.Held || o.Reason == state.InDoubt
			if !wanted || o.Op != record.Create || o.After == nil {
				continue
			}
			body := cloneBytes(o.After)
			keys, err := ev.Right(idx.i, body)
			if err != nil {
				return err
			}
			for _, k := range keys {
				idx.rows[k] = append(idx.rows[k], rightRow{key: o.Key, body: body})
			}
		}
		return nil
	})
}

// project appends what of a right record can change a result: its join keys
// and the fields that are read.
func (idx *joinIndex) project(b []byte, keys []record.Key, row rightRow) []byte {
	for _, k := range keys {
		b = putBytes(b, k)
	}
	if idx.whole {
		return putBytes(b, row.body)
	}
	for _, path := range idx.reads {
		raw := row.body
		for _, step := range path {
			if raw = record.Member(raw, step); raw == nil {
				break
			}
		}
		b = putBytes(b, raw)
	}
	if idx.target != "" {
		b = putBytes(b, idx.answers[row.key])
	}
	return b
}

// whyIncomplete gives the first reason why absence proves nothing.
func (r *records) whyIncomplete() string {
	names := append([]string(nil), r.names...)
	slices.Sort(names)
	for _, name := range names {
		if p := r.parts[name]; !p.complete && !p.gone {
			where := r.title
			if name != "" {
				where += " " + name
			}
			if p.problem != "" {
				return where + ": " + p.problem
			}
			return where + " was not read completely"
		}
	}
	if len(r.problems) > 0 {
		return r.problems[0].Message
	}
	return r.title + " was not read completely"
}

// A joinResult is what a join makes of one left record.
type joinResult int

const (
	joined joinResult = iota
	joinSkips
	joinWaits
)

// bind looks up one join for the record that the evaluator has loaded.
func (idx *joinIndex) bind(ev *mapping.Evaluator, out *outcome) (joinResult, error) {
	keys, err := ev.Left(idx.i)
	if err != nil {
		return 0, err
	}
	var found []rightRow
	for _, k := range keys {
		for _, row := range idx.rows[k] {
			if !slices.ContainsFunc(found, func(f rightRow) bool { return f.key == row.key }) {
				found = append(found, row)
			}
		}
	}
	if len(keys) > 0 && !idx.complete {
		out.wait("join_incomplete", fmt.Sprintf("join %q is not complete: %s", idx.join.Name, idx.problem))
		return joinWaits, nil
	}
	for _, row := range found {
		if row.planned {
			out.upstream = append(out.upstream, plan.Expectation{Pipeline: idx.join.With, Key: row.key, Hash: row.hash})
		}
	}
	switch {
	case len(found) == 0 && idx.join.None == "skip":
		return joinSkips, nil
	case len(found) == 0 && idx.join.None == "error":
		return 0, &recordError{code: "join_none", field: idx.join.Name, message: fmt.Sprintf("join %q found no match", idx.join.Name)}
	case idx.join.Many == "list":
		return joined, idx.bindList(ev, found, out)
	case len(found) > 1 && idx.join.Many != "first":
		return 0, &recordError{code: "join_many", field: idx.join.Name,
			message: fmt.Sprintf("join %q found %d matches: %s", idx.join.Name, len(found), someKeys(found))}
	case len(found) == 0:
		ev.Bind(idx.join.Name, nil)
		return joined, nil
	}
	ev.Bind(idx.join.Name, found[0].body)
	return idx.bindTarget(ev, found[0], out)
}

func (idx *joinIndex) bindList(ev *mapping.Evaluator, found []rightRow, out *outcome) error {
	list := []byte{'['}
	for i, row := range found {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, row.body...)
	}
	ev.Bind(idx.join.Name, append(list, ']'))
	return nil
}

// bindTarget hands over what the target answered to the joined record; one
// that is not delivered makes the record wait.
func (idx *joinIndex) bindTarget(ev *mapping.Evaluator, row rightRow, out *outcome) (joinResult, error) {
	if idx.target == "" {
		return joined, nil
	}
	answer, ok := idx.answers[row.key]
	if !ok {
		out.wait("not_delivered", fmt.Sprintf("%s of %s is not delivered yet", row.key, idx.target))
		return joinWaits, nil
	}
	ev.BindTarget(idx.join.Name, answer)
	return joined, nil
}

func someKeys(rows []rightRow) string {
	var names []string
	for _, r := range rows {
		if len(names) == 3 {
			names = append(names, "…")
			break
		}
		names = append(names, r.key.String())
	}
	return strings.Join(names, ", ")
}

// A recordError is a failure of one record that no program reported.
type recordError struct{ code, field, message string }

func (e *recordError) Error() string { return e.message }
