package serve

import (
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// What a run left is looked at again although nothing arrives: in longer and
// longer waits, until all is well, and also by a service that was started since.
func TestLeftIsTriedAgain(t *testing.T) {
	const hooked = `
source "webhook" "a" {
  path = "/a"
  auth "none" {}
  key = ["body.id"]
}
pipeline "a" {
  from = source.webhook.a
  map { name = src.body.name }
  field "name" { required = true }
}
`
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, monday, hooked+pipe("by_hand", "0s", ""))
		w.start()
		for _, s := range []step{
			{"2026-03-02T05:30:00Z", nil, func(w *world) { w.arrive("1", `{"id": 1, "name": "Saar Testma"}`) }},
			{"2026-03-02T06:00:00Z", []string{"05:30:00 a trigger"}, func(w *world) { w.arrive("2", `{"id": 2}`) }},
			{"2026-03-02T10:00:00Z", []string{"06:00:00 a trigger", "06:15:00 a retry", "07:15:00 a retry", "09:15:00 a retry"}, func(w *world) {
				w.stop()
				w.start()
			}},
			{"2026-03-02T11:00:00Z", []string{"10:15:00 a retry"}, func(w *world) { w.arrive("3", `{"id": 2, "name": "Noor Testma"}`) }},
			{"2026-03-03T11:00:00Z", []string{"11:00:00 a trigger"}, func(w *world) { w.arrive("4", `{"name": "nobody"}`) }},
			{"2026-03-04T11:00:00Z", []string{"11:00:00 a trigger", "11:15:00 a retry"}, nil},
		} {
			w.until(s.until)
			if diff := cmp.Diff(s.want, w.ran()); diff != "" {
				t.Fatalf("until %s (-want +got):\n%s\n%s", s.until, diff, w.logged())
			}
			if s.do != nil {
				s.do(w)
				synctest.Wait()
			}
		}
	})
}
