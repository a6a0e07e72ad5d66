package sql

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/text/collate"

	"koppel/engine/connector"
)

// PostgresConfig are the arguments of a postgres connection.
type PostgresConfig struct {
	URL     connector.Secret   `hcl:"url" doc:"postgres://user:password@host:5432/database; behind it, among others, ?sslmode= (default: verify-full, and prefer for loopback and sockets), sslrootcert, search_path, connect_timeout (seconds)"`
	Timeout connector.Duration `hcl:"timeout,optional" doc:"how long one statement may take, a whole read too; default: what the server says"`
}

// Validate checks the form of the URL.
func (c *PostgresConfig) Validate() error {
	if c.Timeout < 0 {
		return &connector.FieldError{Field: "timeout", Problem: "is negative"}
	}
	_, err := readPostgresURL(string(c.URL), "")
	return err
}

// Locate names the table with its schema.
func (c *PostgresConfig) Locate(table string) string {
	p, err := readPostgresURL(string(c.URL), "")
	name, nameErr := postgresDialect{schema: p.schema}.ParseName(table)
	if err != nil || nameErr != nil {
		return ""
	}
	return p.title() + " " + postgresDialect{schema: p.schema}.Identity(name)
}

// PostgresKind is the connection kind postgres; it opens a *DB.
func PostgresKind() connector.Kind[any] {
	return connector.Define("postgres", "A PostgreSQL database. The server's certificate is verified unless the URL says otherwise.", PostgresConfig{},
		func(_ context.Context, c PostgresConfig, env connector.Env) (any, error) {
			return NewPostgres(string(c.URL), env.Dir, time.Duration(c.Timeout))
		})
}

// postgresURL is a URL that was read.
type postgresURL struct {
	config *pgconn.Config
	schema string // that of tables named without one
}

// readPostgresURL adds what the URL leaves open. Its errors do not show the
// URL: a part of the password may stand anywhere in a malformed one.
func readPostgresURL(text, dir string) (postgresURL, error) {
	fail := func(problem string) (postgresURL, error) {
		return postgresURL{schema: "public"}, &connector.FieldError{Field: "url", Problem: problem,
			Hint: "write such as postgres://user:password@db.example:5432/database, with special characters of the password as %XX"}
	}
	u, err := url.Parse(text)
	switch {
	case text == "":
		return fail("is empty")
	case err != nil:
		return fail("is no URL")
	case u.Scheme != "postgres" && u.Scheme != "postgresql":
		return fail("does not start with postgres://")
	}
	// A plus is no blank there: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
	q, err := url.ParseQuery(strings.ReplaceAll(u.RawQuery, "+", "%2B"))
	if err != nil {
		return fail("is no URL")
	}
	host := u.Hostname()
	if host == "" {
		host = q.Get("host")
	}
	if host == "" {
		return fail("names no host")
	}
	if strings.Trim(u.Path, "/") == "" && q.Get("dbname") == "" && q.Get("database") == "" {
		return fail("names no database")
	}
	if q.Get("sslmode") == "" {
		q.Set("sslmode", sslmode(host))
	}
	if root := q.Get("sslrootcert"); root != "" && root != "system" && !filepath.IsAbs(root) {
		q.Set("sslrootcert", filepath.Join(dir, root))
	}
	if q.Get("connect_timeout") == "" {
		q.Set("connect_timeout", "10")
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	config, err := pgconn.ParseConfig(u.String())
	if err != nil {
		return fail("can't be used: " + innermost(err))
	}
	return postgresURL{config, firstSchema(config)}, nil
}

// sslmode is verify-full, but for servers on this machine.
func sslmode(hosts string) string {
	for host := range strings.SplitSeq(hosts, ",") {
		ip := net.ParseIP(host)
		if !strings.HasPrefix(host, "/") && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return "verify-full"
		}
	}
	return "prefer"
}

// innermost gives the words of the error that others wrap, of several those
// of the first.
func innermost(err error) string {
	for {
		next := errors.Unwrap(err)
		if several, ok := err.(interface{ Unwrap() []error }); ok && len(several.Unwrap()) > 0 {
			next = several.Unwrap()[0]
		}
		if next == nil {
			return err.Error()
		}
		err = next
	}
}

// title is host:port/database.
func (p postgresURL) title() string {
	if p.config == nil {
		return ""
	}
	return net.JoinHostPort(p.config.Host, strconv.Itoa(int(p.config.Port))) + "/" + p.config.Database
}

// place is the title and what decides for which schema a name stands.
func (p postgresURL) place() string {
	return fmt.Sprintf("postgres %s %q %q", p.title(), p.config.RuntimeParams["search_path"], p.config.RuntimeParams["options"])
}

// NewPostgres describes the database that a URL names; a certificate file of a
// relative path is looked for in dir. timeout bounds each statement; 0: the
// server does.
func NewPostgres(text, dir string, timeout time.Duration) (*DB, error) {
	p, err := readPostgresURL(text, dir)
	if err != nil {
		return nil, err
	}
	d := postgresDialect{schema: p.schema, folds: &collations{known: map[string]*collate.Collator{}}}
	return &DB{
		Dialect:  d,
		Identity: "postgres " + p.title(),
		Place:    p.place(),
		Open: func(ctx context.Context, access Access) (Conn, error) {
			return openPostgres(ctx, p, access, timeout)
		},
	}, nil
}

func openPostgres(ctx context.Context, p postgresURL, access Access, timeout time.Duration) (Conn, error) {
	config := p.config.Copy()
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "koppel"
	}
	c, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, connectError(p.title(), err)
	}
	return &pgConn{c: c, title: p.title(), ctx: ctx, readOnly: access == Read, timeout: timeout, types: builtinTypes()}, nil
}

// connectError says what a user can do about it.
func connectError(title string, err error) *Error {
	e := &Error{Doing: fmt.Sprintf("connect to database %q", title), Message: innermost(err), Cause: connector.ErrUnreachable}
	var said *pgconn.PgError
	switch {
	case untrusted(err):
		e.Message += "; give the certificate of its authority as sslrootcert=FILE in the connection's url, or the name that the certificate is for as the host"
	case errors.Is(err, context.DeadlineExceeded):
		e.Message = "no answer in time; check host and port in the connection's url, and that the server runs"
	case !errors.As(err, &said):
		e.Message += "; check host, port and sslmode in the connection's url, and that the server runs"
	case strings.HasPrefix(said.Code, "28"):
		e.Message = said.Message + "; check the user and the password in the connection's url"
	case said.Code == "3D000":
		e.Message = said.Message + "; check the name in the connection's url, or make the database"
	default:
		e.Message = said.Message
	}
	return e
}
