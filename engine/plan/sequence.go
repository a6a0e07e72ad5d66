package plan

import (
	"iter"

	"koppel/engine/record"
)

// SourceRows yields the rows of a source's section as they were written; none
// when the plan has no such section. A row is valid until the next step. An
// error is the last thing yielded.
func (r *Reader) SourceRows(address string) iter.Seq2[*SourceRow, error] {
	return r.sourceRows(r.section(sourceSection, address).blocks)
}

// Entries yields the entries of a pipeline's section in key order; none when
// the plan has no such section. An entry is valid until the next step. An error
// is the last thing yielded.
func (r *Reader) Entries(address string) iter.Seq2[*Entry, error] {
	return r.entries(r.section(pipelineSection, address).blocks)
}

func (r *Reader) sourceRows(blocks []block) iter.Seq2[*SourceRow, error] {
	return func(yield func(*SourceRow, error) bool) {
		var row SourceRow
		err := r.each(blocks, func(c *cursor) (record.Key, bool) {
			ok := c.sourceRow(&row)
			return row.Key, ok
		}, func() bool { return yield(&row, nil) })
		if err != nil {
			yield(nil, err)
		}
	}
}

func (r *Reader) entries(blocks []block) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		var e Entry
		var last record.Key
		err := r.each(blocks, func(c *cursor) (record.Key, bool) {
			ok := c.entry(&e) && last <= e.Key
			last = e.Key
			return e.Key, ok
		}, func() bool { return yield(&e, nil) })
		if err != nil {
			yield(nil, err)
		}
	}
}

// each decodes the entries of blocks one by one until step returns false, and
// checks them against the index.
func (r *Reader) each(blocks []block, decode func(*cursor) (record.Key, bool), step func() bool) error {
	in := blockReader{r: r}
	names := map[string]string{}
	for i := range blocks {
		blk := &blocks[i]
		raw, err := in.load(blk)
		if err != nil {
			return err
		}
		c := cursor{b: raw}
		n := int64(0)
		for ; len(c.b) > 0; n++ {
			one := cursor{b: c.take(uint64(c.uint32())), names: names}
			key, ok := decode(&one)
			if c.bad || !ok || n == 0 && key != blk.first {
				return in.damaged(blk)
			}
			if !step() {
				return nil
			}
		}
		if n != blk.entries {
			return in.damaged(blk)
		}
	}
	return nil
}
