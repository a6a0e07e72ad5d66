package serve

import (
	"testing"
	"testing/synctest"
	"time"
)

// What is delivered to a source that no pipeline reads goes after thirty days; what
// waits for a pipeline that is paused stays.
func TestUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, monday, `
source "webhook" "a" {
  path = "/a"
  auth "none" {}
}
source "webhook" "b" {
  path = "/b"
  auth "none" {}
}
pipeline "b" {
  from = source.webhook.b
  map { id = src.id }
}
`)
		w.listener = newPipes()
		w.start()
		w.pause("b", true)
		w.arriveAt("source.webhook.b", "1", `{"id":"1"}`)
		w.arriveAt("source.webhook.a", "1", `{"id":"1"}`)
		time.Sleep(20 * 24 * time.Hour)
		w.arriveAt("source.webhook.a", "2", `{"id":"2"}`)
		for _, c := range []struct{ days, a, b int64 }{{9, 2, 1}, {2, 1, 1}, {20, 0, 1}} {
			time.Sleep(time.Duration(c.days) * 24 * time.Hour)
			synctest.Wait()
			counts, err := w.store.Inbox().Counts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if a, b := counts["source.webhook.a"].Waiting, counts["source.webhook.b"].Waiting; a != c.a || b != c.b {
				t.Errorf("after %d days more: %d and %d wait, want %d and %d", c.days, a, b, c.a, c.b)
			}
		}
		w.logs("deliveries that no pipeline reads were dropped", 2)
	})
}
