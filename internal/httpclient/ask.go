package httpclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"koppel/engine/connector"
)

// longestAnswer bounds the answer to one question of a lookup, in bytes.
const longestAnswer = 16 << 20

// withheld stands for a question that holds something sensitive.
const withheld = "(a question with something sensitive in it)"

// Ask asks a question of a lookup, which is a read whatever its method. A
// status of 404 or 410 says that there is nothing.
func (c *Client) Ask(ctx context.Context, q connector.Question) ([]byte, error) {
	r := &Request{
		Method: q.Method, Path: q.Path, Query: url.Values{}, Header: http.Header{}, Body: q.Body, ContentType: q.Type,
		Repeat: Always, Expect: JSONOrEmpty, Limit: longestAnswer,
	}
	for _, p := range q.Query {
		r.Query.Add(p.Name, p.Value)
	}
	for _, p := range q.Headers {
		r.Header.Set(p.Name, p.Value)
	}
	if q.Sensitive {
		r.Title = withheld
	}
	resp, err := c.Do(ctx, r)
	var failed *Error
	switch {
	case err == nil && len(resp.Body) == 0:
		return nil, nil
	case err == nil:
		return resp.Body, nil
	case !errors.As(err, &failed):
		return nil, err
	case failed.Status == http.StatusNotFound || failed.Status == http.StatusGone:
		return nil, fmt.Errorf("%w: %w", connector.ErrNone, err)
	case failed.Refused():
		return nil, fmt.Errorf("%w: %w", connector.ErrRefused, err)
	}
	return nil, err
}
