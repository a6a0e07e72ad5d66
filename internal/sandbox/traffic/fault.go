package traffic

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The kinds of faults. A status ("429", "500", "503", any from 400) is a fault
// too: that status in the system's own words, and nothing is done. "200" is an
// answer that looks like a success and says inside that it is none.
const (
	Refuse     = "refuse"      // the connection breaks before anything is done
	LoginPage  = "login_page"  // 200 with an HTML page; nothing is done
	CutBody    = "cut_body"    // the connection breaks in the middle of the answer
	ShortBody  = "short_body"  // half of the answer, ended in good order
	EmptyBody  = "empty_body"  // the status of the answer, without a body
	RepeatPage = "repeat_page" // the good answer before this one, of the same place
	LostAnswer = "lost_answer" // all is done, and the connection breaks before the answer
	Delay      = "delay"       // the answer comes later
)

// A Fault makes calls fail.
type Fault struct {
	Kind string `json:"kind"`
	// Times is how many calls it hits; 0: one; below 0: all from then on.
	Times int `json:"times,omitempty"`
	// At is the first call that it hits, counted from 1 among the calls that
	// match and came after it was set; 0: the next.
	At int `json:"at,omitempty"`
	// Method, Path (a part of the path with its query) and Action narrow down
	// the calls that match; empty: all.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	Action string `json:"action,omitempty"`
	// RetryAfter is sent as the header of that name: seconds, or an HTTP date.
	RetryAfter string `json:"retry_after,omitempty"`
	// Message is what a refusal says; empty: something fitting.
	Message string `json:"message,omitempty"`
	// Delay is waited before anything else, whatever the kind, in milliseconds.
	Delay int `json:"delay_ms,omitempty"`
}

type armed struct {
	Fault
	seen, hit int
}

// Check says what is wrong with a fault.
func (f Fault) Check() error {
	kinds := []string{Refuse, LoginPage, CutBody, ShortBody, EmptyBody, RepeatPage, LostAnswer, Delay}
	if f.status() == 0 && !slices.Contains(kinds, f.Kind) {
		return fmt.Errorf("there is no fault %q; there are 200, the statuses 400 to 599, and %s", f.Kind, strings.Join(kinds, ", "))
	}
	if f.Kind == Delay && f.Delay <= 0 {
		return fmt.Errorf("a delay needs delay_ms")
	}
	if f.At < 0 || f.Delay < 0 {
		return fmt.Errorf("at and delay_ms can't be negative")
	}
	return nil
}

// status is the HTTP status that the fault answers with; 0: it is another kind.
func (f Fault) status() int {
	var n int
	if _, err := fmt.Sscanf(f.Kind, "%d", &n); err != nil || fmt.Sprint(n) != f.Kind || n != 200 && (n < 400 || n > 599) {
		return 0
	}
	return n
}

func (f Fault) matches(x *Exchange) bool {
	return (f.Method == "" || strings.EqualFold(f.Method, x.Request.Method)) &&
		strings.Contains(x.Request.URL.RequestURI(), f.Path) &&
		(f.Action == "" || f.Action == x.Call.Action)
}

// Fail sets faults; each call is hit by the first that fits.
func (t *Traffic) Fail(faults ...Fault) error {
	for _, f := range faults {
		if err := f.Check(); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range faults {
		t.faults = append(t.faults, &armed{Fault: f})
	}
	return nil
}

// Heal takes all faults away.
func (t *Traffic) Heal() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = nil
}

// Faults lists the faults that can still hit.
func (t *Traffic) Faults() []Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := []Fault{}
	for _, a := range t.faults {
		if !a.spent() {
			list = append(list, a.Fault)
		}
	}
	return list
}

func (a *armed) spent() bool { return a.Times >= 0 && a.hit >= max(a.Times, 1) }

// pick takes the fault that hits a call; nil: none.
func (t *Traffic) pick(x *Exchange) *Fault {
	var picked *Fault
	for _, a := range t.faults {
		if a.spent() || !a.matches(x) {
			continue
		}
		if a.seen++; a.seen >= a.At && picked == nil {
			a.hit++
			f := a.Fault
			picked = &f
		}
	}
	return picked
}

// before lets a call fail before anything is done; true: it was answered.
func (t *Traffic) before(x *Exchange, f *Fault) bool {
	if f == nil {
		return false
	}
	if f.Delay > 0 {
		wait := time.NewTimer(time.Duration(f.Delay) * time.Millisecond)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-x.Request.Context().Done():
		}
	}
	if status := f.status(); status > 0 {
		if f.RetryAfter != "" {
			x.Header().Set("Retry-After", f.RetryAfter)
		}
		if t.o.Refuse == nil || !t.o.Refuse(x, *f, status) {
			http.Error(x, http.StatusText(status), status)
		}
		return true
	}
	switch f.Kind {
	case Refuse:
		x.broken = true
	case LoginPage:
		x.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = x.Write([]byte("<!DOCTYPE html><html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>"))
	default:
		return false
	}
	return true
}

// after damages an answer that was made.
func (t *Traffic) after(x *Exchange, f *Fault, last []byte) {
	if f == nil {
		return
	}
	switch f.Kind {
	case LostAnswer:
		x.broken = true
	case CutBody:
		x.cut = true
	case ShortBody:
		x.body = x.body[:len(x.body)/2]
	case EmptyBody:
		x.body = nil
	case RepeatPage:
		if last != nil {
			x.body = last
		}
	}
}
