package mapping

import (
	"slices"
	"strconv"

	"koppel/engine/record"
)

// A piece computes a value directly into the output, for the values that
// records mostly hold: text without escapes, plain numbers, true, false, null.
// It appends the text of the value, without quotes, and returns the value's
// kind; it appends nothing for null.
//
// Whatever is not usual it declines, with Absent as the kind and the rest of
// dst undefined: values of other types, errors, bounds that are reached. The
// code of the same node is then run, which alone knows all the rules; so a
// piece is a short cut and never decides anything that the code would not. It
// takes from the record's bounds exactly what the code takes.
//
// The text that a piece appends is clean: between quotes it is a JSON literal
// in body form.
type piece func(e *Evaluator, dst []byte) ([]byte, record.Kind)

// piece returns the piece of a shape; nil for none.
func (s *shape) piece() piece {
	if s == nil {
		return nil
	}
	switch s.op {
	case shapeBuilt:
		return s.built.piece
	case shapeSource:
		return sourcePiece(s.slot)
	case shapeConst:
		return constPiece(s.value)
	case "formatdate":
		return s.formatdate()
	case shapeJoin, "join":
		return s.join()
	case shapeChoice:
		return s.choice()
	}
	if t := s.test(); t != nil {
		return testPiece(t)
	}
	args := s.pieces()
	if args == nil {
		return nil
	}
	switch s.op {
	case "lower", "upper", "trim", "string", "date":
		if len(args) == 1 {
			return unaryPiece(s.op, args[0])
		}
	case "words":
		return wordsPiece(args)
	case "??":
		return defaultPiece(args[0], args[1])
	case "default":
		if len(args) == 2 && s.args[1].isFree() {
			return defaultPiece(args[0], args[1])
		}
	case "coalesce":
		if len(args) > 0 && !slices.ContainsFunc(s.args[1:], func(a *shape) bool { return !a.isFree() }) {
			return coalescePiece(args)
		}
	}
	return nil
}

// isFree reports whether a shape costs nothing and cannot fail, so that it makes
// no difference whether it is computed. Functions compute all their arguments.
func (s *shape) isFree() bool { return s.op == shapeSource || s.op == shapeConst }

func unaryPiece(op string, arg piece) piece {
	switch op {
	case "lower":
		return casePiece(arg, lowerASCII)
	case "upper":
		return casePiece(arg, upperASCII)
	case "trim":
		return trimPiece(arg)
	case "string":
		return stringPiece(arg)
	}
	return datePiece(arg)
}

// pieces returns the pieces of all arguments; nil when one has none.
func (s *shape) pieces() []piece {
	args := make([]piece, len(s.args))
	for i, a := range s.args {
		if args[i] = a.piece(); args[i] == nil {
			return nil
		}
	}
	return args
}

// take takes n bytes of what a record may make, as grow does; false when a
// bound is reached.
func (e *Evaluator) take(n int) bool {
	if n < 1<<9 {
		e.made += n
		return e.made <= maxMade+e.most
	}
	return e.grow(n) == nil
}

func sourcePiece(slot int) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		raw, kind, clean := e.scan.Clean(slot)
		switch {
		case !clean:
			if kind == record.Absent {
				return dst, record.Null
			}
			return dst, record.Absent
		case kind == record.String:
			return append(dst, raw[1:len(raw)-1]...), kind
		case kind == record.Null:
			return dst, kind
		}
		return append(dst, raw...), kind
	}
}

func constPiece(v val) piece {
	var text []byte
	switch v.kind {
	case record.String:
		if !isClean(v.b) {
			return nil
		}
		text = v.b
	case record.Bool:
		text = strconv.AppendBool(nil, v.n == 1)
	case record.Number:
		var err error
		if text, err = appendNumber(nil, v); err != nil {
			return nil
		}
	}
	kind := v.kind
	return func(_ *Evaluator, dst []byte) ([]byte, record.Kind) { return append(dst, text...), kind }
}

// isClean reports whether text is its own JSON literal.
func isClean(b []byte) bool {
	lit := record.AppendString(nil, b)
	return string(lit[1:len(lit)-1]) == string(b)
}

func stringPiece(arg piece) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		dst, kind := arg(e, dst)
		if kind == record.Number || kind == record.Bool {
			kind = record.String
		}
		return dst, kind
	}
}

func defaultPiece(arg, other piece) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		dst, kind := arg(e, dst)
		if kind == record.Null {
			return other(e, dst)
		}
		return dst, kind
	}
}

func coalescePiece(args []piece) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		from := len(dst)
		for _, arg := range args {
			var kind record.Kind
			if dst, kind = arg(e, dst); kind == record.Absent || len(dst) > from {
				return dst, kind
			}
		}
		return dst, record.Null
	}
}

// choice is a condition with two outcomes.
func (s *shape) choice() piece {
	test, yes, no := s.args[0].test(), s.args[1].piece(), s.args[2].piece()
	if test == nil || yes == nil || no == nil {
		return nil
	}
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		switch test(e) {
		case holds:
			return yes(e, dst)
		case fails:
			return no(e, dst)
		}
		return dst, record.Absent
	}
}

func testPiece(t test) piece {
	return func(e *Evaluator, dst []byte) ([]byte, record.Kind) {
		switch t(e) {
		case holds:
			return append(dst, "true"...), record.Bool
		case fails:
			return append(dst, "false"...), record.Bool
		}
		return dst, record.Absent
	}
}
