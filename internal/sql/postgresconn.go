package sql

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgConn is a connection to PostgreSQL. Values go both ways in the server's
// own text forms, so that nothing is lost on the way.
type pgConn struct {
	c        *pgconn.PgConn
	title    string
	readOnly bool
	timeout  time.Duration
	types    map[uint32]pgType

	ctx      context.Context // of the transaction
	write    bool
	prepared int   // for the names of statements
	stages   *bool // whether the role may make temporary tables; nil: not asked yet
	merges   int   // upserts that are not tried the short way
}

// lockWait bounds how long a lock is waited for.
const lockWait = 30 * time.Second

// begin fixes the forms of values for the transaction only: a pooler between
// may hand the session to others behind it.
func (p *pgConn) begin(write bool) string {
	s := "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	if write {
		s = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout = " + strconv.FormatInt(lockWait.Milliseconds(), 10)
	}
	if p.timeout > 0 {
		s += "; SET LOCAL statement_timeout = " + strconv.FormatInt(max(1, p.timeout.Milliseconds()), 10)
	}
	return s + "; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'postgres'; SET LOCAL timezone = 'UTC'" +
		"; SET LOCAL extra_float_digits = 3; SET LOCAL client_encoding = 'UTF8'; SET LOCAL xmloption = 'content'; SET LOCAL standard_conforming_strings = on"
}

func (p *pgConn) Begin(ctx context.Context, write bool) error {
	if write && p.readOnly {
		return &Error{Doing: p.doing(), Message: "it was opened for reading only"}
	}
	p.ctx, p.write = ctx, write
	text := p.begin(write)
	if !write {
		// The first query takes the snapshot.
		text += "; SELECT 1"
	}
	err := p.simple(ctx, text)
	if err != nil {
		p.Rollback()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return err
}

func (p *pgConn) doing() string { return fmt.Sprintf("database %q", p.title) }

// simple runs statements without parameters in one round trip.
func (p *pgConn) simple(ctx context.Context, text string) error {
	if _, err := p.c.Exec(ctx, text).ReadAll(); err != nil {
		return p.fail(err)
	}
	return nil
}

// endWait bounds the end of a transaction, which no context interrupts: what
// was cut off could have happened.
const endWait = 5 * time.Minute

func (p *pgConn) ending() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(p.ctx), endWait)
}

func (p *pgConn) Commit() error {
	ctx, cancel := p.ending()
	defer cancel()
	results, err := p.c.Exec(ctx, "COMMIT").ReadAll()
	if err != nil {
		err = p.fail(err)
		p.Rollback()
		return err
	}
	if len(results) == 1 && results[0].CommandTag.String() != "COMMIT" {
		return &Error{Doing: p.doing(), Message: "the transaction was undone by an earlier error"}
	}
	return nil
}

func (p *pgConn) Rollback() {
	if !p.Active() {
		return
	}
	ctx, cancel := p.ending()
	defer cancel()
	// A rollback fails only with its connection, and that undoes as well.
	if p.simple(ctx, "ROLLBACK") != nil {
		_ = p.c.Close(ctx)
	}
}

// Active leaves out a transaction that an error has spoilt: only its end is
// possible.
func (p *pgConn) Active() bool { return !p.c.IsClosed() && p.c.TxStatus() != 'I' }

func (p *pgConn) Savepoint() error { return p.simple(p.ctx, "SAVEPOINT koppel") }

func (p *pgConn) RollbackTo() error {
	return p.simple(p.ctx, "ROLLBACK TO SAVEPOINT koppel; RELEASE SAVEPOINT koppel")
}

func (p *pgConn) Release() error { return p.simple(p.ctx, "RELEASE SAVEPOINT koppel") }

// Current is false after the connection was lost.
func (p *pgConn) Current() bool { return !p.c.IsClosed() }

func (p *pgConn) Exec(query string, args ...Value) error {
	return rows(p, query, args, func(Stmt) {})
}

func (p *pgConn) Prepare(query string) (Stmt, error) {
	p.prepared++
	name := "koppel_" + strconv.Itoa(p.prepared)
	d, err := p.c.Prepare(p.ctx, name, query, nil)
	if err != nil {
		return nil, p.fail(err)
	}
	st := &pgStmt{conn: p, d: d, params: make([][]byte, len(d.ParamOIDs)), bufs: make([][]byte, len(d.ParamOIDs))}
	if st.types, err = p.typesOf(d.Fields); err != nil {
		return nil, err
	}
	return st, nil
}

// closeWait bounds a farewell.
const closeWait = 5 * time.Second

func (p *pgConn) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	// The farewell may fail where the connection is gone already.
	_ = p.c.Close(ctx)
	return nil
}
