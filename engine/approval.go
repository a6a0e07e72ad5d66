package engine

import (
	"time"

	"koppel/engine/plan"
	"koppel/engine/state"
)

// until is when an approval ends that is given now; zero: never.
func (d *Decision) until(now time.Time) time.Time {
	if d.For <= 0 {
		return time.Time{}
	}
	return now.Add(d.For)
}

// unapproved tells whether an entry passed a guard by an approval that was
// taken back since, or has ended.
func (w *work) unapproved(v state.View, e *plan.Entry) (string, error) {
	if !e.Approved || e.Op == 0 {
		return "", nil
	}
	o, err := v.OpenKey(w.row.ID, e.Key)
	if err != nil || o == nil || o.ApprovedAt(w.s.Now()) {
		return "", err
	}
	switch o.Reason {
	case state.Held, state.Rejected, state.Undone:
		return "its approval was taken back or has ended since the plan was made", nil
	}
	return "", nil
}

// stayApproved keeps the approval of a change that waits, with its end.
func (w *work) stayApproved(tx state.Tx, o *state.Open, e *plan.Entry) error {
	if !e.Approved {
		return nil
	}
	o.Approved = true
	was, err := tx.OpenKey(w.row.ID, e.Key)
	if err == nil && was != nil {
		o.Until = was.Until
	}
	return err
}
