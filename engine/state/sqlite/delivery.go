package sqlite

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

const (
	deliveryColumns = "SELECT seq, id, pipeline, key, run, sink, receiver, topic, status, created, due, ended, tries, attempts, code, head"
	deliveryWhole   = deliveryColumns + ", body FROM delivery"
	deliveryLight   = deliveryColumns + " FROM delivery"
	deliveryDue     = deliveryWhole + " WHERE head = 1 AND sink = ? AND receiver = ? AND due <= ? ORDER BY due, seq LIMIT ?"
	deliveryNumber  = "INSERT INTO number (name, last) VALUES ('delivery', 1) ON CONFLICT (name) DO UPDATE SET last = last + 1 RETURNING last"
	deliveryInsert  = "INSERT INTO delivery (seq, id, pipeline, key, run, sink, receiver, topic, status, head, created, due, ended, tries, attempts, code, body) " +
		"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)"
	deliveryUpdate = "UPDATE delivery SET status = ?, head = 0, due = ?, ended = ?, tries = ?, attempts = ?, code = ? WHERE seq = ?"

	lane       = "sink = ? AND receiver = ? AND pipeline = ? AND key = ?"
	laneFirst  = "SELECT min(seq) FROM delivery WHERE status = 'pending' AND " + lane
	laneUnhead = "UPDATE delivery SET head = 0 WHERE head = 1 AND " + lane + " AND seq <> ?"
	laneHead   = "UPDATE delivery SET head = 1 WHERE seq = ?"

	queueNext  = "SELECT sink, receiver, due FROM delivery WHERE head = 1 AND (sink, receiver) > (?, ?) ORDER BY sink, receiver, due LIMIT 1"
	queueCount = "SELECT sink, receiver, status, count(*), min(created) FROM delivery GROUP BY sink, receiver, status ORDER BY sink, receiver, status"

	attemptsOf    = "SELECT n, at, took, code, words FROM attempt WHERE delivery = ? ORDER BY n"
	attemptInsert = "INSERT INTO attempt (delivery, n, at, took, code, words) VALUES (?, ?, ?, ?, ?, ?)"
)

func scanDelivery(st *sqlite.Stmt, d *state.Delivery) error {
	*d = state.Delivery{
		Seq: st.ColumnInt64(0), ID: st.ColumnText(1), Pipeline: st.ColumnInt64(2), Key: columnKey(st, 3), Run: st.ColumnInt64(4),
		Sink: st.ColumnText(5), Receiver: st.ColumnText(6), Topic: st.ColumnText(7), Status: state.DeliveryStatus(st.ColumnText(8)),
		Created: fromMillis(st.ColumnInt64(9)), Due: fromMillis(st.ColumnInt64(10)), Ended: fromMillis(st.ColumnInt64(11)),
		Tries: st.ColumnInt(12), Attempts: st.ColumnInt(13), Code: st.ColumnInt(14),
	}
	d.Behind = d.Status == state.DeliveryPending && !st.ColumnBool(15)
	switch d.Status {
	case state.DeliveryPending, state.DeliveryDelivered, state.DeliveryFailed, state.DeliveryStopped:
		return nil
	}
	return damaged("delivery", d.Seq, "it has an unknown status")
}

func (v *view) scanDelivery(st *sqlite.Stmt, d *state.Delivery) error {
	if err := scanDelivery(st, d); err != nil {
		return err
	}
	body, err := v.unpack(nil, st, 16, "delivery", d.Seq)
	if err != nil {
		return err
	}
	shown, rest, ok := split(body)
	if !ok {
		return damaged("delivery", d.Seq, "its body is cut")
	}
	d.Shown, d.Body = shown, rest
	return nil
}

// Delivery gives one by its ID, nil when there is none.
func (v *view) Delivery(id string) (*state.Delivery, error) {
	var d state.Delivery
	found, err := v.one(deliveryWhole+" WHERE id = ?", []any{id}, func(st *sqlite.Stmt) error { return v.scanDelivery(st, &d) })
	if err != nil || !found {
		return nil, err
	}
	return &d, nil
}

