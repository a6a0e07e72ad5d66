package webhook

import (
	"maps"
	"slices"
	"sync"
)

// Bounds of what is remembered of subscriptions that nobody here made.
const (
	mostStrangers = 1000
	longestID     = 128
)

// A standing is what a receiver knows of its subscriptions. One that takes the
// place of another shares that one's.
type standing struct {
	mu      sync.Mutex
	listed  bool                // Graph told which there are
	parts   map[string][]string // of which a subscription that is kept tells, by id
	kept    map[string]bool     // ids that lead here
	made    map[string]string   // the resource of those that were made here, by id
	again   map[string]bool     // ids to be renewed, whenever they expire
	stale   map[string]bool     // ids to be made anew: of another secret than ours, or removed
	unknown map[string]bool     // ids that something came of and that are none of ours; true: that notifications were lost
	problem map[string]string   // what was said last of a resource
}

func newStanding() *standing {
	return &standing{parts: map[string][]string{}, kept: map[string]bool{}, made: map[string]string{}, again: map[string]bool{},
		stale: map[string]bool{}, unknown: map[string]bool{}, problem: map[string]string{}}
}

// A proof remembers the subscriptions that are known to repeat the present secret.
type proof struct {
	mu  sync.Mutex
	ids map[string]bool
}

func newProof() *proof { return &proof{ids: map[string]bool{}} }

func (p *proof) add(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids[id] = true
}

func (p *proof) has(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ids[id]
}

// keep forgets all others.
func (p *proof) keep(ids map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.ids, func(id string, _ bool) bool { return !ids[id] })
}

// about gives the parts of which a subscription tells, perhaps that notifications
// were lost; none: it may be any. ours is false for one of which nothing is
// wanted. news tells that Graph must be asked whether it is ours all the same: the
// answer that made it may be lost, or under way.
func (s *standing) about(id string, lost bool) (parts []string, ours, news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.listed:
		return nil, true, false
	case len(s.parts[id]) > 0:
		return s.parts[id], true, false
	case s.kept[id] || id == "" || len(id) > longestID:
		return nil, false, false
	}
	before, met := s.unknown[id]
	if met || len(s.unknown) < mostStrangers {
		s.unknown[id] = before || lost
		news = !met
	}
	return nil, false, news
}

// renew has a subscription renewed.
func (s *standing) renew(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[id] || !s.listed && len(s.again) < mostStrangers && len(id) <= longestID {
		s.again[id] = true
	}
}

// remake has a subscription made anew, and tells whether that is news.
func (s *standing) remake(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	news := s.kept[id] && !s.stale[id]
	if news {
		s.stale[id] = true
	}
	return news
}

// take gives the ids that are to be renewed, which are then forgotten.
func (s *standing) take() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	again := s.again
	s.again = map[string]bool{}
	return again
}

// giveBack remembers again what take gave and could not be done.
func (s *standing) giveBack(ids map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.again, ids)
}

// add takes up a subscription that was made, and tells whether something came of
// it before that was known, and whether that was that notifications were lost.
func (s *standing) add(id, resource string, parts []string) (waits, lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lost, waits = s.unknown[id]
	delete(s.unknown, id)
	s.made[id], s.kept[id], s.parts[id] = resource, true, parts
	return waits, lost
}

// told remembers what is wrong with a resource, and tells whether that is news.
// Empty: nothing is.
func (s *standing) told(resource, problem string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if problem == "" {
		delete(s.problem, resource)
		return false
	}
	news := s.problem[resource] != problem
	s.problem[resource] = problem
	return news
}

// keepProblems forgets those of resources that are not wanted any more.
func (s *standing) keepProblems(wanted []string) {
	maps.DeleteFunc(s.problem, func(resource, _ string) bool { return resource != "" && !slices.Contains(wanted, resource) })
}
