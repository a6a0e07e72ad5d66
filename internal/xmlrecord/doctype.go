package xmlrecord

import "bytes"

// plainDoctype tells whether the declarations within a document type change
// nothing of what is read: those of elements, notations and attributes do not,
// unless they give an attribute a value of its own (XML 1.0, section 3.3.2).
// Entities do. The parser has taken the comments out.
func plainDoctype(directive []byte) bool {
	at := unquoted(directive, '[')
	if at < 0 {
		return true // there are none
	}
	for rest := directive[at+1:]; ; {
		rest = bytes.TrimLeft(rest, " \t\r\n")
		switch {
		case len(rest) == 0 || rest[0] == ']':
			return true
		case bytes.HasPrefix(rest, []byte("<?")):
			end := bytes.Index(rest, []byte("?>"))
			if end < 0 {
				return false
			}
			rest = rest[end+2:]
			continue
		case !bytes.HasPrefix(rest, []byte("<!")):
			return false // a reference to a parameter entity
		}
		end := unquoted(rest, '>')
		if end < 0 || !plainDeclaration(rest[2:end]) {
			return false
		}
		rest = rest[end+1:]
	}
}

// unquoted finds the first stop that stands outside of quotes; -1: there is
// none.
func unquoted[T string | []byte](text T, stop byte) int {
	quote := byte(0)
	for i := range len(text) {
		switch c := text[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == stop:
			return i
		}
	}
	return -1
}

func plainDeclaration(text []byte) bool {
	end := bytes.IndexAny(text, " \t\r\n")
	if end < 0 {
		return false
	}
	kind, rest := text[:end], text[end:]
	if bytes.IndexByte(rest, '%') >= 0 {
		return false
	}
	switch string(kind) {
	case "ELEMENT", "NOTATION":
		return true
	case "ATTLIST":
		return !bytes.ContainsAny(rest, `"'`)
	}
	return false
}