// Deliveries yields those that f selects, newest first, without bodies.
func (v *view) Deliveries(f state.DeliveryFilter) iter.Seq2[*state.Delivery, error] {
	var where []string
	var args []any
	add := func(given bool, condition string, arg any) {
		if given {
			where, args = append(where, condition), append(args, arg)
		}
	}
	add(f.Pipeline != 0, "pipeline = ?", f.Pipeline)
	add(f.Sink != "", "sink = ?", f.Sink)
	add(f.Receiver != "", "receiver = ?", f.Receiver)
	add(f.Status != "", "status = ?", string(f.Status))
	add(!f.Since.IsZero(), "created >= ?", f.Since)
	query := deliveryLight
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	return rows(v, query+" ORDER BY seq DESC", args, scanDelivery)
}

// Attempts gives those of a delivery in their order.
func (v *view) Attempts(seq int64) ([]state.Attempt, error) {
	return list(v, attemptsOf, []any{seq}, func(st *sqlite.Stmt, a *state.Attempt) error {
		*a = state.Attempt{N: st.ColumnInt(0), At: fromMillis(st.ColumnInt64(1)), Took: time.Duration(st.ColumnInt64(2)) * time.Millisecond, Code: st.ColumnInt(3)}
		words, err := v.unpack(nil, st, 4, "attempt", seq, fmt.Sprint(a.N))
		a.Words = string(words)
		return err
	})
}

// Queues lists the receivers that are still to get something. It steps from one
// to the next in the index.
func (v *view) Queues() ([]state.Queue, error) {
	var all []state.Queue
	for q, found := (state.Queue{}), true; ; all = append(all, q) {
		var err error
		found, err = v.one(queueNext, []any{q.Sink, q.Receiver}, func(st *sqlite.Stmt) error {
			q = state.Queue{Sink: st.ColumnText(0), Receiver: st.ColumnText(1), Due: fromMillis(st.ColumnInt64(2))}
			return nil
		})
		if err != nil || !found {
			return all, err
		}
	}
}

// DueDeliveries gives what may be sent to a receiver now.
func (v *view) DueDeliveries(sink, receiver string, now time.Time, limit int) ([]state.Delivery, error) {
	return list(v, deliveryDue, []any{sink, receiver, now, limit}, v.scanDelivery)
}

// CountDeliveries counts them by receiver and status.
func (v *view) CountDeliveries() ([]state.DeliveryCount, error) {
	return list(v, queueCount, nil, func(st *sqlite.Stmt, c *state.DeliveryCount) error {
		*c = state.DeliveryCount{Sink: st.ColumnText(0), Receiver: st.ColumnText(1), Status: state.DeliveryStatus(st.ColumnText(2)),
			Count: st.ColumnInt64(3), Oldest: fromMillis(st.ColumnInt64(4))}
		return nil
	})
}

// PutDelivery adds a delivery behind those of its lane.
func (t *tx) PutDelivery(d *state.Delivery) error {
	_, err := t.one(deliveryNumber, nil, func(st *sqlite.Stmt) error {
		d.Seq = st.ColumnInt64(0)
		return nil
	})
	if err != nil {
		return t.check(err)
	}
	body := t.pack("delivery", d.Seq, nil, d.Shown, d.Body)
	err = t.exec(deliveryInsert, d.Seq, d.ID, d.Pipeline, d.Key, d.Run, d.Sink, d.Receiver, d.Topic, string(d.Status),
		d.Created, d.Due, d.Ended, d.Tries, d.Attempts, d.Code, body)
	if err != nil {
		return err
	}
	return t.markHead(d)
}

