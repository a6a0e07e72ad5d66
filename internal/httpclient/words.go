package httpclient

import (
	"bytes"
	"encoding/json"
	"strings"
)

// longestWords bounds what a server says in a message, in bytes.
const longestWords = 600

// wordsOf finds what the body of an error says: the usual members of JSON
// (RFC 9457, OAuth 2.0, OData and what is common beside them), the title of a
// web page, or a short text.
func wordsOf(body []byte) string {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return ""
	case isPage(body):
		return strings.TrimSpace("a web page" + titleOf(body))
	case body[0] == '{' || body[0] == '[':
		var v any
		if json.Unmarshal(body, &v) != nil {
			break
		}
		if words := said(v, 0); words != "" {
			return oneLine(words, longestWords)
		}
	}
	return oneLine(string(body), longestWords)
}

// said finds the words in a JSON value.
func said(v any, depth int) string {
	switch x := v.(type) {
	case string:
		return x
	case []any:
		if len(x) > 0 && depth < 4 {
			return said(x[0], depth+1)
		}
	case map[string]any:
		if depth >= 4 {
			return ""
		}
		members := map[string]any{}
		for name, value := range x {
			members[strings.ToLower(name)] = value
		}
		var parts []string
		for _, name := range []string{"error_description", "externalmessage", "message", "detail", "title", "error", "errors", "faultstring"} {
			text := said(members[name], depth+1)
			if text != "" && !strings.Contains(strings.Join(parts, " "), text) {
				parts = append(parts, text)
			}
			if len(parts) > 0 && (name == "message" || name == "detail" || name == "title") {
				break
			}
		}
		if code, ok := members["code"].(string); ok && code != "" && len(parts) > 0 {
			parts = append([]string{code}, parts...)
		}
		return strings.Join(parts, ": ")
	}
	return ""
}
