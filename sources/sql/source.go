package sql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sql"
)

// source is an opened sql source.
type source struct {
	config Config
	db     *sql.DB
	env    connector.Env
}

// Place names the database.
func (s *source) Place() string { return s.db.Place }

// chunk is how many bytes of records are handed over at once.
const chunk = 256 << 10

// maxRepeats bounds how often a read starts over.
const maxRepeats = 3

// Read reads the one partition "" in one snapshot. Where the connection is lost
// or the database gives the snapshot up, it starts over: what was handed over
// until then does not count.
func (s *source) Read(ctx context.Context, out connector.Reader) error {
	return sql.Repeat(ctx, maxRepeats, func() error { return s.read(ctx, out) })
}

func (s *source) read(ctx context.Context, out connector.Reader) error {
	err := s.snapshot(ctx, func(conn sql.Conn) error {
		earlier, err := s.begin(out)
		if err != nil {
			return err
		}
		p, err := s.plan(conn, earlier)
		if err != nil {
			return err
		}
		defer p.stmt.Close()
		highest := slices.Clone(earlier)
		if len(highest) == 0 {
			highest = make([]sql.Value, len(p.cursor))
		}
		if err := p.read(ctx, out, highest); err != nil {
			return err
		}
		return out.End("", encodeCursor(highest), p.covers)
	})
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Check opens the database and prepares the query.
func (s *source) Check(ctx context.Context) error {
	return sql.Repeat(ctx, maxRepeats, func() error {
		return s.snapshot(ctx, func(conn sql.Conn) error {
			p, err := s.plan(conn, nil)
			if err != nil {
				return err
			}
			return p.stmt.Close()
		})
	})
}

func (s *source) snapshot(ctx context.Context, f func(sql.Conn) error) (err error) {
	conn, err := s.db.Open(ctx, sql.Read)
	if err != nil {
		return sql.Named(s.config.Connection, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if err := conn.Begin(ctx, false); err != nil {
		return err
	}
	defer conn.Rollback()
	return f(conn)
}

// begin starts the partition and gives the cursor to go on from. One that
// can't be read makes it a full read.
func (s *source) begin(out connector.Reader) ([]sql.Value, error) {
	if s.config.Incremental == nil {
		_, err := out.Begin("", connector.Full)
		return nil, err
	}
	c, err := out.Begin("", connector.WholeDelta)
	if err != nil || len(c) == 0 {
		return nil, err
	}
	earlier, ok := decodeCursor(c, len(s.config.Incremental.Cursor))
	if !ok {
		_, err = out.Begin("", connector.Full)
	}
	return earlier, err
}

// A plan is a prepared query and what to make of its columns.
type plan struct {
	stmt    sql.Stmt
	columns []sql.Column
	names   [][]byte // each column's name as the start of a member
	cursor  []int    // columns of the cursor fields
	covers  connector.Interval
	title   string
}

func (s *source) plan(conn sql.Conn, earlier []sql.Value) (*plan, error) {
	from, err := s.bounds(earlier)
	if err != nil {
		return nil, err
	}
	var p *plan
	var args []sql.Value
	if s.config.Table != "" {
		p, args, err = s.planTable(conn, from)
	} else {
		p, args, err = s.planQuery(conn, from)
	}
	if err != nil {
		return nil, err
	}
	for i, v := range args {
		p.stmt.Bind(i+1, v)
	}
	if err := s.name(p); err != nil {
		return nil, errors.Join(err, p.stmt.Close())
	}
	return p, nil
}

// planTable selects all columns. A delta read takes the rows in which any
// cursor field lies at or above its bound: rows of the same moment may have
// been written after the last read.
func (s *source) planTable(conn sql.Conn, from []sql.Value) (*plan, []sql.Value, error) {
	d := s.db.Dialect
	name, err := d.ParseName(s.config.Table)
	if err != nil {
		return nil, nil, &connector.FieldError{Field: "table", Problem: err.Error()}
	}
	t, err := d.Describe(conn, name)
	if err != nil {
		return nil, nil, err
	}
	if t == nil {
		return nil, nil, fmt.Errorf("read table %q: there is no such table", s.config.Table)
	}
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	text := sql.Select(d, t, names, nil)
	var terms []string
	var args []sql.Value
	for i, v := range from {
		field := s.config.Incremental.Cursor[i]
		if t.Column(field) == nil {
			return nil, nil, fmt.Errorf("read table %q: it has no column %q, which cursor names", s.config.Table, field)
		}
		if v.Kind != sql.Null {
			args = append(args, s.moment(v))
			terms = append(terms, d.Quote(field)+" >= "+d.Placeholder(len(args)))
		}
	}
	if len(terms) > 0 && len(terms) == len(from) {
		text += " WHERE " + strings.Join(terms, " OR ")
	} else {
		args = nil
	}
	st, err := conn.Prepare(text)
	return &plan{stmt: st, columns: t.Columns, title: fmt.Sprintf("table %q", s.config.Table)}, args, err
}

func (s *source) planQuery(conn sql.Conn, from []sql.Value) (*plan, []sql.Value, error) {
	q := sql.ParseQuery(s.config.Query, s.db.Dialect.Syntax(), s.db.Dialect.Placeholder)
	p := &plan{title: "query"}
	args, err := s.arguments(p, q, from)
	if err != nil {
		return nil, nil, err
	}
	p.columns, err = s.db.Dialect.Result(conn, q.Text, q.Without)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare query: %w", err)
	}
	if p.stmt, err = conn.Prepare(q.Text); err != nil {
		return nil, nil, fmt.Errorf("prepare query: %w", err)
	}
	if p.stmt.Columns() != len(p.columns) {
		return nil, nil, errors.Join(errors.New("prepare query: its columns can't be told"), p.stmt.Close())
	}
	return p, args, nil
}

// arguments gives the values of a query's placeholders.
func (s *source) arguments(p *plan, q sql.Query, from []sql.Value) ([]sql.Value, error) {
	params, err := s.config.params()
	if err != nil {
		return nil, err
	}
	var window connector.Interval
	if s.env.Window != nil {
		window.From, window.To = s.env.Window()
	}
	args := make([]sql.Value, len(q.Names))
	for i, name := range q.Names {
		v, given := params[name]
		field := s.config.cursorField(name)
		switch {
		case field >= 0 && field < len(from) && from[field].Kind != sql.Null:
			args[i] = s.moment(from[field])
		case field >= 0:
			args[i] = s.db.Dialect.Lowest(q.InFunction[i])
		case given:
			if args[i], err = sql.FromAny(v); err != nil {
				return nil, fmt.Errorf("bind :%s: %w", name, err)
			}
			if args[i], err = s.db.Dialect.Fit(&sql.Column{}, args[i]); err != nil {
				return nil, fmt.Errorf("bind :%s: %w", name, err)
			}
		case s.env.Window == nil:
			return nil, &connector.FieldError{Field: "query", Problem: fmt.Sprintf("uses :%s, and there is no window block", name)}
		case name == "from":
			args[i], p.covers.From = s.moment(side(window.From, "0000-01-01T00:00:00Z")), window.From
		default:
			args[i], p.covers.To = s.moment(side(window.To, "9999-12-31T23:59:59Z")), window.To
		}
	}
	return args, nil
}

// moment writes a date-time as the database reads it.
func (s *source) moment(v sql.Value) sql.Value {
	if d, ok := s.db.Dialect.(interface{ Moment(sql.Value) sql.Value }); ok {
		return d.Moment(v)
	}
	return v
}

// side is one side of the window; an open one lies beyond all dates.
func side(text, open string) sql.Value {
	if text == "" {
		text = open
	}
	return sql.Value{Kind: sql.Text, Text: []byte(text)}
}

// name prepares the members' names, and finds the cursor's columns.
func (s *source) name(p *plan) error {
	place := map[string]int{}
	for i, c := range p.columns {
		if _, twice := place[c.Name]; twice || duplicate(c.Name, place) {
			return fmt.Errorf("read %s: two columns are named %q; give one another name with AS", p.title, strings.SplitN(c.Name, ":", 2)[0])
		}
		place[c.Name] = i
		p.names = append(p.names, append(record.AppendString([]byte{','}, c.Name), ':'))
	}
	p.names[0][0] = '{'
	for _, k := range s.env.Key {
		if _, ok := place[k]; !ok && !strings.ContainsAny(k, ".[") {
			return fmt.Errorf("read %s: it has no column %q, which key names", p.title, k)
		}
	}
	if s.config.Incremental == nil {
		return nil
	}
	for _, field := range s.config.Incremental.Cursor {
		i, ok := place[field]
		if !ok {
			return fmt.Errorf("read %s: it has no column %q, which cursor names", p.title, field)
		}
		p.cursor = append(p.cursor, i)
	}
	return nil
}

// duplicate tells whether the database made name out of one that is there
// already, by a colon and a number.
func duplicate(name string, place map[string]int) bool {
	i := strings.LastIndexByte(name, ':')
	if i < 0 || strings.Trim(name[i+1:], "0123456789") != "" {
		return false
	}
	_, ok := place[name[:i]]
	return ok
}
