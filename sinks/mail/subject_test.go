package mail

import (
	"bytes"
	"fmt"
	"mime"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSubject(t *testing.T) {
	for subject, want := range map[string]string{
		"Invitation":                        "Invitation",
		"=?x":                               "=?UTF-8?q?=3D=3Fx?=",
		"a  b":                              "=?UTF-8?q?a__b?=",
		strings.Repeat("word ", 16) + "end": strings.Repeat("word ", 12) + "word\r\n word word word end",
		"Meeting with " + strings.Repeat("x", 60): "Meeting with\r\n " + strings.Repeat("x", 60),
		strings.Repeat("x", 100):                  "=?UTF-8?q?" + strings.Repeat("x", 55) + "?=\r\n =?UTF-8?q?" + strings.Repeat("x", 45) + "?=",
		"Uitnodiging: ✓ " + strings.Repeat("日", 6): "=?UTF-8?q?Uitnodiging=3A_=E2=9C=93_=E6=97=A5=E6=97=A5=E6=97=A5?=\r\n" +
			" =?UTF-8?q?=E6=97=A5=E6=97=A5=E6=97=A5?=",
	} {
		if diff := cmp.Diff(want, subjectField(subject)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", subject, diff)
		}
	}
}

// TestSubjectIsRead: whatever a subject is, it is read again as it was, and each
// line of it is short, is ASCII and has something on it.
func TestSubjectIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subject := oneLine(rapid.OneOf(rapid.String(), rapid.StringMatching(`([ =?_a-zé日]{0,90} )*[!-~]{0,200}`)).Draw(t, "subject"))
		if subject == "" {
			return
		}
		field := "Subject: " + subjectField(subject)
		for i, line := range strings.Split(field, "\r\n") {
			text := strings.TrimPrefix(line, "Subject:")
			if len(line) > maxLine || strings.TrimSpace(text) == "" || i > 0 && line[0] != ' ' || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Fatalf("line %d is %q", i, line)
			}
		}
		m, err := netmail.ReadMessage(bytes.NewReader(fmt.Append(nil, field, "\r\n\r\n")))
		if err != nil {
			t.Fatal(err)
		}
		got, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || got != strings.ToValidUTF8(subject, "�") {
			t.Fatalf("%q is read as %q: %v", subject, got, err)
		}
	})
}
