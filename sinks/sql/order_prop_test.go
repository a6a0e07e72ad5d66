package sql

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine/record"
)

// A holder is a row of the model with its values of two unique indexes: an
// address, and a place of two columns.
type holder struct{ email, room, seat string }

func (h holder) body(id string) string { return row(id, h.email, h.room, h.seat, "") }

// values are the values that collide; those with a null do not.
func (h holder) values() []string {
	var out []string
	if h.email != "" {
		out = append(out, "email "+h.email)
	}
	if h.room != "" && h.seat != "" {
		out = append(out, "place "+h.room+" "+h.seat)
	}
	return out
}

// TestUniqueValuesMove: rows take over each other's unique values in one
// batch. What is refused is what wants a value that a row outside the batch
// holds, or one that is refused itself.
func TestUniqueValuesMove(t *testing.T) {
	dir, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		g := reopen(t, filepath.Join(dir, strconv.Itoa(n)+".db"), Config{}, staff())
		defer g.Close()
		null := rapid.SampledFrom([]string{"", " NOT NULL"}).Draw(rt, "null")
		without := rapid.SampledFrom([]string{"", " WITHOUT ROWID"}).Draw(rt, "rowid")
		g.exec("PRAGMA journal_mode = WAL", fmt.Sprintf(
			"CREATE TABLE people (id TEXT PRIMARY KEY, email TEXT UNIQUE%[1]s, room TEXT%[1]s, seat TEXT%[1]s, manager, own, UNIQUE (seat, room))%[2]s", null, without))
		before := drawHolders(rt)
		var rows []record.Change
		for id, h := range before {
			rows = append(rows, create(id, h.body(id)))
		}
		g.send(rows...)
		g.exec("UPDATE people SET own = 'own ' || id")
		after := drawMoves(rt, before, null == "")
		var batch []record.Change
		var ids []string
		for id := range after {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		for _, id := range rapid.Permutation(ids).Draw(rt, "order") {
			batch = append(batch, drawMove(rt, id, before, after))
		}
		refused := map[string]bool{}
		for i := range g.refusals(rt.Context(), batch) {
			refused[string(batch[i].Key)] = true
		}
		want := impossible(before, after)
		if diff := cmp.Diff(want, refused); diff != "" {
			rt.Fatalf("refused (-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(table(before, after, want), slices.Sorted(slices.Values(g.bodies()))); diff != "" {
			rt.Fatalf("table (-want +got)\n%s", diff)
		}
	})
}

func drawHolders(t *rapid.T) map[string]holder {
	rows := map[string]holder{}
	for i := range rapid.IntRange(2, 12).Draw(t, "rows") {
		rows[fmt.Sprint(i)] = holder{fmt.Sprintf("e%d", i), fmt.Sprint("r", i/3), fmt.Sprint("s", i%3)}
	}
	return rows
}

// drawMoves draws which rows are in the batch, new ones among them, and deals
// out the values that there are and some more.
func drawMoves(t *rapid.T, before map[string]holder, nulls bool) map[string]holder {
	n := len(before) + 3
	emails, places := make([]int, n), make([]int, n)
	for i := range n {
		emails[i], places[i] = i, i
	}
	if rapid.Bool().Draw(t, "emails move") {
		emails = rapid.Permutation(emails).Draw(t, "emails")
	}
	if rapid.Bool().Draw(t, "places move") {
		places = rapid.Permutation(places).Draw(t, "places")
	}
	outside := rapid.IntRange(0, 4).Draw(t, "one in so many stays outside")
	after := map[string]holder{}
	for i := range n {
		if outside > 0 && rapid.IntRange(0, outside).Draw(t, "outside") == 0 {
			continue
		}
		h := holder{fmt.Sprintf("e%d", emails[i]), fmt.Sprint("r", places[i]/3), fmt.Sprint("s", places[i]%3)}
		if nulls && rapid.IntRange(0, 9).Draw(t, "null") == 0 {
			h.email, h.seat = "", ""
		}
		after[fmt.Sprint(i)] = h
	}
	return after
}

// drawMove makes the change of a row: a create of one that stands happens when
// what was delivered is not remembered.
func drawMove(t *rapid.T, id string, before, after map[string]holder) record.Change {
	old, there := before[id]
	h := after[id]
	if !there || rapid.IntRange(0, 4).Draw(t, "again") == 0 {
		return create(id, h.body(id))
	}
	var fields []string
	for name, differs := range map[string]bool{"email": old.email != h.email, "room": old.room != h.room, "seat": old.seat != h.seat} {
		if differs {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	return update(id, old.body(id), h.body(id), fields...)
}

// impossible are the rows that can't have what they want.
func impossible(before, after map[string]holder) map[string]bool {
	out := map[string]bool{}
	for again := true; again; {
		again = false
		held := map[string]string{}
		for id, h := range before {
			if _, moves := after[id]; moves && !out[id] {
				continue
			}
			for _, v := range h.values() {
				held[v] = id
			}
		}
		for id, h := range after {
			for _, v := range h.values() {
				if by, taken := held[v]; taken && by != id && !out[id] {
					out[id], again = true, true
				}
			}
		}
	}
	return out
}

// table gives the rows as they are to be, with what no field is mapped to.
func table(before, after map[string]holder, refused map[string]bool) []string {
	var out []string
	put := func(id string, h holder, own string) {
		out = append(out, id+" "+strings.Replace(h.body(id), `"room"`, `"own":`+own+`,"room"`, 1))
	}
	for id, h := range before {
		if to, moves := after[id]; moves && !refused[id] {
			h = to
		}
		put(id, h, `"own `+id+`"`)
	}
	for id, h := range after {
		if _, stood := before[id]; !stood && !refused[id] {
			put(id, h, "null")
		}
	}
	slices.Sort(out)
	return out
}
