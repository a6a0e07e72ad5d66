package view

import (
	"koppel/engine"
	"koppel/engine/plan"
)

// A PlanData is a plan to be shown: what engine.Planned offers, and what the
// project knows of its pipelines.
type PlanData struct {
	Header  *plan.Header
	Entries func(address string, yield func(*plan.Entry) error) error
	// Err says why a pipeline could not be planned; nil: it was.
	Err func(address string) error
	// Project may be nil: a saved plan says what is sensitive itself.
	Project *engine.Project
}

// sensitive tells which fields of a pipeline are not shown.
func (d *PlanData) sensitive(p *plan.Pipeline) func(string) bool {
	marked := map[string]bool{}
	for _, f := range p.Fields {
		marked[f.Name] = f.Sensitive
	}
	var configured *engine.Pipeline
	if d.Project != nil {
		configured = d.Project.Pipelines[p.Address]
	}
	return func(name string) bool {
		if marked[name] {
			return true
		}
		return configured != nil && configured.Program != nil && configured.Program.Sensitive(name)
	}
}

// change gives the operation that an entry plans or holds; 0: none.
func change(e *plan.Entry) (op byte, held bool) {
	switch {
	case e.Op != 0:
		return byte(e.Op), false
	case e.Open == heldReason && e.OpenOp != 0:
		return byte(e.OpenOp), true
	}
	return 0, false
}

// The reasons of open keys that a plan shows.
const (
	heldReason      = "held"
	protectedReason = "protected"
)
