// Package schedule is pure: it says when a pipeline runs next.
package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"koppel/engine"
)

// Times are the moments at which one pipeline is to run.
//
// A cron expression means times on the wall clock of its zone. Each of them
// is run once: one that the clock skips runs at the next time that exists, and
// one that it shows twice runs the first time. An interval is counted from
// Monday 5 January 1970, 00:00 UTC, so that a restart does not shift it. Both
// are moved by the jitter, which is always the same for one address.
type Times struct {
	cron     cron.Schedule // of a clock without a zone; nil: every
	text     string
	zone     *time.Location
	every    time.Duration
	jitter   time.Duration
	skip     bool
	queue    bool
	describe string
}

// Bounds of the jitter of a schedule that names none.
const (
	jitterMost  = 30 * time.Second
	jitterShare = 10 // of every: a tenth
)

// onTime is how late a run may begin without being a missed one.
const onTime = time.Minute

// New compiles the schedule of the pipeline with an address.
func New(s *engine.Schedule, address string) (*Times, error) {
	t := &Times{text: s.Cron, zone: s.Location, every: s.Every, skip: s.Missed == "skip", queue: s.Overlap == "queue"}
	if t.zone == nil {
		t.zone = time.UTC
	}
	if s.Cron != "" {
		c, err := ParseCron(s.Cron)
		if err != nil {
			return nil, fmt.Errorf("read the schedule of %s: %w", address, err)
		}
		t.cron = c
	}
	if t.cron == nil && t.every <= 0 {
		return nil, fmt.Errorf("read the schedule of %s: it has neither cron nor every", address)
	}
	t.jitter = jitterOf(s, address)
	t.describe = fmt.Sprintf("cron %q %s", s.Cron, t.zone)
	if t.cron == nil {
		t.describe = "every " + short(t.every)
	}
	return t, nil
}

// jitterOf spreads addresses over the time that a schedule allows: from nothing
// up to, and without, its end.
func jitterOf(s *engine.Schedule, address string) time.Duration {
	bound := jitterMost
	if s.Every > 0 {
		bound = min(bound, s.Every/jitterShare)
	}
	if s.Jitter != nil {
		bound = *s.Jitter
	}
	if bound <= 0 {
		return 0
	}
	unit := time.Millisecond
	if bound >= 10*time.Second {
		unit = time.Second
	}
	sum := sha256.Sum256([]byte(address))
	steps := uint64(max(bound/unit, 1))
	return time.Duration(binary.BigEndian.Uint64(sum[:])%steps) * unit
}

// String says what was configured, for people.
func (t *Times) String() string { return t.describe }

// Jitter is how much later than its schedule says the pipeline runs.
func (t *Times) Jitter() time.Duration { return t.jitter }

// Queue tells that a run whose time comes while the one before goes on follows
// it; else it is dropped.
func (t *Times) Queue() bool { return t.queue }

// Skip tells that what was missed stays so.
func (t *Times) Skip() bool { return t.skip }

// Next gives the first run after a moment; zero: none ever comes.
func (t *Times) Next(after time.Time) time.Time {
	var next time.Time
	if t.cron == nil {
		next = t.nextEvery(after.Add(-t.jitter))
	} else {
		next = t.nextCron(after.Add(-t.jitter))
	}
	if next.IsZero() {
		return next
	}
	return next.Add(t.jitter).In(t.zone)
}

// Following gives the next n runs after a moment, or fewer when no more come.
func (t *Times) Following(after time.Time, n int) []time.Time {
	list := make([]time.Time, 0, n)
	for range n {
		after = t.Next(after)
		if after.IsZero() {
			break
		}
		list = append(list, after)
	}
	return list
}

// Due judges the time that has passed since done, the moment up to which runs
// have been seen to: whether one is to be made now, when it should have been,
// and whether that was missed. Of many only one is made, and where missed runs
// are skipped none that is late.
func (t *Times) Due(done, now time.Time) (at time.Time, missed, due bool) {
	first := t.Next(done)
	if first.IsZero() || first.After(now) {
		return time.Time{}, false, false
	}
	recent := now.Add(-onTime)
	if recent.Before(done) {
		recent = done
	}
	if at := t.Next(recent); !at.IsZero() && !at.After(now) {
		return at, false, true
	}
	return first, true, !t.skip
}

// short is a duration without parts that are zero.
func short(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}
