package engine

import (
	"slices"
	"strings"
)

// Share gives an engine for another goroutine: on the same project and state,
// and with the answers to lookups in common. It is called by one goroutine at a
// time.
func (e *Engine) Share() *Engine {
	if e.answers == nil {
		e.answers = newAnswers(answerMemory, e.Now)
	}
	other := *e
	return &other
}

// Locks names what a run of a pipeline locks: two runs with a name in common
// can't go on at the same time.
func (e *Engine) Locks(p *Pipeline) []string { return e.lockNames([]*Pipeline{p}) }

// Before lists the addresses of the pipelines that go before p in a run, those
// too that go before others of them: what p reads, whose targets' answers it
// uses, and what it is to come after.
func (e *Engine) Before(p *Pipeline) []string {
	seen := map[string]bool{p.Address: true}
	var list []string
	for open := []*Pipeline{p}; len(open) > 0; {
		next := open[len(open)-1]
		open = open[:len(open)-1]
		for _, address := range e.upstream(next) {
			if up := e.Project.Pipelines[address]; up != nil && !seen[address] && strings.HasPrefix(address, "pipeline.") {
				seen[address] = true
				list = append(list, address)
				open = append(open, up)
			}
		}
	}
	slices.Sort(list)
	return list
}
