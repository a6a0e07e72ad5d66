package mail

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxLine is how long a line of a header is at most: with encoded words 76
// characters (RFC 2047, 2), and nobody minds shorter ones.
const maxLine = 76

// subjectField gives the value of a Subject as it stands in a message: folded
// between words, or as encoded words where it has other characters than those of
// ASCII, or a word that no line can hold. Each line has some of it, the first one
// too: programs that look at lines show an empty subject otherwise.
func subjectField(text string) string {
	if folded, ok := foldWords(text); ok {
		return folded
	}
	const open, shut = "=?UTF-8?q?", "?="
	var b strings.Builder
	b.WriteString(open)
	room := maxLine - len("Subject: ") - len(open) - len(shut)
	for text != "" {
		_, size := utf8.DecodeRuneInString(text)
		char := quoted(text[:size])
		if len(char) > room {
			b.WriteString(shut + "\r\n " + open)
			room = maxLine - len(" ") - len(open) - len(shut)
		}
		b.WriteString(char)
		room -= len(char)
		text = text[size:]
	}
	return b.String() + shut
}

// foldWords breaks a text between its words; false: it needs encoding.
func foldWords(text string) (folded string, ok bool) {
	if strings.Contains(text, "=?") {
		return "", false // it would be read as an encoded word
	}
	var b strings.Builder
	room := maxLine - len("Subject: ")
	for i, word := range strings.Split(text, " ") {
		if word == "" || len(word) > room && i == 0 || len(word) > maxLine-len(" ") || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "", false
		}
		if i > 0 {
			if room -= len(" "); len(word) > room {
				b.WriteString("\r\n")
				room = maxLine - len(" ")
			}
			b.WriteString(" ")
		}
		b.WriteString(word)
		room -= len(word)
	}
	return b.String(), true
}

// quoted writes a character for an encoded word (RFC 2047, 4.2).
func quoted(char string) string {
	if c := char[0]; len(char) == 1 {
		switch {
		case c == ' ':
			return "_"
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.IndexByte("!*+-/", c) >= 0:
			return char
		}
	}
	var b strings.Builder
	for _, c := range []byte(char) {
		fmt.Fprintf(&b, "=%02X", c)
	}
	return b.String()
}
