package xmlrecord

import "bytes"

// plainDoctype tells whether the declarations within a document type change
// nothing of what is read: those of elements, notations and attributes do not,
// unless they give an attribute a value of its own (XML 1.0, section 3.3.2).
// Entities do. The parser has taken the comments out.
func plainDoctype(directive []byte) bool {
	at := subset(directive)
	if at < 0 {
		return true
	}
	for rest := directive[at:]; ; {
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
		end := closing(rest)
		if end < 0 || !plainDeclaration(rest[2:end]) {
			return false
		}
		rest = rest[end+1:]
	}
}

// subset finds what follows the bracket that opens the declarations; -1: there
// are none.
func subset(directive []byte) int {
	quote := byte(0)
	for i, c := range directive {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '[':
			return i + 1
		}
	}
	return -1
}

// closing finds the end of a declaration; -1: it has none.
func closing(declaration []byte) int {
	quote := byte(0)
	for i, c := range declaration {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
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
		return bytes.IndexAny(rest, `"'`) < 0
	}
	return false
}
