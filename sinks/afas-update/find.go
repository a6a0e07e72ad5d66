package afasupdate

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/afas"
)

// Find looks each change up by its key.
func (f finder) Find(ctx context.Context, batch []record.Change) ([]connector.Found, error) {
	out := make([]connector.Found, len(batch))
	for i := range batch {
		rows, err := f.lookup(ctx, batch[i].Key)
		if err != nil {
			return nil, err
		}
		out[i].N = len(rows)
		if len(rows) > 0 {
			out[i].Key, out[i].Row, out[i].Answer = batch[i].Key, rows[0], f.answerOf(rows[0])
		}
	}
	return out, nil
}

// lookup gives the rows of AFAS that have a key; none without find.
func (s *sink) lookup(ctx context.Context, key record.Key) ([][]byte, error) {
	f := s.config.Find
	if f == nil {
		return nil, nil
	}
	parts := key.Parts()
	if len(parts) != len(f.Key) {
		return nil, fmt.Errorf("look for the record in GetConnector %q: find.key names %d columns, and the key has %d parts", f.Connector, len(f.Key), len(parts))
	}
	var and []afas.Condition
	for i, part := range parts {
		if strings.HasSuffix(part, "Z") {
			part = afas.FilterTime(part)
		}
		and = append(and, afas.Condition{Field: f.Key[i], Op: "=", Value: part})
	}
	page, err := s.client.Rows(ctx, f.Connector, afas.Query{Filter: afas.Or{and}, OrderBy: f.Key, Take: 10}, nil)
	if err != nil {
		return nil, fmt.Errorf("look for the record in GetConnector %q: %w", f.Connector, err)
	}
	var rows [][]byte
	for _, line := range page.Rows {
		if err := record.Valid(line, record.Limits{}); err != nil {
			return nil, fmt.Errorf("look for the record in GetConnector %q: %w", f.Connector, err)
		}
		// AFAS does not tell capitals apart, and keys are told apart by them.
		all := true
		for i, part := range parts {
			all = all && same(record.Member(line, f.Key[i]), record.AppendString(nil, part))
		}
		if all {
			rows = append(rows, bytes.Clone(line))
		}
	}
	return rows, nil
}
