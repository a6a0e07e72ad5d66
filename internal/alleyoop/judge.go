package alleyoop

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"koppel/internal/httpclient"
)

// judge tells an error inside an answer that says it is none, and a refusal of
// the API key by another status than 401.
func judge(resp *httpclient.Response) httpclient.Verdict {
	var v httpclient.Verdict
	body := bytes.TrimSpace(resp.Body)
	switch {
	case resp.Status == http.StatusForbidden || resp.Status == http.StatusBadRequest:
		v.Credentials = aboutKey(string(body))
	case resp.Status < 300 && len(body) > 0 && body[0] == '{':
		v.Words, v.Failed = saidError(body)
		v.Credentials = v.Failed && aboutKey(v.Words)
	}
	return v
}

// aboutKey tells whether words are about the API key.
func aboutKey(words string) bool {
	folded := strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(words))
	return strings.Contains(folded, "apikey")
}

// saidError finds the error that an object tells instead of a result.
func saidError(body []byte) (words string, failed bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return "", false
	}
	for name, raw := range members {
		switch strings.ToLower(name) {
		case "error", "errors", "fault", "exception", "errormessage", "errorcode":
			if told := textOf(raw); told != "" {
				words, failed = told, true
			}
		case "success", "ok":
			failed = failed || string(raw) == "false"
		case "status":
			failed = failed || strings.EqualFold(textOf(raw), "error")
		}
	}
	if message := textOf(members["message"]); failed && message != "" {
		words = message
	}
	return words, failed
}

// textOf is a text, or what another value but null, false and nothing says.
func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return strings.TrimSpace(text)
	}
	switch compact := strings.Join(strings.Fields(string(raw)), ""); compact {
	case "", "null", "false", "[]", "{}", "0":
		return ""
	}
	var object struct{ Message, Description, Error string }
	if json.Unmarshal(raw, &object) == nil {
		for _, s := range []string{object.Message, object.Description, object.Error} {
			if s != "" {
				return s
			}
		}
	}
	return string(raw)
}
