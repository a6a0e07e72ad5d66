package httpclient

import (
	"bytes"
	"context"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// judgeBy asks a program what an answer says that failed. A program that is a
// path is followed in the raw text, so that large answers cost little.
func judgeBy(p connector.Program) func(*Response) Verdict {
	find := func(body []byte) (any, bool) {
		outputs, err := p.Run(context.Background(), record.DecodeTrusted(body))
		if err != nil || len(outputs) == 0 {
			return nil, false
		}
		return outputs[0], true
	}
	if plain, ok := p.(connector.Plain); ok {
		if path, each, ok := plain.Plain(); ok && !each {
			find = func(body []byte) (any, bool) { return follow(body, path) }
		}
	}
	return func(resp *Response) Verdict {
		body := bytes.TrimPrefix(resp.Body, []byte("\xef\xbb\xbf"))
		if record.Valid(body, record.Limits{Size: DefaultLimit}) != nil {
			return Verdict{}
		}
		v, ok := find(body)
		if !ok || !speaks(v) {
			return Verdict{}
		}
		return Verdict{Failed: true, Words: said(v, 0)}
	}
}

// follow gives the value at a path of names in a checked text.
func follow(body []byte, path []string) (any, bool) {
	body = bytes.TrimSpace(body)
	for _, name := range path {
		if body = record.Member(body, name); body == nil {
			return nil, false
		}
	}
	return record.DecodeTrusted(body), true
}

// speaks tells whether a value says that something failed: it is not null,
// false, 0 or empty.
func speaks(v any) bool {
	switch x := v.(type) {
	case nil:
		return false
	case bool:
		return x
	case string:
		return x != ""
	case int:
		return x != 0
	case float64:
		return x != 0
	case []any:
		return len(x) > 0
	case map[string]any:
		return len(x) > 0
	}
	return true
}

// ErrorMembers are the members of a JSON object by which an answer with a
// status of success may say that something failed, and those that tell more of
// it.
func ErrorMembers() []string {
	return []string{"error", "errors", "success", "ok", "message", "error_description", "code", "detail"}
}

// ErrorInside finds what an answer with a status of success says that failed,
// where the connection has no program for it: error or errors hold something,
// or success or ok is false. member gives the raw value of one of ErrorMembers;
// nil: the answer has none.
func (c *Client) ErrorInside(member func(name string) []byte) (words string, failed bool) {
	if c.options.Judge != nil {
		return "", false
	}
	for _, name := range []string{"error", "errors"} {
		if raw := member(name); raw != nil && speaks(record.DecodeTrusted(raw)) {
			failed = true
		}
	}
	for _, name := range []string{"success", "ok"} {
		failed = failed || string(member(name)) == "false"
	}
	if !failed {
		return "", false
	}
	members := map[string]any{}
	for _, name := range ErrorMembers() {
		if raw := member(name); raw != nil && len(raw) < shownBody {
			members[name] = record.DecodeTrusted(raw)
		}
	}
	if words = said(members, 0); words == "" {
		words = string(member("error")) + string(member("errors"))
	}
	return c.redact(oneLine(words, longestWords)), true
}
