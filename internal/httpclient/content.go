package httpclient

import (
	"bytes"
	"encoding/json"
	"mime"
	"net/http"
	"regexp"
	"strings"
)

// mismatch says why a body is not what it must be; empty: it is. A whole JSON
// value or document is told by its first and its last byte; what lies between
// is for those who read it. page tells a web page, which asking again does not
// change.
func mismatch(expect Content, resp *Response) (problem string, page bool) {
	if expect == Anything {
		return "", false
	}
	body := bytes.TrimSpace(bytes.TrimPrefix(resp.Body, []byte("\xef\xbb\xbf")))
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if len(body) == 0 {
		if expect == JSONOrEmpty || expect == XMLOrEmpty || expect == DataOrEmpty {
			return "", false
		}
		return "the answer is empty", false
	}
	first, last := body[0], body[len(body)-1]
	announced := media == "text/html" || media == "application/xhtml+xml"
	if isPage(body) || announced && first != '{' && first != '[' {
		return "the answer is a web page" + titleOf(body) + ", not data", true
	}
	if expect != JSON && expect != JSONOrEmpty && isUTF16(resp.Body) {
		return "", false
	}
	if expect == XML || expect == XMLOrEmpty || expect == DataOrEmpty && first == '<' {
		switch {
		case first != '<':
			return "the answer is no XML", false
		case last != '>':
			return "the answer is cut: its XML does not end", false
		}
		return "", false
	}
	switch {
	case first == '<':
		return "the answer is XML, not JSON", false
	case first == '{' && last != '}', first == '[' && last != ']', first == '"' && (last != '"' || len(body) == 1):
		if json.NewDecoder(bytes.NewReader(body)).Decode(new(json.RawMessage)) == nil {
			return "the answer is more than its JSON: something stands behind its end", false
		}
		return "the answer is cut: its JSON does not end", false
	case !strings.ContainsRune(`{["-0123456789tfn`, rune(first)):
		return "the answer is no JSON", false
	}
	return "", false
}

// isUTF16 tells whether a text, which XML may be, has two bytes to a character:
// it begins with a byte order mark, or half of its first character is zero.
func isUTF16(body []byte) bool {
	return bytes.HasPrefix(body, []byte{0xff, 0xfe}) || bytes.HasPrefix(body, []byte{0xfe, 0xff}) ||
		len(body) > 1 && (body[0] == 0) != (body[1] == 0)
}

// isPage tells whether a text is HTML.
func isPage(body []byte) bool {
	start := bytes.ToLower(body[:min(len(body), 512)])
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

var titlePattern = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title`)

// titleOf is the title of a web page in brackets; empty: there is none.
func titleOf(body []byte) string {
	found := titlePattern.FindSubmatch(body[:min(len(body), shownBody)])
	if found == nil {
		return ""
	}
	title := oneLine(string(found[1]), 100)
	if title == "" {
		return ""
	}
	return " (" + title + ")"
}

// requestIDs gives the ids by which the server's operator finds a request.
func requestIDs(h http.Header) string {
	var ids []string
	for _, name := range []string{
		"X-Request-Id", "Request-Id", "X-Ms-Request-Id", "X-Correlation-Id", "X-Trace-Id", "X-Trace-Identifier",
		"X-Amzn-Requestid", "Traceresponse", "Cf-Ray",
	} {
		if v := oneLine(h.Get(name), 100); v != "" {
			ids = append(ids, strings.ToLower(name)+" "+v)
		}
	}
	return strings.Join(ids, ", ")
}

// oneLine makes a text of at most n bytes without line ends and control
// characters.
func oneLine(s string, n int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "�"), func(r rune) bool { return r <= ' ' || r == 0x7f }), " ")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}
