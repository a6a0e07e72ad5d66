package serve

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// candidates are the jobs of which a run is wanted and might begin, in the
// order in which they are asked.
func (s *Service) candidates() []*job {
	steady := time.Now()
	var list []*job
	for _, j := range s.jobs {
		if j.wanted() && j.since.IsZero() && !j.again.After(steady) {
			list = append(list, j)
		}
	}
	slices.SortFunc(list, func(a, b *job) int {
		return cmp.Or(a.tick.Compare(b.tick), cmp.Compare(a.p.Address, b.p.Address))
	})
	return list
}

// begins tells whether a wanted run can begin now; when not, it notes why.
func (s *Service) begins(j *job, now time.Time) bool {
	switch up := s.upstream(j); {
	case j.paused && j.times != nil && j.times.Skip() && j.cause != CauseTrigger:
		s.log.Info("a run is skipped, as the pipeline is paused", pipelineAttr(j))
		j.drop()
		return false
	case j.paused:
		j.why, j.again = "it is paused", time.Now().Add(pausePoll)
		return false
	case up != "":
		j.why = up
		return false
	}
	for other := range s.running {
		if name := common(j.locks, other.held); name != "" {
			j.why = "it waits for " + other.p.Address + ", which uses " + name
			return false
		}
	}
	if s.runs >= s.opts.MaxRuns {
		j.why = "it waits for one of " + strconv.Itoa(s.runs) + " runs to end"
		return false
	}
	return true
}

// upstream says which pipeline must go first: one that runs, or whose own run
// came at this tick or before; empty: none.
func (s *Service) upstream(j *job) string {
	for _, address := range j.before {
		b := s.jobs[address]
		switch {
		case b == nil || !b.p.Enabled:
		case !b.since.IsZero():
			return "it waits for " + address + ", which runs"
		case b.paused:
		case b.wanted() && !b.tick.After(j.tick):
			return "it waits for " + address + ", which goes first"
		case !b.next.IsZero() && !b.opens().After(j.tick):
			return "it waits for " + address + ", whose time has come"
		}
	}
	return ""
}

// common gives a name that both lists have; empty: there is none.
func common(a, b []string) string {
	for _, name := range a {
		if slices.Contains(b, name) {
			return name
		}
	}
	return ""
}

// putOff has a wanted run tried again after a while, and says why once.
func (s *Service) putOff(j *job, why string) {
	j.tries++
	j.why = why
	j.again = time.Now().Add(min(retryFirst<<min(j.tries-1, 10), retryMost))
	if j.told != why {
		j.told = why
		s.log.Warn("a run can't begin yet", pipelineAttr(j), "because", why)
	}
}
