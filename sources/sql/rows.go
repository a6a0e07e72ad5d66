package sql

import (
	"context"
	"fmt"

	"koppel/engine/connector"
	"koppel/internal/sql"
)

// read hands over all rows and raises highest to the highest cursor values. A
// driver may go on giving rows that it holds when the context has ended.
func (p *plan) read(ctx context.Context, out connector.Reader, highest []sql.Value) error {
	buf := make([]byte, 0, chunk+chunk/4)
	for n := 1; ; n++ {
		row, err := p.stmt.Step()
		if err != nil {
			return fmt.Errorf("read %s: %w", p.title, err)
		}
		if !row {
			break
		}
		if buf, err = p.appendRow(buf, n); err != nil {
			return err
		}
		for i, c := range p.cursor {
			highest[i] = higher(highest[i], p.stmt.Column(c))
		}
		if len(buf) >= chunk {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("read %s: %w", p.title, err)
			}
			if err := out.Records("", 0, buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	if len(buf) == 0 {
		return nil
	}
	return out.Records("", 0, buf)
}

func (p *plan) appendRow(buf []byte, n int) ([]byte, error) {
	for i := range p.columns {
		buf = append(buf, p.names[i]...)
		v := p.stmt.Column(i)
		if v.Kind == sql.Integer && p.columns[i].Boolean && (v.Int == 0 || v.Int == 1) {
			v.Kind = sql.Bool
		}
		var ok bool
		if buf, ok = sql.AppendJSON(buf, v); !ok {
			return buf, fmt.Errorf("read %s: row %d: column %q %s", p.title, n, p.columns[i].Name, unfit(v.Kind))
		}
	}
	return append(buf, '}', '\n'), nil
}

func unfit(k sql.Kind) string {
	switch k {
	case sql.Blob:
		return "holds bytes (BLOB), which no record can carry; leave it out, or convert it in the query"
	case sql.Real:
		return "holds NaN or an infinite number, which no record can carry; convert it in the query"
	}
	return "holds text that is not UTF-8"
}
