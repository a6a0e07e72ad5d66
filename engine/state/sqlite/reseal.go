package sqlite

import (
	"fmt"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

// A sealedColumn is a column whose values are sealed. The first column of the
// key is an integer, the owner.
type sealedColumn struct {
	table, column string
	key           []string
	forget        string // assignments that forget the row's hashes
}

func sealedColumns() []sealedColumn {
	return []sealedColumn{
		{table: "part", column: "cursor", key: []string{"source", "part"}},
		{table: "mirror", column: "body", key: []string{"source", "part", "key"}, forget: ", hash = NULL"},
		{table: "item", column: "body", key: []string{"pipeline", "key"}, forget: ", hash = zeroblob(32)"},
		{table: "layout", column: "names", key: []string{"pipeline", "id"}},
		{table: "open", column: "body", key: []string{"pipeline", "key"}, forget: ", before = NULL"},
		{table: "change", column: "body", key: []string{"pipeline", "key", "run"}},
		{table: "run", column: "problems", key: []string{"id", "pipeline"}},
		{table: "flight", column: "body", key: []string{"pipeline", "batch"}},
		{table: "delivery", column: "body", key: []string{"seq"}},
		{table: "attempt", column: "words", key: []string{"delivery", "n"}},
		{table: "held_read", column: "note", key: []string{"source"}},
	}
}

// reseal opens everything with old, nil for a clear state, seals it under
// seal, and forgets all hashes: they were made with another key. It runs
// inside a transaction.
func reseal(c *conn, old, seal *sealer) error {
	if err := moveAll(c); err != nil { // each item has one row then
		return err
	}
	for _, col := range sealedColumns() {
		if err := col.reseal(c, old, seal); err != nil {
			return fmt.Errorf("seal table %s: %w", col.table, err)
		}
	}
	if err := c.exec("UPDATE position SET digest = NULL"); err != nil {
		return err
	}
	if err := markSealed(c, true); err != nil {
		return err
	}
	seal.check = seal.seal(nil, []byte(checkText), []byte(placeMeta))
	if err := putMeta(c, metaSeal, seal.check); err != nil {
		return err
	}
	return putMeta(c, metaScrub, []byte(metaSeal))
}

// A sealedRow is one value with the key of its row.
type sealedRow struct {
	key   []any
	value []byte
}

// resealBytes bounds the rows that are in memory at a time.
const resealBytes = 4 << 20

func (col sealedColumn) reseal(c *conn, old, seal *sealer) error {
	keys := strings.Join(col.key, ", ")
	marks := strings.TrimSuffix(strings.Repeat("?, ", len(col.key)), ", ")
	first := fmt.Sprintf("SELECT %s, %s FROM %s ORDER BY %s", keys, col.column, col.table, keys)
	later := fmt.Sprintf("SELECT %s, %s FROM %s WHERE (%s) > (%s) ORDER BY %s", keys, col.column, col.table, keys, marks, keys)
	update := fmt.Sprintf("UPDATE %s SET %s = ?%s WHERE (%s) = (%s)", col.table, col.column, col.forget, keys, marks)

	rows, more, err := col.read(c, old, first, nil)
	for ; err == nil && len(rows) > 0; rows, more, err = col.read(c, old, later, rows[len(rows)-1].key) {
		for _, r := range rows {
			value := seal.seal(nil, r.value, col.place(r.key))
			if err := c.exec(update, append([]any{value}, r.key...)...); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
	return err
}

// read gives some rows, opened; more tells that others follow.
func (col sealedColumn) read(c *conn, old *sealer, query string, from []any) (rows []sealedRow, more bool, err error) {
	st, err := c.take(query)
	if err != nil {
		return nil, false, err
	}
	defer c.give(st)
	bind(st, from)
	for size := 0; size < resealBytes; {
		if more, err = st.Step(); err != nil || !more {
			return rows, false, err
		}
		r := sealedRow{key: col.rowKey(st), value: columnBytes(st, len(col.key))}
		if old != nil {
			if r.value, err = old.unseal(nil, r.value, col.place(r.key)); err != nil {
				return nil, false, fmt.Errorf("%w: table %s, key %q: %w", state.ErrCorrupt, col.table, keyTexts(r.key[1:]), err)
			}
		}
		rows = append(rows, r)
		size += len(r.value) + 100
	}
	return rows, true, nil
}

// rowKey reads the columns of the key in forms that bind takes.
func (col sealedColumn) rowKey(st *sqlite.Stmt) []any {
	key := make([]any, len(col.key))
	for i := range key {
		switch st.ColumnType(i) {
		case sqlite.TypeInteger:
			key[i] = st.ColumnInt64(i)
		case sqlite.TypeText:
			key[i] = st.ColumnText(i)
		default:
			key[i] = blob(columnBytes(st, i))
		}
	}
	return key
}

func (col sealedColumn) place(key []any) []byte {
	return appendPlace(nil, col.table, key[0].(int64), keyTexts(key[1:])...)
}

func keyTexts(key []any) []string {
	texts := make([]string, len(key))
	for i, k := range key {
		switch k := k.(type) {
		case int64:
			texts[i] = strconv.FormatInt(k, 10)
		case string:
			texts[i] = k
		case blob:
			texts[i] = string(k)
		}
	}
	return texts
}
