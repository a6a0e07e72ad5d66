package httpclient

import "bytes"

// outlineJSON writes names and brackets of a JSON text, which may be cut, up
// to most bytes; values become dots.
func outlineJSON(b []byte, most int) string {
	var out []byte
	for i := 0; i < len(b) && len(out) < most; {
		switch c := b[i]; c {
		case '{', '}', '[', ']', ',', ':':
			out = append(out, c)
			i++
		case ' ', '\t', '\r', '\n':
			i++
		case '"':
			end := textEnd(b, i)
			if after := bytes.TrimLeft(b[end:], " \t\r\n"); len(after) > 0 && after[0] == ':' && isName(b[i+1:end-1]) {
				out = append(out, b[i:end]...)
			} else {
				out = append(out, "…"...)
			}
			i = end
		default:
			out = append(out, "…"...)
			for i < len(b) && !bytes.ContainsRune([]byte(",]}\n "), rune(b[i])) {
				i++
			}
		}
	}
	if len(out) >= most {
		out = append(out, " …"...)
	}
	return string(out)
}

// textEnd is the place behind the string that starts at b[i].
func textEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// isName tells a name that someone gave to a member from data that serves as
// one: a number of a person, a mail address, a name with blanks.
func isName(b []byte) bool {
	if len(b) == 0 || len(b) > 40 {
		return false
	}
	for i, c := range b {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
		switch {
		case letter, i == 0 && (c == '@' || c == '$'), i > 0 && (c >= '0' && c <= '9' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return true
}
