package sqlite

import (
	"encoding/binary"
	"fmt"
	"iter"

	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
	"koppel/engine/state"
)

const (
	itemLight = "SELECT key, hash, status, born, run, src FROM item"
	itemWhole = "SELECT key, hash, status, born, run, src, body FROM item"
	itemOne   = itemWhole + " WHERE pipeline = ? AND key = ?"
	itemBorn  = "SELECT born FROM item WHERE pipeline = ? AND key = ?"
	itemFrom  = itemWhole + " WHERE pipeline = ? AND key >= ? ORDER BY key"
	itemAll   = itemLight + " WHERE pipeline = ? ORDER BY key"
	itemOf    = itemWhole + " WHERE pipeline = ? AND src = ? ORDER BY key"
	itemCount = "SELECT status, count(*) FROM item WHERE pipeline = ? GROUP BY status"

	itemReplace = "INSERT OR REPLACE INTO item (pipeline, key, hash, status, born, run, src, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
	itemDelete  = "DELETE FROM item WHERE pipeline = ? AND key = ?"
	itemTouch   = "UPDATE item SET hash = CAST(? || substr(hash, 17) AS BLOB), status = ?, src = ? WHERE pipeline = ? AND key = ?"
)

const hashSize = len(record.Hash{})

// An itemScan reads rows of the table item into memory that it uses again.
type itemScan struct {
	v        *view
	pipeline int64
	keys     slab
	body     []byte
	src      []byte
}

func (s *itemScan) light(st *sqlite.Stmt, it *state.Item) error {
	it.Key = s.keys.key(st, 0)
	var hash [2*hashSize + 1]byte
	if st.ColumnLen(1) != 2*hashSize {
		return damaged("item", it.Key, "its hash has a wrong length")
	}
	st.ColumnBytes(1, hash[:])
	copy(it.Raw[:], hash[:hashSize])
	copy(it.Mapped[:], hash[hashSize:])
	status := st.ColumnInt64(2)
	if status < 0 || status > int64(state.Unsure) {
		return damaged("item", it.Key, fmt.Sprintf("it has the status %d", status))
	}
	it.Status = state.Status(status)
	it.Born = st.ColumnInt64(3)
	it.Run = st.ColumnInt64(4)
	if it.HasSrc = !st.ColumnIsNull(5); !it.HasSrc {
		it.Src = state.SourceRef{}
		return nil
	}
	s.src = appendColumn(s.src[:0], st, 5)
	var ok bool
	if it.Src, ok = splitSrc(s.src); !ok {
		return damaged("item", it.Key, "its source record has no readable key")
	}
	return nil
}

func (s *itemScan) whole(st *sqlite.Stmt, it *state.Item) (err error) {
	if err := s.light(st, it); err != nil {
		return err
	}
	if s.body, err = s.v.unpack(s.body[:0], st, 6, "item", s.pipeline, string(it.Key)); err != nil {
		return err
	}
	var ok bool
	if it.Answer, it.Body, ok = split(s.body); !ok {
		return damaged("item", it.Key, "its body is cut")
	}
	return nil
}

// Items yields items in key order, from the first key that is not below from.
func (v *view) Items(pipeline int64, from record.Key) iter.Seq2[*state.Item, error] {
	s := &itemScan{v: v, pipeline: pipeline}
	return rows(v, itemFrom, []any{pipeline, from}, s.whole)
}

// ItemsLight is Items without Body and Answer.
func (v *view) ItemsLight(pipeline int64) iter.Seq2[*state.Item, error] {
	s := &itemScan{v: v, pipeline: pipeline}
	return rows(v, itemAll, []any{pipeline}, s.light)
}

// ItemsOf yields the items of one source record in key order.
func (v *view) ItemsOf(pipeline int64, src state.SourceRef) iter.Seq2[*state.Item, error] {
	s := &itemScan{v: v, pipeline: pipeline}
	return rows(v, itemOf, []any{pipeline, blob(appendSrc(nil, src))}, s.whole)
}

