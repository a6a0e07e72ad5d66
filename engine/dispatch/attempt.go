package dispatch

import (
	"context"
	"time"

	"koppel/engine/connector"
	"koppel/engine/state"
)

// attempt sends a message once and remembers what became of it.
func (w *worker) attempt(ctx context.Context, l *line, d *state.Delivery, c connector.Courier) {
	start := w.d.Now()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(l.busy, d.Seq)
	}()
	receipt := c.Send(ctx, connector.Message{ID: d.ID, Receiver: d.Receiver, Topic: d.Topic, Body: d.Body, Shown: d.Shown}, d.Attempts+1)
	if receipt.Unsent {
		w.mu.Lock()
		defer w.mu.Unlock()
		l.until = w.d.Now().Add(pause)
		return
	}
	if w.d.Attempted != nil {
		w.d.Attempted(d.Sink, d.Receiver, receipt)
	}
	o := outcome{id: d.ID, receipt: receipt, start: start, end: w.d.Now()}
	remembering, cancel := context.WithTimeout(context.WithoutCancel(ctx), rememberWait)
	defer cancel()
	if err := w.d.remember(remembering, o); err != nil {
		w.d.mu.Lock()
		defer w.d.mu.Unlock()
		w.d.unsettled = append(w.d.unsettled, o)
	}
}

// An outcome is what became of an attempt.
type outcome struct {
	id         string
	receipt    connector.Receipt
	start, end time.Time
}

// settle remembers what could not be remembered when it happened: until then
// nothing is sent, for it would be sent again and again.
func (d *Dispatcher) settle(ctx context.Context) error {
	d.mu.Lock()
	list := d.unsettled
	d.unsettled = nil
	d.mu.Unlock()
	for i, o := range list {
		if err := d.remember(ctx, o); err != nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.unsettled = append(d.unsettled, list[i:]...)
			return err
		}
	}
	return nil
}

// remember stores the outcome of an attempt. What was put in again or erased
// meanwhile stays so.
func (d *Dispatcher) remember(ctx context.Context, o outcome) error {
	receipt := o.receipt
	return d.Store.Update(ctx, func(tx state.Tx) error {
		stored, err := tx.Delivery(o.id)
		if err != nil || stored == nil {
			return err
		}
		stored.Attempts++
		a := state.Attempt{N: stored.Attempts, At: o.start, Took: max(o.end.Sub(o.start), 0), Code: receipt.Code, Words: receipt.Words}
		if err := tx.PutAttempt(stored.Seq, a); err != nil {
			return err
		}
		stored.Code = receipt.Code
		if stored.Status == state.DeliveryPending {
			judge(stored, receipt, o.end)
		} else if receipt.Delivered {
			stored.Status = state.DeliveryDelivered
		}
		return tx.SetDelivery(stored)
	})
}

// longestAfter bounds how long a receiver may ask to be left alone beyond the waits.
const longestAfter = 24 * time.Hour

// judge decides what becomes of a delivery after an attempt that ended now.
func judge(d *state.Delivery, receipt connector.Receipt, now time.Time) {
	d.Tries++
	waits := Waits()
	switch {
	case receipt.Delivered:
		d.Status, d.Ended = state.DeliveryDelivered, now
	case receipt.Final || d.Tries > len(waits):
		d.Status, d.Ended = state.DeliveryFailed, now
	default:
		d.Due = now.Add(max(waits[d.Tries-1], min(receipt.After, longestAfter)))
	}
}
