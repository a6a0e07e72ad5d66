package http

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"koppel/engine/record"
	"koppel/internal/httpclient"
	"koppel/internal/xmlrecord"
)

// decodeAnswer decodes the body of an answer: JSON, or XML whose root element
// is what programs see.
func decodeAnswer(body []byte) (any, error) {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if len(body) == 0 || body[0] != '<' {
		v, err := record.Decode(body)
		if err != nil {
			return nil, fmt.Errorf("it is no JSON: %w", err)
		}
		return v, nil
	}
	root, err := xmlrecord.Parse("/*", nil)
	if err != nil {
		return nil, err
	}
	var out []byte
	err = xmlrecord.Read(bufio.NewReader(bytes.NewReader(body)), xmlrecord.Options{Path: root}, func(lines []byte) error {
		out = append(out, lines...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("it is no XML: %w", err)
	}
	return record.Decode(out)
}

// isPage tells whether an answer is a web page, which says nothing of a change:
// it asks to sign in, for one.
func isPage(resp *httpclient.Response) bool {
	start := bytes.ToLower(bytes.TrimSpace(resp.Body[:min(len(resp.Body), 512)]))
	return strings.Contains(resp.Header.Get("Content-Type"), "text/html") && len(start) > 0 ||
		bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}
