package record

import (
	"bytes"
	"cmp"
	"slices"
)

// AppendBody appends one JSON value in body form: members sorted by name (as
// bytes, unescaped), no white space, escapes as AppendString and numbers as
// AppendNumber write them. It checks json as Valid does with the default
// limits; the error is a *SyntaxError, and dst is then returned as it was.
func AppendBody(dst, json []byte) ([]byte, error) {
	return appendForm(dst, json, false)
}

// AppendCanonical appends one JSON value in canonical form: as AppendBody
// does, with numbers as AppendCanonicalNumber writes them. Equal values have
// equal canonical bytes.
func AppendCanonical(dst, json []byte) ([]byte, error) {
	return appendForm(dst, json, true)
}

func appendForm(dst, json []byte, canonical bool) ([]byte, error) {
	f := former{canonical: canonical}
	if f.holds(json) {
		return append(dst, json...), nil
	}
	if err := Valid(json, Limits{}); err != nil {
		return dst, err
	}
	return f.append(dst, json), nil
}

// A former rewrites checked values in body or canonical form.
type former struct {
	canonical bool
	members   []formed
	names     []byte // unescaped names
	scratch   []byte
}

// formed is a member that was written: where in dst, and its name.
type formed struct {
	name     []byte
	from, to int
}

func (f *former) append(dst, json []byte) []byte {
	f.members, f.names = slices.Grow(f.members[:0], 32), f.names[:0]
	dst, _ = f.value(dst, json, space(json, 0))
	return dst
}

func (f *former) value(dst, b []byte, i int) ([]byte, int) {
	switch b[i] {
	case '{':
		return f.object(dst, b, i)
	case '[':
		return f.list(dst, b, i)
	case '"':
		end := skipString(b, i)
		return f.text(dst, b[i:end]), end
	case 't', 'f', 'n':
		end := Skip(b, i)
		return append(dst, b[i:end]...), end
	}
	end := Skip(b, i)
	if f.canonical {
		return AppendCanonicalNumber(dst, b[i:end]), end
	}
	return AppendNumber(dst, b[i:end]), end
}

func (f *former) text(dst, lit []byte) []byte {
	if bytes.IndexByte(lit, '\\') < 0 {
		return append(dst, lit...)
	}
	f.scratch = AppendUnquoted(f.scratch[:0], lit)
	return AppendString(dst, f.scratch)
}

func (f *former) list(dst, b []byte, i int) ([]byte, int) {
	dst = append(dst, '[')
	for i = space(b, i+1); b[i] != ']'; {
		if b[i] == ',' {
			dst = append(dst, ',')
			i = space(b, i+1)
		}
		dst, i = f.value(dst, b, i)
		i = space(b, i)
	}
	return append(dst, ']'), i + 1
}

// object writes the members in the order they have, and moves them when that
// is not the order of their names.
func (f *former) object(dst, b []byte, i int) ([]byte, int) {
	start, first, sorted := len(dst), len(f.members), true
	dst = append(dst, '{')
	for i = space(b, i+1); b[i] != '}'; {
		if b[i] == ',' {
			dst = append(dst, ',')
			i = space(b, i+1)
		}
		end := skipString(b, i)
		m := formed{name: f.name(b[i:end]), from: len(dst)}
		dst = append(f.text(dst, b[i:end]), ':')
		dst, i = f.value(dst, b, space(b, space(b, end)+1))
		m.to = len(dst)
		if n := len(f.members); n > first && bytes.Compare(f.members[n-1].name, m.name) > 0 {
			sorted = false
		}
		f.members = append(f.members, m)
		i = space(b, i)
	}
	if !sorted {
		f.sort(dst, start+1, f.members[first:])
	}
	f.members = f.members[:first]
	return append(dst, '}'), i + 1
}

// name is a member's name as text, valid as long as the former is not reset.
func (f *former) name(lit []byte) []byte {
	inner := lit[1 : len(lit)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	from := len(f.names)
	f.names = appendUnescaped(f.names, inner)
	return f.names[from:]
}

// sort puts the members, written in dst from start on, in the order of names.
func (f *former) sort(dst []byte, start int, members []formed) {
	slices.SortFunc(members, func(a, b formed) int {
		return cmp.Or(bytes.Compare(a.name, b.name), cmp.Compare(a.from, b.from))
	})
	f.scratch = append(f.scratch[:0], dst[start:]...)
	out := dst[:start]
	for k, m := range members {
		if k > 0 {
			out = append(out, ',')
		}
		out = append(out, f.scratch[m.from-start:m.to-start]...)
	}
}
