package sqlite

import (
	"zombiezen.com/go/sqlite"

	"koppel/engine/record"
	"koppel/engine/state"
	"koppel/internal/sqlitebind"
)

const (
	itemReplace   = "INSERT OR REPLACE INTO item" + itemValues
	recentReplace = "INSERT OR REPLACE INTO recent" + itemValues
	itemValues    = " (pipeline, key, hash, status, born, run, src, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

	itemDelete   = "DELETE FROM item" + ofKey
	recentDelete = "DELETE FROM recent" + ofKey

	itemTouch   = "UPDATE item" + itemSet
	recentTouch = "UPDATE recent" + itemSet
	itemSet     = " SET hash = CAST(?1 || substr(hash, 17) AS BLOB), status = ?2, src = ?3 WHERE pipeline = ?4 AND key = ?5"
	recentCopy  = "INSERT INTO recent (pipeline, key, hash, status, born, run, src, body)" +
		" SELECT pipeline, key, CAST(?1 || substr(hash, 17) AS BLOB), ?2, born, run, ?3, body FROM item WHERE pipeline = ?4 AND key = ?5"
)

// An itemPut is the statement of PutItem for one table with what its
// parameters hold. Numbers keep their value from one execution to the next, so
// only those that differ are bound.
type itemPut struct {
	st                          *sqlite.Stmt
	room                        *sqlitebind.Room
	pipeline, born, run, status int64
	src                         bool
	srcKey                      []byte
}

func (p *itemPut) prepare(c *conn, query string) error {
	if p.st != nil {
		return nil
	}
	st, err := c.Prepare(query)
	if err != nil {
		return err
	}
	*p = itemPut{st: st, room: sqlitebind.New(st), pipeline: -1, born: -1, run: -1, status: -1, src: true}
	return nil
}

// close ends the statement.
func (p *itemPut) close() {
	if p.st != nil {
		_ = p.st.Finalize() // reports the last step's error again
		p.room.Close()
		*p = itemPut{}
	}
}

func (p *itemPut) number(param int, last *int64, n int64) {
	if n != *last || n < 0 {
		p.st.BindInt64(param, n)
		*last = n
	}
}

// PutItem inserts or replaces one item. It is cheapest in key order.
func (t *tx) PutItem(pipeline int64, it *state.Item) error {
	w, err := t.spread(pipeline)
	if err != nil {
		return err
	}
	where, err := t.place(w, it.Key)
	if err != nil {
		return err
	}
	switch where {
	case apart:
		w.add()
		return t.put(&t.c.putRecent, recentReplace, pipeline, it)
	case among:
		if err := t.uncover(w, it.Key); err != nil {
			return err
		}
	case behind:
		w.append(it.Key)
	}
	return t.put(&t.c.putItem, itemReplace, pipeline, it)
}

// put writes an item to one of the tables.
func (t *tx) put(p *itemPut, query string, pipeline int64, it *state.Item) error {
	if err := p.prepare(t.c, query); err != nil {
		return t.check(err)
	}
	body, err := t.close(pipeline, it.Body)
	if err != nil {
		return err
	}
	var hash [2 * hashSize]byte
	copy(hash[:], it.Raw[:])
	copy(hash[hashSize:], it.Mapped[:])
	p.room.Clear()
	p.number(1, &p.pipeline, pipeline)
	p.room.Blob(2, unsafeBytes(string(it.Key)))
	p.room.Blob(3, hash[:])
	p.number(4, &p.status, int64(it.Status))
	p.number(5, &p.born, it.Born)
	p.number(6, &p.run, it.Run)
	if it.HasSrc {
		p.srcKey = appendSrc(p.srcKey[:0], it.Src)
		p.room.Blob(7, p.srcKey)
	} else if p.src {
		p.st.BindNull(7)
	}
	p.src = it.HasSrc
	key := [1]string{string(it.Key)}
	p.room.Blob(8, t.pack("item", pipeline, key[:], it.Answer, body))
	if _, err := p.st.Step(); err != nil {
		return t.check(err)
	}
	t.c.puts++
	return t.check(p.st.Reset())
}

// DropItem removes one item, if it is there. No row of it is left.
func (t *tx) DropItem(pipeline int64, key record.Key) error {
	w, err := t.spread(pipeline)
	if err != nil || w.isBehind(key) {
		return err
	}
	if err := t.uncover(w, key); err != nil {
		return err
	}
	err = t.exec(itemDelete, pipeline, key)
	if err == nil {
		w.growth.item -= int64(t.c.Changes())
	}
	return err
}

// TouchItem changes raw hash, status and source reference alone.
func (t *tx) TouchItem(pipeline int64, it *state.Item) error {
	w, err := t.spread(pipeline)
	if err != nil {
		return err
	}
	where, err := t.place(w, it.Key)
	if err != nil || where == behind {
		return err
	}
	var src []byte
	if it.HasSrc {
		src = appendSrc(nil, it.Src)
	}
	args := []any{blob(it.Raw[:]), int(it.Status), src, pipeline, it.Key}
	if !w.empty {
		err := t.exec(recentTouch, args...)
		if err != nil || t.c.Changes() > 0 {
			return err
		}
	}
	if where == among {
		return t.exec(itemTouch, args...)
	}
	w.add()
	return t.exec(recentCopy, args...)
}
