package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"koppel/engine/record"
)

const (
	pageSize    = 8192
	writerCache = 13 << 10 // KiB
	readerCache = 4 << 10  // KiB
	// busyWait bounds the wait for another process's transaction, scrubWait
	// that for readers who stand in the way of a scrub.
	busyWait  = time.Minute
	scrubWait = time.Second
)

// A conn is one connection with its prepared statements. Statements are taken
// and given back, so that a query may run inside the iteration of the same
// query.
type conn struct {
	*sqlite.Conn
	idle map[string][]*sqlite.Stmt
	busy map[*sqlite.Stmt]string
	puts int // items put in this transaction

	putItem, putRecent itemPut
	spread             spread
}

func newConn(path string, flags sqlite.OpenFlags, pragmas ...string) (*conn, error) {
	db, err := sqlite.OpenConn(path, flags)
	if err != nil {
		return nil, problem("open", err)
	}
	db.SetBusyTimeout(busyWait)
	c := &conn{Conn: db, idle: map[string][]*sqlite.Stmt{}, busy: map[*sqlite.Stmt]string{}}
	for _, p := range pragmas {
		if err := c.pragma(p); err != nil {
			return nil, errors.Join(problem("open", err), c.close())
		}
	}
	return c, nil
}

func writerPragmas() []string {
	return []string{
		fmt.Sprintf("page_size=%d", pageSize),
		"journal_mode=WAL",
		"synchronous=FULL",
		fmt.Sprintf("cache_size=-%d", writerCache),
		"temp_store=MEMORY",
		// 64 MB: each checkpoint costs three calls of fsync.
		"wal_autocheckpoint=8000",
		fmt.Sprintf("journal_size_limit=%d", 64<<20),
		"trusted_schema=OFF",
		"cell_size_check=ON",
	}
}

func readerPragmas() []string {
	return []string{
		"query_only=ON",
		fmt.Sprintf("cache_size=-%d", readerCache),
		"temp_store=MEMORY",
		"trusted_schema=OFF",
		"cell_size_check=ON",
	}
}

func (c *conn) pragma(p string) error {
	return sqlitex.ExecuteTransient(c.Conn, "PRAGMA "+p, nil)
}

// pragmaInt reads a pragma whose value is one integer.
func (c *conn) pragmaInt(p string) (n int64, err error) {
	err = sqlitex.ExecuteTransient(c.Conn, "PRAGMA "+p, &sqlitex.ExecOptions{
		ResultFunc: func(st *sqlite.Stmt) error { n = st.ColumnInt64(0); return nil },
	})
	return n, err
}

func (c *conn) close() error {
	c.SetInterrupt(nil)
	c.settle()
	for _, stmts := range c.idle {
		for _, st := range stmts {
			_ = st.Finalize() // reports the last step's error again
		}
	}
	c.idle = nil
	c.putItem.close()
	c.putRecent.close()
	return c.Conn.Close()
}

// take gives a prepared statement that no one else uses.
func (c *conn) take(query string) (*sqlite.Stmt, error) {
	if free := c.idle[query]; len(free) > 0 {
		st := free[len(free)-1]
		c.idle[query] = free[:len(free)-1]
		c.busy[st] = query
		return st, nil
	}
	st, _, err := c.PrepareTransient(query)
	if err != nil {
		return nil, err
	}
	c.busy[st] = query
	return st, nil
}

// give takes a statement back, unless settle already has.
func (c *conn) give(st *sqlite.Stmt) {
	query, ok := c.busy[st]
	if !ok {
		return
	}
	_ = st.Reset() // reports the last step's error again
	delete(c.busy, st)
	c.idle[query] = append(c.idle[query], st)
}

// settle takes all statements back: those of abandoned iterations too.
func (c *conn) settle() {
	for st := range c.busy {
		c.give(st)
	}
}

// exec runs a statement that gives no rows.
func (c *conn) exec(query string, args ...any) error {
	return c.each(query, args, func(*sqlite.Stmt) error { return nil })
}

// each runs a query and hands over each row.
func (c *conn) each(query string, args []any, row func(*sqlite.Stmt) error) error {
	st, err := c.take(query)
	if err != nil {
		return err
	}
	defer c.give(st)
	bind(st, args)
	for {
		more, err := st.Step()
		if err != nil || !more {
			return err
		}
		if err := row(st); err != nil {
			return err
		}
	}
}

// bind sets the parameters of a statement. Empty bytes and zero times have
// one form each: NULL and 0.
func bind(st *sqlite.Stmt, args []any) {
	for i, a := range args {
		switch v := a.(type) {
		case int64:
			st.BindInt64(i+1, v)
		case int:
			st.BindInt64(i+1, int64(v))
		case uint64:
			st.BindInt64(i+1, int64(v))
		case bool:
			st.BindBool(i+1, v)
		case string:
			st.BindText(i+1, v)
		case record.Key:
			st.BindBytes(i+1, unsafeBytes(string(v)))
		case blob:
			st.BindBytes(i+1, v)
		case []byte:
			bindBytes(st, i+1, v)
		case time.Time:
			st.BindInt64(i+1, millis(v))
		default:
			panic(fmt.Sprintf("bind a %T", a))
		}
	}
}

// A blob is bound as it is, also when it is empty.
type blob []byte

func bindBytes(st *sqlite.Stmt, i int, b []byte) {
	if len(b) == 0 {
		st.BindNull(i)
		return
	}
	st.BindBytes(i, b)
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// within makes what runs on c stop when ctx ends.
func (c *conn) within(ctx context.Context) { c.SetInterrupt(ctx.Done()) }
