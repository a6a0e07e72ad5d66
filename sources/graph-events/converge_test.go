package graphevents

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine"
	"koppel/internal/graph/graphtest"
)

// A world is what calendars hold, and what the directory must.
type world struct {
	tenant *graphtest.Tenant
	listed []string
	closed map[string]bool
	events map[string]map[string]*event // by mailbox and id
	// delivered tells when the meetings end that the directory holds.
	delivered map[string]time.Time
}

// beginning is when the clock of projects starts.
var beginning = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

type event struct {
	start              int // hours from the start of the project's clock
	category, subject  string
	cancelled, private bool
}

// wanted lists the meetings that must stand in the directory, by what is told
// of them, for a clock.
func (w *world) wanted(clock time.Time) map[string]string {
	list := map[string]string{}
	for _, box := range w.listed {
		for id, e := range w.events[box] {
			start := beginning.Add(time.Duration(e.start) * time.Hour)
			if !start.Add(time.Hour).After(clock.Add(-24*time.Hour)) || !start.Before(clock.Add(240*time.Hour)) {
				continue
			}
			if e.cancelled || !strings.EqualFold(strings.TrimSpace(e.category), "digireceptie") {
				continue
			}
			subject := e.subject
			if e.private {
				subject = "-"
			}
			list[box+"/"+id] = subject
		}
	}
	return list
}

// change does something at the source.
func (w *world) change(t *rapid.T) {
	box := rapid.SampledFrom([]string{"b1", "b2", "b3"}).Draw(t, "box")
	id := fmt.Sprint("m", rapid.IntRange(1, 4).Draw(t, "id"))
	e := w.events[box][id]
	switch rapid.SampledFrom([]string{"put", "put", "put", "category", "cancel", "drop", "list", "close", "open"}).Draw(t, "change") {
	case "put":
		e = &event{start: rapid.IntRange(-30, 24*12).Draw(t, "start"), category: "DigiReceptie", subject: fmt.Sprint("S", rapid.IntRange(1, 9).Draw(t, "subject")), private: rapid.IntRange(0, 4).Draw(t, "private") == 0}
	case "category":
		if e == nil {
			return
		}
		e.category = rapid.SampledFrom([]string{"", "digireceptie", " DIGIRECEPTIE ", "Blue"}).Draw(t, "category")
	case "cancel":
		if e == nil {
			return
		}
		e.cancelled = !e.cancelled
	case "drop":
		delete(w.events[box], id)
		w.tenant.DropEvent(box, id)
		return
	case "list":
		if i := slices.Index(w.listed, box); i < 0 {
			w.listed = append(w.listed, box)
		} else if len(w.listed) > 1 {
			w.listed = slices.Delete(slices.Clone(w.listed), i, i+1)
		}
		w.tenant.PutGroup("desk", "", w.listed...)
		return
	case "close":
		w.closed[box] = true
		w.tenant.CloseBox(box, 403, "ErrorAccessDenied")
		return
	case "open":
		delete(w.closed, box)
		w.tenant.PutBox(box)
		return
	}
	w.events[box][id] = e
	text := strings.Replace(meeting(id, e.start, e.category, ""), "About "+id, e.subject, 1)
	if e.cancelled {
		text = strings.Replace(text, `"isCancelled":false`, `"isCancelled":true`, 1)
	}
	if e.private {
		text = strings.Replace(text, `"sensitivity":"normal"`, `"sensitivity":"private"`, 1)
	}
	w.tenant.PutEvent(box, text)
	if w.closed[box] {
		w.tenant.CloseBox(box, 403, "ErrorAccessDenied")
	}
}

