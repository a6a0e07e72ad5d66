package mapping

import "koppel/engine/record"

// eachElement yields the raw elements of a checked list.
func eachElement(b []byte, yield func(raw []byte)) {
	i := blank(b, 1)
	for i < len(b) && b[i] != ']' {
		to := record.Skip(b, i)
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
