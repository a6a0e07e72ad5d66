package http

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"strings"

	"koppel/engine/record"
)

func asIs(s string) string { return s }

// escapePath escapes a value for a part of a path, and for what stands behind
// a question mark in it.
func escapePath(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// oneLine leaves out what a header can't hold.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7F }), " ")
}

func escapeJSON(s string) string {
	quoted := record.AppendString(nil, s)
	return string(quoted[1 : len(quoted)-1])
}

// escapeXML escapes text for content and attributes; characters that XML does
// not have are left out.
func escapeXML(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, s)
	return html.EscapeString(s)
}

// checkPath refuses a path that leads elsewhere.
func checkPath(path string) error {
	path, _, _ = strings.Cut(path, "?")
	for _, step := range strings.Split(path, "/") {
		if plain, err := url.PathUnescape(step); err != nil || plain == "." || plain == ".." {
			return errors.New("it would lead elsewhere: one of its steps is \".\" or \"..\"")
		}
	}
	return nil
}

// typeOf tells the media type of a text by how it begins.
func typeOf(text string) string {
	switch text = strings.TrimSpace(text); {
	case strings.HasPrefix(text, "<"):
		return "text/xml; charset=utf-8"
	case text == "" || strings.HasPrefix(text, "{") || strings.HasPrefix(text, "["):
		return "application/json"
	case strings.Contains(text, "="):
		return "application/x-www-form-urlencoded"
	}
	return "text/plain; charset=utf-8"
}

// escapeFor tells how values in a text of a media type are escaped.
func escapeFor(mediaType string) func(string) string {
	switch t := strings.ToLower(mediaType); {
	case strings.Contains(t, "xml"):
		return escapeXML
	case strings.Contains(t, "json"):
		return escapeJSON
	case strings.Contains(t, "form-urlencoded"):
		return url.QueryEscape
	}
	return asIs
}

// decode decodes JSON that the engine made or the target answered; nil for
// what is absent or none.
func decode(raw []byte) any {
	if raw == nil {
		return nil
	}
	v, err := record.Decode(raw)
	if err != nil {
		return nil
	}
	return v
}

func decodeMember(raw []byte, name string) any { return decode(record.Member(raw, name)) }

// plainText is the text of a scalar; null is empty.
func plainText(v any) (string, bool) {
	switch x := v.(type) {
	case nil:
		return "", true
	case string:
		return x, true
	case bool, int, int64, float64, json.Number:
		raw, err := record.Append(nil, x)
		return string(raw), err == nil
	case fmt.Stringer: // *big.Int
		return x.String(), true
	}
	return "", false
}
