package mapping

import (
	"bytes"

	"koppel/engine/record"
)

// A test judges a condition directly, as a piece computes a value: null counts
// as false, and what is not usual is left undecided.
type test func(e *Evaluator) verdict

// A verdict is what a test comes to.
type verdict byte

const (
	undecided verdict = iota
	holds
	fails
)

func verdictOf(t bool) verdict {
	if t {
		return holds
	}
	return fails
}

// test returns the test of a shape; nil for none.
func (s *shape) test() test {
	if s == nil {
		return nil
	}
	switch s.op {
	case shapeBuilt:
		return s.built.test
	case shapeSource:
		return sourceTest(s.slot)
	case "!":
		if t := s.args[0].test(); t != nil {
			return func(e *Evaluator) verdict { return opposite(t(e)) }
		}
	case "and", "&&":
		return s.logic(fails)
	case "or", "||":
		return s.logic(holds)
	case "<", "<=", ">", ">=", "==", "!=":
		return s.comparison()
	}
	return nil
}

func opposite(v verdict) verdict {
	switch v {
	case holds:
		return fails
	case fails:
		return holds
	}
	return undecided
}

func sourceTest(slot int) test {
	return func(e *Evaluator) verdict {
		switch raw, kind, _ := e.scan.Clean(slot); kind {
		case record.Bool:
			return verdictOf(raw[0] == 't')
		case record.Null, record.Absent:
			return fails
		}
		return undecided
	}
}

// logic is and, or: decided by the left side when that is the stop.
func (s *shape) logic(stop verdict) test {
	left, right := s.args[0].test(), s.args[1].test()
	if left == nil || right == nil {
		return nil
	}
	return func(e *Evaluator) verdict {
		if v := left(e); v == stop || v == undecided {
			return v
		}
		return right(e)
	}
}

// An operand is one side of a comparison; ok is false for what is not usual.
type operand func(e *Evaluator) (v val, ok bool)

// operand returns the operand of a shape; nil for none.
func (s *shape) operand() operand {
	switch s.op {
	case shapeBuilt:
		return s.built.operand
	case shapeConst:
		v := s.value
		return func(*Evaluator) (val, bool) { return v, true }
	case shapeSource:
		slot := s.slot
		return func(e *Evaluator) (val, bool) {
			raw, kind, clean := e.scan.Clean(slot)
			switch {
			case kind == record.Absent:
				return null(), true
			case kind == record.String:
				raw = raw[1 : len(raw)-1]
			case kind == record.Bool:
				return boolean(raw[0] == 't'), true
			}
			return val{kind: kind, b: raw}, clean
		}
	case shapeToday:
		return func(e *Evaluator) (val, bool) { return textOf(e.run.Today), true }
	case "date":
		if len(s.args) == 1 {
			return dateOperand(s.args[0].operand())
		}
	}
	return nil
}

// dateOperand is date(x).
func dateOperand(of operand) operand {
	if of == nil {
		return nil
	}
	return func(e *Evaluator) (val, bool) {
		v, ok := of(e)
		if !ok || v.isNull() {
			return v, ok
		}
		if !isText(v) || !startsWithDate(v.b) {
			return v, false
		}
		return text(v.b[:10]), true
	}
}

func (s *shape) comparison() test {
	left, right := s.args[0].operand(), s.args[1].operand()
	if left == nil || right == nil {
		return nil
	}
	op := s.op
	return func(e *Evaluator) verdict {
		a, ok := left(e)
		if !ok {
			return undecided
		}
		b, ok := right(e)
		switch {
		case !ok:
			return undecided
		case a.isNull() || b.isNull():
			both := a.isNull() && b.isNull()
			return verdictOf(op == "==" && both || op == "!=" && !both)
		case a.kind != b.kind:
			return undecided
		}
		return compared(op, a, b)
	}
}

// compared compares two texts, two numbers or two booleans.
func compared(op string, a, b val) verdict {
	var c int
	switch a.kind {
	case record.String:
		c = bytes.Compare(a.b, b.b)
	case record.Number:
		c = compareNumbers(a, b)
	default:
		if op != "==" && op != "!=" {
			return undecided
		}
		c = int(a.n) - int(b.n)
	}
	switch op {
	case "==":
		return verdictOf(c == 0)
	case "!=":
		return verdictOf(c != 0)
	case "<":
		return verdictOf(c < 0)
	case "<=":
		return verdictOf(c <= 0)
	case ">":
		return verdictOf(c > 0)
	}
	return verdictOf(c >= 0)
}
