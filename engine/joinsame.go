package engine

import (
	"bytes"
	"context"
	"errors"

	"koppel/engine/record"
	"koppel/engine/spool"
)

// A joinMark tells one state of a right side from another.
type joinMark struct {
	// rows is of what the program reads of the rows, key by key.
	rows record.Hash
	// read is of the whole right side as it was read, by which program and by
	// which version: where it is the same, rows is. All zeros: it can't tell.
	read record.Hash
}

const hashSize = len(record.Hash{})

// bytes is the mark as it is remembered.
func (m joinMark) bytes() []byte {
	b := append([]byte(nil), m.rows[:]...)
	if m.read != (record.Hash{}) {
		b = append(b, m.read[:]...)
	}
	return b
}

// sameRows tells whether two marks as they are remembered are of the same rows,
// as far as the program reads them.
func sameRows(a, b []byte) bool {
	return len(a) >= hashSize && len(b) >= hashSize && bytes.Equal(a[:hashSize], b[:hashSize])
}

// markOf takes the mark of a read. Its rows are those that are remembered
// when the read is the same; otherwise they come with the filling.
func (w *work) markOf(ctx context.Context, idx *joinIndex, r *records, before []byte) (joinMark, error) {
	// What a target answered is no part of the read.
	if !idx.complete || idx.target != "" {
		return joinMark{}, nil
	}
	sum, err := r.readSum(ctx, w.s.Store.Hasher())
	if err != nil || sum.planned {
		return joinMark{}, err
	}
	b := putBytes(nil, w.s.Version)
	b = putBytes(b, w.header.Fingerprint)
	b = putBytes(b, idx.join.Name)
	if w.header.ReadsDay {
		b = putBytes(b, w.header.Day)
	}
	mark := joinMark{read: w.s.Store.Hasher().Bytes(putHash(b, sum.hash))}
	if len(before) == 2*hashSize && bytes.Equal(before[hashSize:], mark.read[:]) {
		mark.rows = record.Hash(before[:hashSize])
	}
	return mark, nil
}

// fillLater returns what fills the index of a right side that is as it was,
// where perhaps no record asks for it: nil when it must be filled at once.
func (w *work) fillLater(idx *joinIndex, r *records, room *joinRoom) func(context.Context) (*spool.Sorter, error) {
	if idx.mark.rows == (record.Hash{}) || w.remaps() || w.s.opts.Full {
		idx.mark.rows = record.Hash{}
		return nil
	}
	return func(ctx context.Context) (*spool.Sorter, error) {
		filled := w.newJoinIndex(idx.i, idx.join)
		filled.complete = true
		if err := w.fillJoin(ctx, filled, r, room); err != nil {
			return nil, err
		}
		if !filled.complete || filled.planned || filled.mark.rows != idx.mark.rows {
			return nil, errors.Join(errOtherRows, filled.rows.Close())
		}
		return filled.rows, nil
	}
}

var errOtherRows = errors.New("its records are the same as in the last run and give other rows: run once with --full, which compares the rows themselves")

// A readSum is of all records of a read, or of an upstream pipeline.
type readSum struct {
	hash record.Hash
	// planned: some records are only planned upstream.
	planned bool
}

// sumBlock is how much is hashed at a time, in bytes.
const sumBlock = 64 << 10

// readSum takes the sum of the records in the order of their keys, once.
func (r *records) readSum(ctx context.Context, hash *record.Hasher) (readSum, error) {
	if r.sum != nil {
		return *r.sum, nil
	}
	var sum readSum
	var block, body []byte
	fold := func() {
		sum.hash = hash.Bytes(block)
		block = append(block[:0], sum.hash[:]...)
	}
	err := r.byKey(func(e *entry) (err error) {
		content := e.raw
		if r.derived {
			if body, err = r.body(e, hash, body[:0]); err != nil {
				return err
			}
			content = hash.Bytes(body)
		}
		sum.planned = sum.planned || e.planned
		block = putHash(putBytes(block, e.key), content)
		if block = append(block, byte(e.seen), flag(e.twice), flag(e.length > 0)); len(block) < sumBlock {
			return nil
		}
		fold()
		return ctx.Err()
	})
	if err != nil {
		return readSum{}, err
	}
	fold()
	r.sum = &sum
	return sum, nil
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}