// SetDelivery changes status, times and counts.
func (t *tx) SetDelivery(d *state.Delivery) error {
	if err := t.exec(deliveryUpdate, string(d.Status), d.Due, d.Ended, d.Tries, d.Attempts, d.Code, d.Seq); err != nil {
		return err
	}
	if t.c.Changes() == 0 {
		return t.check(fmt.Errorf("write a delivery: there is none of the number %d", d.Seq))
	}
	return t.markHead(d)
}

// markHead marks the first delivery of a lane that is pending, and no other.
func (t *tx) markHead(d *state.Delivery) error {
	var first int64
	_, err := t.one(laneFirst, []any{d.Sink, d.Receiver, d.Pipeline, d.Key}, func(st *sqlite.Stmt) error {
		first = st.ColumnInt64(0)
		return nil
	})
	if err != nil {
		return t.check(err)
	}
	if err := t.exec(laneUnhead, d.Sink, d.Receiver, d.Pipeline, d.Key, first); err != nil {
		return err
	}
	return t.exec(laneHead, first)
}

// PutAttempt adds an attempt to those of a delivery.
func (t *tx) PutAttempt(seq int64, a state.Attempt) error {
	words := t.pack("attempt", seq, []string{fmt.Sprint(a.N)}, []byte(a.Words))
	return t.exec(attemptInsert, seq, a.N, a.At, a.Took.Milliseconds(), a.Code, words)
}

// StopDeliveries ends what is pending for a receiver.
func (t *tx) StopDeliveries(sink, receiver string, now time.Time) error {
	return t.exec("UPDATE delivery SET status = 'stopped', head = 0, ended = ? WHERE status = 'pending' AND sink = ? AND receiver = ?", now, sink, receiver)
}

// RenameSink carries deliveries over to another address, unless it has some.
func (t *tx) RenameSink(from, to string) error {
	taken, err := t.one("SELECT 1 FROM delivery WHERE sink = ? LIMIT 1", []any{to}, noRow)
	if err != nil || taken {
		return t.check(err)
	}
	return t.exec("UPDATE delivery SET sink = ? WHERE sink = ?", to, from)
}

// Told gives what people were told of a pipeline.
func (v *view) Told(pipeline int64) (t state.Told, err error) {
	_, err = v.one("SELECT condition, spent FROM told WHERE pipeline = ?", []any{pipeline}, func(st *sqlite.Stmt) error {
		t = state.Told{Condition: st.ColumnText(0), Spent: fromMillis(st.ColumnInt64(1))}
		return nil
	})
	return t, err
}

// PutTold remembers what people were told of a pipeline.
func (t *tx) PutTold(pipeline int64, told state.Told) error {
	return t.exec("INSERT OR REPLACE INTO told (pipeline, condition, spent) VALUES (?, ?, ?)", pipeline, told.Condition, told.Spent)
}

// dropDeliveries removes whole lanes, or deliveries that have ended, with their
// attempts.
func (t *tx) dropDeliveries(where string, args ...any) error {
	if err := t.exec("DELETE FROM attempt WHERE delivery IN (SELECT seq FROM delivery WHERE "+where+")", args...); err != nil {
		return err
	}
	return t.exec("DELETE FROM delivery WHERE "+where, args...)
}

// validateDeliveries reads every delivery and attempt.
func (v *view) validateDeliveries() error {
	type number struct{ seq int64 }
	for n, err := range rows(v, "SELECT DISTINCT delivery FROM attempt", nil, func(st *sqlite.Stmt, n *number) error {
		n.seq = st.ColumnInt64(0)
		return nil
	}) {
		if err != nil {
			return err
		}
		if there, err := v.one("SELECT 1 FROM delivery WHERE seq = ?", []any{n.seq}, noRow); err != nil || !there {
			return first(err, fmt.Errorf("%w: table attempt belongs to delivery %d, which is not there", state.ErrCorrupt, n.seq))
		}
		if _, err := v.Attempts(n.seq); err != nil {
			return err
		}
	}
	return drain(rows(v, deliveryWhole, nil, v.scanDelivery))
}
