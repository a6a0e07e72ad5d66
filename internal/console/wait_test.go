package console_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"koppel/engine/state"
)

// An impatient connection cancels what is done for it when its time for reading
// is over, as that of net/http does.
type impatient struct {
	*httptest.ResponseRecorder
	cancel context.CancelFunc
	timer  *time.Timer
}

func (c *impatient) SetReadDeadline(at time.Time) error {
	if c.timer != nil {
		c.timer.Stop()
	}
	if !at.IsZero() {
		c.timer = time.AfterFunc(time.Until(at), c.cancel)
	}
	return nil
}

// A request that takes longer than its body may is not cut off.
func TestLongRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newStill(t)
		var id int64
		err := b.store.Update(t.Context(), func(tx state.Tx) (err error) {
			id, err = tx.BeginRun(state.Run{Kind: "run", Started: b.clock()})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w := &impatient{ResponseRecorder: httptest.NewRecorder(), cancel: cancel}
		q := httptest.NewRequestWithContext(ctx, "GET", fmt.Sprintf("http://127.0.0.1/api/v1/runs/%d?wait=40", id), nil)
		q.Header.Set("Authorization", "Bearer "+b.viewer)
		began := time.Now()
		b.api.ServeHTTP(w, q)
		if took := time.Since(began); w.Code != 200 || took != 40*time.Second {
			t.Errorf("answered %d after %s: %s", w.Code, took, w.Body)
		}
		if w.timer.Stop(); ctx.Err() != nil {
			t.Error("the request was cut off")
		}
	})
}
