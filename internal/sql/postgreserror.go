package sql

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"koppel/engine/connector"
)

// fail keeps the server's own words and says what they mean. The detail of an
// error is left out: it holds values of rows.
func (p *pgConn) fail(err error) *Error {
	e := &Error{Doing: p.doing(), Message: innermost(err)}
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		switch {
		case p.ctx.Err() != nil:
			e.Cause = p.ctx.Err()
		case errors.Is(err, context.Canceled):
			e.Cause = context.Canceled
		case p.c.IsClosed():
			e.Message = "the connection was lost: " + e.Message
			e.Cause = errors.Join(ErrTransient, connector.ErrUnreachable)
		}
		return e
	}
	e.Message = said.Message
	p.classify(e, said)
	return e
}

// classify goes by https://www.postgresql.org/docs/current/errcodes-appendix.html
func (p *pgConn) classify(e *Error, said *pgconn.PgError) {
	switch said.Code {
	case "40001", "40P01":
		e.Cause = ErrTransient
	case "57P01", "57P02", "57P03", "57P05", "25P03", "25P04":
		e.Cause = errors.Join(ErrTransient, connector.ErrUnreachable)
	case "57014":
		if p.ctx.Err() != nil {
			e.Cause = p.ctx.Err()
		} else if strings.Contains(said.Message, "timeout") {
			e.Message += timeoutAdvice
		}
	case "55P03":
		e.Message += " (another program holds it, waited " + lockWait.String() + ")"
	case "23505":
		e.Refused, e.Constraint = true, Unique
		e.Columns = detailColumns(said)
	case "23503", "23P01":
		e.Refused, e.Constraint = true, ForeignKey
	case "42501":
		e.Refused = strings.Contains(said.Message, "row-level security")
	case "21000", "44000", "54000", "P0001", "P0004":
		e.Refused = true
	default:
		switch class := said.Code[:min(2, len(said.Code))]; class {
		case "22", "23":
			e.Refused = true
		case "08":
			e.Cause = errors.Join(ErrTransient, connector.ErrUnreachable)
		case "28":
			e.Cause = connector.ErrUnreachable
		}
	}
}

// detailColumns reads the columns out of a detail such as
// Key (tenant, email)=(acme, x) already exists.
func detailColumns(said *pgconn.PgError) []string {
	_, rest, ok := strings.Cut(said.Detail, "(")
	names, _, closed := strings.Cut(rest, ")=(")
	if !ok || !closed {
		return nil
	}
	var columns []string
	for name := range strings.SplitSeq(names, ", ") {
		columns = append(columns, said.TableName+"."+strings.ReplaceAll(strings.Trim(name, `"`), `""`, `"`))
	}
	return columns
}
