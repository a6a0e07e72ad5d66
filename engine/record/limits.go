package record

import "strconv"

// Limits bound what is accepted as one value. A zero field means that of
// DefaultLimits.
type Limits struct {
	Depth int // objects and lists inside each other
	Size  int // bytes
}

// DefaultLimits are the limits where nothing else was asked for: a depth of
// 256 and 64 MiB.
func DefaultLimits() Limits { return Limits{Depth: 256, Size: 64 << 20} }

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	if l.Depth <= 0 {
		l.Depth = d.Depth
	}
	if l.Size <= 0 {
		l.Size = d.Size
	}
	return l
}

// A SyntaxError says where bytes stop being one strict JSON value. Problem
// holds nothing of the bytes themselves.
type SyntaxError struct {
	Offset  int // in bytes, from 0
	Problem string
}

// Error names the offset and the problem.
func (e *SyntaxError) Error() string {
	return "invalid JSON at byte " + strconv.Itoa(e.Offset) + ": " + e.Problem
}
