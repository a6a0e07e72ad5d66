package dispatch_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// A step is one thing that happens to a dispatcher.
type step struct {
	turn          bool // it stops, or starts again
	pause         time.Duration
	receiver, key string
	fails         int // how often the message is refused
}

// TestOrder puts messages while a dispatcher runs, stops and starts, and
// receivers refuse some for a while: each is taken once, and those of one
// receiver and key are taken in their order.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var steps []step
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			s := step{}
			switch rapid.IntRange(0, 5).Draw(rt, "what") {
			case 0:
				s.turn = true
			case 1:
				s.pause = time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(rt, "pause"))
			default:
				s.receiver, s.key = rapid.SampledFrom([]string{"x", "y", "z"}).Draw(rt, "receiver"), rapid.SampledFrom([]string{"k", "l", "m"}).Draw(rt, "key")
				s.fails = max(0, rapid.IntRange(-2, 2).Draw(rt, "fails"))
			}
			steps = append(steps, s)
		}
		want, got := map[string][]string{}, map[string][]string{}
		for i, s := range steps {
			if lane := s.receiver + s.key; s.receiver != "" {
				want[lane] = append(want[lane], slices.Repeat([]string{fmt.Sprint(i)}, s.fails+1)...)
			}
		}
		synctest.Test(t, func(t *testing.T) { got = carryOut(t, steps) })
		for lane := range want {
			if !slices.Equal(got[lane], want[lane]) {
				rt.Fatalf("%s got %q, want %q", lane, got[lane], want[lane])
			}
		}
	})
}

// carryOut gives what each receiver got by key.
func carryOut(t *testing.T, steps []step) map[string][]string {
	w := newWorld(t, "x", "y", "z")
	lanes := map[string]string{}
	w.answer = func(_ context.Context, m connector.Message, n int) connector.Receipt {
		time.Sleep(time.Duration(len(m.ID)) * time.Millisecond)
		i := 0
		_, err := fmt.Sscan(m.ID, &i)
		return connector.Receipt{Delivered: err == nil && n > steps[i].fails, Code: 200}
	}
	d := w.dispatcher()
	var stop func()
	turn := func() {
		if stop == nil {
			stop = w.run(d)
			return
		}
		stop()
		stop = nil
	}
	for i, s := range steps {
		if s.turn {
			turn()
		}
		time.Sleep(s.pause)
		if s.receiver != "" {
			lanes[fmt.Sprint(i)] = s.receiver + s.key
			w.put(s.receiver, record.Key(s.key), fmt.Sprint(i))
			d.Wake()
		}
	}
	if stop == nil {
		turn()
	}
	time.Sleep(200 * time.Hour)
	turn()
	got := map[string][]string{}
	for _, r := range []string{"x", "y", "z"} {
		for _, c := range w.got(r) {
			got[lanes[c.ID]] = append(got[lanes[c.ID]], c.ID)
		}
	}
	return got
}