// fault lets requests fail, by their number.
func (w *world) fault(t *rapid.T) {
	kinds := rapid.SliceOfN(rapid.SampledFrom([]string{"", "", "", "500", "429", "page", "empty", "cut"}), 8, 8).Draw(t, "faults")
	n := 0
	w.tenant.Intercept(func(rw http.ResponseWriter, _ *http.Request) bool {
		w.tenant.Lock()
		n++
		kind := ""
		if n <= len(kinds) {
			kind = kinds[n-1]
		}
		w.tenant.Unlock()
		switch kind {
		case "500":
			graphtest.Refuse(rw, http.StatusInternalServerError, "generalException", "")
		case "429":
			graphtest.Refuse(rw, http.StatusTooManyRequests, "ApplicationThrottled", "")
		case "page":
			io.WriteString(rw, "<!DOCTYPE html><title>Sign in</title>")
		case "empty":
		case "cut":
			io.WriteString(rw, `{"value":[{"id":"m1"`)
		default:
			return false
		}
		return true
	})
}

func held(t testing.TB, p *graphtest.Project) map[string]string {
	list := map[string]string{}
	for _, line := range query(t, p, "SELECT mailbox || '/' || id, coalesce(subject, '-') FROM meetings") {
		at, subject, _ := strings.Cut(line, "|")
		list[at] = subject
	}
	return list
}

// TestConverges: whatever happens to calendars and on the way there, no meeting
// that is to take place is taken away, and after a run that went well the
// directory holds what is in the window, and beside it only what has left it.
func TestConverges(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{tenant: graphtest.New(t), listed: []string{"b1", "b2", "b3"}, closed: map[string]bool{}, delivered: map[string]time.Time{}, events: map[string]map[string]*event{"b1": {}, "b2": {}, "b3": {}}}
		w.tenant.Page = rapid.IntRange(1, 5).Draw(rt, "page")
		for box := range w.events {
			w.tenant.PutBox(box)
			w.tenant.PutUser(fmt.Sprintf(`{"id":%q}`, box))
		}
		w.tenant.PutGroup("desk", "", w.listed...)
		p := project(t, w.tenant, `"desk"`, "")
		if rapid.Bool().Draw(rt, "delta") {
			p.Write(strings.Replace(p.Text(), "category ", "delta = true\n  category ", 1))
		}
		for range rapid.IntRange(1, 4).Draw(rt, "runs") {
			before := held(t, p)
			for range rapid.IntRange(0, 6).Draw(rt, "changes") {
				w.change(rt)
			}
			expired, endless := rapid.SampledFrom([]string{"", "", "410", "badly formed"}).Draw(rt, "expired"), rapid.IntRange(0, 4).Draw(rt, "endless") == 0
			w.tenant.Lock()
			w.tenant.Expired, w.tenant.Endless = expired, endless
			w.tenant.Unlock()
			w.fault(rt)
			p.Now = p.Now.Add(time.Duration(rapid.IntRange(1, 60).Draw(rt, "hours")) * time.Hour)
			wanted := w.wanted(p.Now)
			p.Run(engine.Options{})
			w.tenant.Intercept(nil)
			after := held(t, p)
			for at := range before {
				if _, still := wanted[at]; still && after[at] == "" {
					rt.Fatalf("%s is to take place and was taken away", at)
				}
			}
			for box := range w.closed {
				w.tenant.PutBox(box)
			}
			clear(w.closed)
			if told := graphtest.Told(p.Run(engine.Options{})); !strings.Contains(told, "succeeded") {
				rt.Fatalf("a run without faults says %q", told)
			}
			got := held(t, p)
			for at := range got {
				// What slid out of the window as it was delivered took place.
				if over, ok := w.delivered[at]; ok && wanted[at] == "" && !over.After(p.Now.Add(-24*time.Hour)) {
					delete(got, at)
				}
			}
			for at := range wanted {
				box, id, _ := strings.Cut(at, "/")
				w.delivered[at] = beginning.Add(time.Duration(w.events[box][id].start+1) * time.Hour)
			}
			if diff := cmp.Diff(wanted, got); diff != "" {
				rt.Fatalf("after a good run (-truth +directory):\n%s", diff)
			}
		}
	})
}
