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
			if after := bytes.TrimLeft(b[end:], " \t\r\n"); len(after) > 0 && after[0] == ':' && end-i <= 80 {
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
