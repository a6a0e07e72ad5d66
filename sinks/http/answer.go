package http

import (
	"bytes"
	"fmt"
	"strings"

	"koppel/engine/record"
	"koppel/internal/httpclient"
	"koppel/internal/xmlrecord"
)

// decodeAnswer decodes the body of an answer: JSON, or XML whose root element
// is what programs see.
func decodeAnswer(body []byte, mediaType string) (any, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if len(body) == 0 || body[0] != '<' {
		v, err := record.Decode(body)
		if err != nil {
			return nil, fmt.Errorf("it is no JSON: %w", err)
		}
		return v, nil
	}
	out, err := selected(body, mediaType, "/*")
	if err != nil {
		return nil, err
	}
	return out[0], nil
}

// selected decodes what an XPath selects in an XML answer.
func selected(body []byte, mediaType, path string) ([]any, error) {
	parsed, err := xmlrecord.Parse(path, nil)
	if err != nil {
		return nil, err
	}
	text, err := xmlrecord.Decode(body, mediaType)
	if err != nil {
		return nil, err
	}
	lines, err := xmlrecord.All(text, xmlrecord.Options{Path: parsed})
	if err != nil {
		return nil, fmt.Errorf("it is not the XML that is due: %w", err)
	}
	var list []any
	for line := range bytes.Lines(lines) {
		v, err := record.Decode(line)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// errorInside finds what an answer with a status of success says that failed.
// A member that the sink sends itself may be an echo.
func (s *sink) errorInside(c *record.Change, body []byte) (words string, failed bool) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if record.KindOf(body) != record.Object || record.Valid(body, record.Limits{Size: httpclient.DefaultLimit}) != nil {
		return "", false
	}
	return s.client.ErrorInside(func(name string) []byte {
		if c != nil && record.Member(c.After, name) != nil {
			return nil
		}
		return record.Member(body, name)
	})
}

// isPage tells whether an answer is a web page, which says nothing of a change:
// it asks to sign in, for one.
func isPage(resp *httpclient.Response) bool {
	start := bytes.ToLower(bytes.TrimSpace(resp.Body[:min(len(resp.Body), 512)]))
	return strings.Contains(resp.Header.Get("Content-Type"), "text/html") && len(start) > 0 ||
		bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}
