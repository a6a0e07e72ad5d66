package alleyoop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"koppel/engine/connector"
)

// List reads the records of an action: JSON objects, as they were answered.
// The answer is the whole list; there are no pages. What is no list of objects
// is an error that wraps connector.ErrIncomplete.
func (c *Client) List(ctx context.Context, a Action, headers []Header) ([]json.RawMessage, error) {
	resp, err := c.do(ctx, call{method: http.MethodGet, action: string(a), headers: headers})
	if err != nil {
		return nil, err
	}
	records, err := objects(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the %s of %s: %w: %w", a, c.Address(), err, connector.ErrIncomplete)
	}
	return records, nil
}

// objects takes a list of objects apart. Each stands on one line.
func objects(body []byte) ([]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, fmt.Errorf("the answer is no list of records")
	}
	list := []json.RawMessage{}
	for d.More() {
		var one json.RawMessage
		if err := d.Decode(&one); err != nil {
			return nil, fmt.Errorf("element %d of the answer is no JSON: it may be cut", len(list)+1)
		}
		if len(one) == 0 || one[0] != '{' {
			return nil, fmt.Errorf("element %d of the answer is no object", len(list)+1)
		}
		var line bytes.Buffer
		if err := json.Compact(&line, one); err != nil {
			return nil, fmt.Errorf("element %d of the answer is no JSON", len(list)+1)
		}
		list = append(list, line.Bytes())
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("the list does not end: the answer is cut")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the list")
	}
	return list, nil
}
