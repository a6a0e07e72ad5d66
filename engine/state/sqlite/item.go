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
	itemLight = "SELECT key, hash, status, born, run, src FROM "
	itemWhole = "SELECT key, hash, status, born, run, src, body FROM "
	ofKey     = " WHERE pipeline = ? AND key = ?"
	fromKey   = " WHERE pipeline = ? AND key >= ? ORDER BY key"
	inOrder   = " WHERE pipeline = ? ORDER BY key"

	// Rows of item in place of which recent has one do not count.
	unlessRecent = " AND NOT EXISTS (SELECT 1 FROM recent WHERE recent.pipeline = item.pipeline AND recent.key = item.key)"

	itemOf = itemWhole + "item WHERE pipeline = ?1 AND src = ?2" + unlessRecent +
		" UNION ALL " + itemWhole + "recent WHERE pipeline = ?1 AND src = ?2 ORDER BY key"
	itemCount = "SELECT status, sum(n) FROM (" +
		"SELECT status, count(*) AS n FROM item WHERE pipeline = ?1 GROUP BY status" +
		" UNION ALL SELECT item.status, -count(*) FROM recent CROSS JOIN item ON item.pipeline = recent.pipeline AND item.key = recent.key" +
		" WHERE recent.pipeline = ?1 GROUP BY item.status" +
		" UNION ALL SELECT status, count(*) FROM recent WHERE pipeline = ?1 GROUP BY status" +
		") GROUP BY status HAVING sum(n) > 0"
)

const hashSize = len(record.Hash{})

// An itemScan reads rows of the tables item and recent into memory that it
// uses again.
type itemScan struct {
	v        *view
	pipeline int64
	keys     slab
	body     []byte
	laid     []byte
	src      []byte
}

func (s *itemScan) key(st *sqlite.Stmt, it *state.Item) { it.Key = s.keys.key(st, 0) }

// light reads what follows the key.
func (s *itemScan) light(st *sqlite.Stmt, it *state.Item) error {
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

// whole reads all that follows the key.
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
	it.Body, s.laid, err = s.v.open(s.pipeline, it.Key, it.Body, s.laid)
	return err
}

// Items yields items in key order, from the first key that is not below from.
func (v *view) Items(pipeline int64, from record.Key) iter.Seq2[*state.Item, error] {
	return v.overlaid(itemWhole, fromKey, pipeline, []any{pipeline, from}, (*itemScan).whole)
}

// ItemsLight is Items without Body and Answer.
func (v *view) ItemsLight(pipeline int64) iter.Seq2[*state.Item, error] {
	return v.overlaid(itemLight, inOrder, pipeline, []any{pipeline}, (*itemScan).light)
}

// ItemsOf yields the items of one source record in key order.
func (v *view) ItemsOf(pipeline int64, src state.SourceRef) iter.Seq2[*state.Item, error] {
	s := &itemScan{v: v, pipeline: pipeline}
	return rows(v, itemOf, []any{pipeline, blob(appendSrc(nil, src))}, func(st *sqlite.Stmt, it *state.Item) error {
		s.key(st, it)
		return s.whole(st, it)
	})
}

// Item gives one item, nil when there is none.
func (v *view) Item(pipeline int64, key record.Key) (*state.Item, error) {
	s := &itemScan{v: v, pipeline: pipeline}
	var it state.Item
	found, err := v.oneItem(itemWhole, pipeline, key, func(st *sqlite.Stmt) error {
		s.key(st, &it)
		return s.whole(st, &it)
	})
	if err != nil || !found {
		return nil, err
	}
	return &it, nil
}

// oneItem reads the row of an item, in recent or else in item.
func (v *view) oneItem(columns string, pipeline int64, key record.Key, row func(*sqlite.Stmt) error) (found bool, err error) {
	args := []any{pipeline, key}
	if found, err = v.one(columns+"recent"+ofKey, args, row); err != nil || found {
		return found, err
	}
	return v.one(columns+"item"+ofKey, args, row)
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
