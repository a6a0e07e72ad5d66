package record

// A Scanner checks values strictly and finds wanted members in the same pass.
// It learns the shape of the values it meets, which makes it fast on values of
// one kind. It is for one goroutine at a time.
type Scanner struct {
	rec    []byte
	spans  []span
	whole  int // the slot of the whole value, or -1
	limits Limits

	root, rest *node
	budget     int
	names      names
	scratch    []byte // unescaped names
	escaped    bool   // an escape was met since this was last set
	problem    *SyntaxError
}

// A span is where the value of a slot stands.
type span struct {
	from, to int
	escaped  bool // it is text with escapes in it
}

// NewScanner returns a scanner for what t wants; a nil tree wants nothing.
func NewScanner(t *Tree, l Limits) *Scanner {
	s := newChecker(l)
	s.root, s.budget = newNode(t), learnBytes
	if t != nil {
		s.spans, s.whole = make([]span, *t.slots), t.slot
	}
	return s
}

// newChecker makes a scanner that learns nothing, for a single value.
func newChecker(l Limits) *Scanner {
	rest := newRest()
	return &Scanner{limits: l.orDefault(), root: rest, rest: rest, names: newNames(), whole: -1}
}

// Scan checks the whole of rec, which is one JSON value with or without white
// space around it, and fills the slots. Its error is a *SyntaxError; all slots
// are then empty. rec must not change as long as slots are looked at.
func (s *Scanner) Scan(rec []byte) error {
	clear(s.spans)
	s.names.closeTo(0)
	s.rec, s.scratch, s.escaped, s.problem = rec, s.scratch[:0], false, nil
	if len(rec) > s.limits.Size {
		s.fail(s.limits.Size, "the value is too large")
		return s.problem
	}
	from := space(rec, 0)
	to := s.value(rec, from, s.root, 0)
	if to >= 0 {
		if end := space(rec, to); end < len(rec) {
			to = s.fail(end, "data after the value")
		}
	}
	if to < 0 {
		clear(s.spans)
		return s.problem
	}
	if s.whole >= 0 {
		s.spans[s.whole] = span{from, to, s.escaped}
	}
	return nil
}

// Slot returns the raw JSON text of a wanted member in the value scanned last:
// nil when it is absent, or when something on the way to it is missing, null
// or no object. It is valid until the next Scan.
func (s *Scanner) Slot(i int) []byte {
	p := s.spans[i]
	if p.to == 0 {
		return nil
	}
	return s.rec[p.from:p.to:p.to]
}

// Clean is Slot with what is known of the value: its kind, and whether it is in
// body form as it stands. That is so for text without escapes, true, false,
// null and most numbers; it is never said of lists and objects.
func (s *Scanner) Clean(i int) (raw []byte, kind Kind, clean bool) {
	p := &s.spans[i]
	if p.to == 0 {
		return nil, Absent, false
	}
	raw = s.rec[p.from:p.to:p.to]
	switch raw[0] {
	case '"':
		return raw, String, !p.escaped
	case 'n':
		return raw, Null, true
	case 't', 'f':
		return raw, Bool, true
	case '[':
		return raw, List, false
	case '{':
		return raw, Object, false
	}
	return raw, Number, isPlainNumber(raw)
}

// Valid checks that b is one JSON value and nothing else: valid syntax and
// UTF-8, no escapes of half a surrogate pair, no two members of one name
// (compared after unescaping), within the limits. Its error is a *SyntaxError.
func Valid(b []byte, l Limits) error { return newChecker(l).Scan(b) }

// fail notes the problem and returns -1, the place that stands for an error.
func (s *Scanner) fail(offset int, problem string) int {
	s.problem = &SyntaxError{offset, problem}
	return -1
}

// space returns the place of the first byte from i on that is no white space.
func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// value, and the methods like it, check what starts at b[i] and return the
// place behind it, or -1. depth counts what is open around it.
func (s *Scanner) value(b []byte, i int, n *node, depth int) int {
	if i < len(b) {
		switch b[i] {
		case '"':
			return s.text(b, i)
		case '{':
			return s.object(b, i, n, depth)
		case '[':
			return s.list(b, i, n, depth)
		}
	}
	return s.scalar(b, i)
}

func (s *Scanner) list(b []byte, i int, n *node, depth int) int {
	if depth >= s.limits.Depth {
		return s.fail(i, "too deep")
	}
	if i = space(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1
	}
	n = s.elemOf(n)
	for {
		if i = s.value(b, i, n, depth+1); i < 0 {
			return -1
		}
		if i < len(b) && b[i] != ',' && b[i] != ']' {
			i = space(b, i)
		}
		switch {
		case i < len(b) && b[i] == ',':
			i = space(b, i+1)
		case i < len(b) && b[i] == ']':
			return i + 1
		default:
			return s.fail(i, "a list needs a comma or a closing bracket here")
		}
	}
}