// Item gives one item, nil when there is none.
func (v *view) Item(pipeline int64, key record.Key) (*state.Item, error) {
	s := &itemScan{v: v, pipeline: pipeline}
	var it state.Item
	found, err := v.one(itemOne, []any{pipeline, key}, func(st *sqlite.Stmt) error { return s.whole(st, &it) })
	if err != nil || !found {
		return nil, err
	}
	return &it, nil
}

// CountItems counts the items of a pipeline by status.
func (v *view) CountItems(pipeline int64) (map[state.Status]int, error) {
	count := map[state.Status]int{}
	_, err := v.one(itemCount, []any{pipeline}, func(st *sqlite.Stmt) error {
		count[state.Status(st.ColumnInt64(0))] = int(st.ColumnInt64(1))
		return nil
	})
	return count, err
}

// An itemPut is the statement of PutItem with what its parameters hold.
// Parameters keep their value from one execution to the next, so only those
// that differ are bound.
type itemPut struct {
	st                          *sqlite.Stmt
	pipeline, born, run, status int64
	src                         bool
	srcKey                      []byte
}

func (p *itemPut) prepare(c *conn) error {
	if p.st != nil {
		return nil
	}
	st, err := c.Prepare(itemReplace)
	if err != nil {
		return err
	}
	*p = itemPut{st: st, pipeline: -1, born: -1, run: -1, status: -1, src: true}
	return nil
}

func (p *itemPut) number(param int, last *int64, n int64) {
	if n != *last || n < 0 {
		p.st.BindInt64(param, n)
		*last = n
	}
}

// PutItem inserts or replaces one item. It is cheapest in key order.
func (t *tx) PutItem(pipeline int64, it *state.Item) error {
	if t.over {
		return errEnded
	}
	p := &t.c.put
	if err := p.prepare(t.c); err != nil {
		return t.check(err)
	}
	var hash [2 * hashSize]byte
	copy(hash[:], it.Raw[:])
	copy(hash[hashSize:], it.Mapped[:])
	p.number(1, &p.pipeline, pipeline)
	p.st.BindBytes(2, unsafeBytes(string(it.Key)))
	p.st.BindBytes(3, hash[:])
	p.number(4, &p.status, int64(it.Status))
	p.number(5, &p.born, it.Born)
	p.number(6, &p.run, it.Run)
	if it.HasSrc {
		p.srcKey = appendSrc(p.srcKey[:0], it.Src)
		p.st.BindBytes(7, p.srcKey)
	} else if p.src {
		p.st.BindNull(7)
	}
	p.src = it.HasSrc
	key := [1]string{string(it.Key)}
	p.st.BindBytes(8, t.pack("item", pipeline, key[:], it.Answer, it.Body))
	if _, err := p.st.Step(); err != nil {
		return t.check(err)
	}
	t.c.puts++
	return t.check(p.st.Reset())
}

// DropItem removes one item, if it is there.
func (t *tx) DropItem(pipeline int64, key record.Key) error {
	return t.exec(itemDelete, pipeline, key)
}

// TouchItem changes raw hash, status and source reference alone.
func (t *tx) TouchItem(pipeline int64, it *state.Item) error {
	var src []byte
	if it.HasSrc {
		src = appendSrc(nil, it.Src)
	}
	return t.exec(itemTouch, blob(it.Raw[:]), int(it.Status), src, pipeline, it.Key)
}

// appendSrc encodes a source reference: the partition behind its length, and
// the key.
func appendSrc(dst []byte, src state.SourceRef) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(src.Part)))
	dst = append(dst, src.Part...)
	return append(dst, src.Key...)
}

func splitSrc(b []byte) (state.SourceRef, bool) {
	part, key, ok := split(b)
	return state.SourceRef{Part: string(part), Key: record.Key(key)}, ok
}
