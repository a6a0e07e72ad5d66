package sql

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"koppel/engine/connector"
	"koppel/internal/sql"
)

// An exchange writes changes whose rows hold each other's unique values: the
// rows let go of the values first. It happens under a savepoint, and either
// every change of it is applied or none.
type exchange struct {
	s       *sink
	w       *writing
	columns []*sql.Column // that unique values may be in, the key apart
	kept    []string      // names of columns that must not become null
	look    sql.Stmt      // reads the columns of a row by its key
	members []*member
	spares  int // how many stand-ins were made
}

// A member is a change and the row that it is for.
type member struct {
	refusal
	outcome connector.Outcome
	row     []sql.Value // what its row holds in the columns; nil: there is none
	held    []string    // of it the values of each unique index
	wanted  []string    // and those that it is to hold
}

// maxExchanges bounds how often an exchange is tried again without the changes
// that failed.
const maxExchanges = 10

// exchange applies as many of the waiting changes as can be applied together.
func (s *sink) exchange(w *writing) error {
	x := &exchange{s: s, w: w}
	if err := x.find(); err != nil || len(x.columns) == 0 {
		return err
	}
	if err := x.readAll(); err != nil {
		return err
	}
	for range maxExchanges {
		if len(x.members) < 2 {
			return nil
		}
		done, err := x.try()
		if err != nil || done {
			return err
		}
	}
	return nil
}

// find finds the columns.
func (x *exchange) find() error {
	kept, err := x.s.db.Dialect.Referenced(x.s.conn, x.s.table)
	if err != nil {
		return unrefused(err)
	}
	x.kept = kept
	t := x.s.table
	for i := range t.Columns {
		c := &t.Columns[i]
		if x.s.key.index(c.Name) < 0 && !x.s.constant(c.Name) && !c.Generated && x.concerned(c) {
			x.columns = append(x.columns, c)
		}
	}
	return nil
}

// readAll reads what the rows of all that waits hold.
func (x *exchange) readAll() error {
	s := x.s
	var names []string
	for _, c := range x.columns {
		names = append(names, c.Name)
	}
	var err error
	if x.look, err = s.conn.Prepare(sql.Select(s.db.Dialect, s.table, names, s.keyAndRows())); err != nil {
		return unrefused(err)
	}
	defer x.look.Close()
	for _, r := range x.w.waiting {
		m := &member{refusal: r, outcome: x.w.out[r.at]}
		var refused *sql.Error
		if err := x.read(m); err != nil && (!errors.As(err, &refused) || !refused.Refused) {
			return err
		}
		x.members = append(x.members, m)
	}
	return nil
}

// concerned tells whether a unique index is over the column. An index over an
// expression or over some rows shows in a refusal only, and may not name its
// columns: it may be over any then.
func (x *exchange) concerned(c *sql.Column) bool {
	for _, ix := range x.s.table.Unique {
		if containsFold(ix.Columns, c.Name) {
			return true
		}
	}
	return slices.ContainsFunc(x.w.waiting, func(r refusal) bool {
		return unique(r) && (!x.named(r.err) || containsFold(r.err.Columns, x.s.table.Name.Table+"."+c.Name))
	})
}

// named tells whether a refusal names columns of the table.
func (x *exchange) named(e *sql.Error) bool {
	return slices.ContainsFunc(x.s.table.Columns, func(c sql.Column) bool {
		return containsFold(e.Columns, x.s.table.Name.Table+"."+c.Name)
	})
}

func containsFold(list []string, s string) bool {
	return slices.ContainsFunc(list, func(e string) bool { return strings.EqualFold(e, s) })
}

// try applies the members, or drops those that can't be.
func (x *exchange) try() (done bool, err error) {
	conn := x.s.conn
	if err := conn.Savepoint(); err != nil {
		return false, err
	}
	w := &writing{batch: x.w.batch, out: x.w.out, tries: startTries + patience*len(x.members)}
	for _, m := range x.members {
		if err := x.release(m); err != nil {
			return false, x.restored(err)
		}
		w.waiting = append(w.waiting, m.refusal)
	}
	if err := x.s.passes(w, len(w.waiting)); err != nil {
		return false, x.restored(err)
	}
	failed := map[*member]bool{}
	for _, m := range x.members {
		if x.w.out[m.at].Status == connector.Refused {
			failed[m] = true
		}
	}
	if len(failed) == 0 {
		x.w.waiting = slices.DeleteFunc(x.w.waiting, func(r refusal) bool { return x.w.out[r.at].Status != connector.Refused })
		return true, conn.Release()
	}
	err = x.restored(conn.RollbackTo())
	fallen := x.spread(failed)
	x.members = slices.DeleteFunc(x.members, func(m *member) bool { return fallen[m] })
	return false, err
}

// restored puts the outcomes back to what they were before the exchange.
// When the transaction was lost, it is to begin again without one.
func (x *exchange) restored(err error) error {
	for _, m := range x.members {
		x.w.out[m.at] = m.outcome
	}
	if errors.Is(err, errLost) {
		x.w.plain = true
	}
	return err
}

// spread adds those who want what a failed one goes on holding, and so on. Where
// another member wants the same value as a failed one, that one fails instead if
// fewer fall with it: one that wants a value of a rotation does not stop it.
func (x *exchange) spread(failed map[*member]bool) (fallen map[*member]bool) {
	wanting := map[string][]*member{}
	for _, m := range x.members {
		for _, v := range m.wanted {
			wanting[v] = append(wanting[v], m)
		}
	}
	fallen = map[*member]bool{}
	for _, m := range x.members {
		if !failed[m] || fallen[m] {
			continue
		}
		least := fall(m, wanting)
		for _, v := range m.wanted {
			for _, rival := range wanting[v] {
				if rival == m || failed[rival] {
					continue
				}
				if other := fall(rival, wanting); len(other) < len(least) {
					least = other
				}
			}
		}
		maps.Copy(fallen, least)
	}
	return fallen
}

// fall gives a member and all who can't be applied without it.
func fall(first *member, wanting map[string][]*member) map[*member]bool {
	fallen := map[*member]bool{first: true}
	next := []*member{first}
	for len(next) > 0 {
		m := next[len(next)-1]
		next = next[:len(next)-1]
		for _, v := range m.held {
			for _, other := range wanting[v] {
				if !fallen[other] {
					fallen[other] = true
					next = append(next, other)
				}
			}
		}
	}
	return fallen
}
