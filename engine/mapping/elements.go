package mapping

import "bytes"

// eachElement yields the raw elements of a checked list.
func eachElement(b []byte, yield func(raw []byte)) {
	i := blank(b, 1)
	for i < len(b) && b[i] != ']' {
		to := behind(b, i)
		yield(b[i:to:to])
		i = blank(b, to)
		if i < len(b) && b[i] == ',' {
			i = blank(b, i+1)
		}
	}
}

// blank returns the first place from i on that is no white space.
func blank(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' {
		i++
	}
	return i
}

// behind returns the place behind the checked value at b[i].
func behind(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch c := b[i]; c {
		case '"':
			i = behindText(b, i)
		case '{', '[':
			depth++
			i++
			continue
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\t', '\r', '\n':
			i++
			continue
		default:
			for i < len(b) && b[i] > ' ' && b[i] != ',' && b[i] != ']' && b[i] != '}' {
				i++
			}
		}
		if depth == 0 {
			return i
		}
	}
	return i
}

// behindText returns the place behind the string literal at b[i].
func behindText(b []byte, i int) int {
	for i++; i < len(b); i++ {
		n := bytes.IndexAny(b[i:], `"\`)
		if n < 0 {
			return len(b)
		}
		if i += n; b[i] == '"' {
			return i + 1
		}
		i++
	}
	return len(b)
}
