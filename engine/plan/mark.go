package plan

import "koppel/engine/record"

// Reasons under which Mark opens a key instead of applying its change.
const (
	openHeld    = "held"
	openWaiting = "waiting"
)

// Mark turns an entry into what may be done of it, once the whole pipeline was
// counted: a tripped guard holds every change of its kind that was not
// approved, a bound on errors stops all changes, and rows of the target that
// are no items stay while anything in the run failed.
func (p *Pipeline) Mark(e *Entry) {
	if e.Op == 0 {
		return
	}
	switch {
	case p.Blocked != "":
		*e = Entry{Key: e.Key, Had: e.Had, Expect: e.Expect}
	case e.Stranger && p.KeepStrangers != "":
		e.hold(openWaiting, p.KeepStrangers)
	case !e.Approved && p.tripped(e.Op):
		e.hold(openHeld, "")
	}
}

func (e *Entry) hold(reason, note string) {
	e.Open, e.OpenOp, e.Op = reason, e.Op, 0
	e.Item, e.Clear, e.Drop = false, false, false
	if note != "" {
		e.Note = note
	}
}

func (p *Pipeline) tripped(op record.Op) bool {
	for _, g := range p.Guards {
		if g.Tripped && (g.Op == op || g.Op == record.Delete && op == record.Disable) {
			return true
		}
	}
	return false
}
