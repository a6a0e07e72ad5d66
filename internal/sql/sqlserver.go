package sql

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"koppel/engine/connector"
)

// SQLServerConfig are the arguments of a sqlserver connection.
type SQLServerConfig struct {
	URL     connector.Secret   `hcl:"url" doc:"sqlserver://user:password@host:1433?database=name, a named instance as a path; the server's certificate is verified but on loopback; options as Microsoft's driver knows them"`
	Timeout connector.Duration `hcl:"timeout,optional" doc:"how long one statement may take, a whole read too; default: no bound"`
}

// Validate checks the form of the address, where it is known.
func (c *SQLServerConfig) Validate() error {
	if c.Timeout < 0 {
		return &connector.FieldError{Field: "timeout", Problem: "is negative"}
	}
	if c.URL == "" {
		return nil
	}
	_, err := parseSQLServer(string(c.URL))
	return err
}

// Locate names server, database and table; it is empty while the address is not
// known.
func (c *SQLServerConfig) Locate(table string) string {
	settings, err := parseSQLServer(string(c.URL))
	if err != nil {
		return ""
	}
	name, err := sqlserverDialect{}.ParseName(table)
	if err != nil {
		return ""
	}
	return sqlserverIdentity(settings) + " " + sqlserverDialect{}.Identity(name)
}

// SQLServerKind is the connection kind sqlserver; it opens a *DB.
func SQLServerKind() connector.Kind[any] {
	return connector.Define("sqlserver", "A Microsoft SQL Server or Azure SQL database.", SQLServerConfig{},
		func(_ context.Context, c SQLServerConfig, _ connector.Env) (any, error) {
			if c.URL == "" {
				return nil, &connector.FieldError{Field: "url", Problem: "is empty"}
			}
			return NewSQLServer(string(c.URL), 30*time.Second, time.Duration(c.Timeout))
		})
}

// NewSQLServer describes the database at address, a sqlserver:// URL. wait
// bounds how long a lock is waited for, timeout how long a statement takes; 0:
// nothing does.
func NewSQLServer(address string, wait, timeout time.Duration) (*DB, error) {
	settings, err := parseSQLServer(address)
	if err != nil {
		return nil, err
	}
	identity := sqlserverIdentity(settings)
	return &DB{
		Dialect:  sqlserverDialect{},
		Identity: identity,
		Place:    identity,
		Open: func(ctx context.Context, access Access) (Conn, error) {
			conn := &sqlserverConn{connect: mssql.NewConnectorConfig(settings), title: strings.TrimPrefix(identity, "sqlserver "),
				wait: wait, timeout: timeout}
			if err := conn.dial(ctx); err != nil {
				return nil, err
			}
			return conn, nil
		},
	}, nil
}

func sqlserverIdentity(c msdsn.Config) string {
	host := strings.ToLower(c.Host)
	if c.Instance != "" {
		host += "/" + strings.ToLower(c.Instance)
	} else {
		port := c.Port
		if port == 0 {
			port = 1433
		}
		host = net.JoinHostPort(host, fmt.Sprint(port))
	}
	return "sqlserver " + host + "/" + c.Database
}

// parseSQLServer reads an address. No message holds a part of it.
func parseSQLServer(address string) (msdsn.Config, error) {
	bad := func(problem string) error {
		return &connector.FieldError{Field: "url", Problem: problem, Hint: "write sqlserver://user:password@host:1433?database=name, with special characters of the password as %xx"}
	}
	u, err := url.Parse(address)
	if err != nil {
		return msdsn.Config{}, bad("is no URL")
	}
	if u.Scheme != "sqlserver" {
		return msdsn.Config{}, bad("does not start with sqlserver://")
	}
	q := u.Query()
	if !q.Has("encrypt") {
		q.Set("encrypt", "true")
		if loopback(u.Hostname()) && !q.Has("TrustServerCertificate") {
			q.Set("TrustServerCertificate", "true")
		}
	}
	if !q.Has("app name") {
		q.Set("app name", "koppel")
	}
	u.RawQuery = q.Encode()
	c, err := msdsn.Parse(u.String())
	if err != nil {
		return msdsn.Config{}, bad("has options that the driver does not take")
	}
	if c.Database == "" {
		return msdsn.Config{}, bad("names no database: add ?database=name")
	}
	return c, nil
}
