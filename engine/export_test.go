package engine

import "time"

// SetJoinMemory bounds what the right sides of joins hold in memory, in bytes.
func (e *Engine) SetJoinMemory(bytes int) { e.joinMemory = bytes }

// Outside tells on which side of the window a moment lies.
func (w *Window) Outside(at string, clock time.Time) int { return w.outside(at, at, clock) }

// OutsideOf tells on which side of the window a record lies that lasts.
func (w *Window) OutsideOf(lo, hi string, clock time.Time) int { return w.outside(lo, hi, clock) }

// Filled names the joins of a pipeline whose right sides were put into an
// index.
func (p *Planned) Filled(address string) []string {
	names := []string{}
	for _, idx := range p.works[address].joins {
		if idx.rows != nil {
			names = append(names, idx.join.Name)
		}
	}
	return names
}

// ProblemText is a problem as a notice tells it.
var ProblemText = problemText
