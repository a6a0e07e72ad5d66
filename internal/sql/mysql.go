package sql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"koppel/engine/connector"
)

// MySQLConfig are the arguments of a mysql connection.
type MySQLConfig struct {
	URL     connector.Secret   `hcl:"url" doc:"mysql://user:password@host:3306/database; options behind ?: tls = true, false or skip-verify (default: verified, off on loopback and sockets), ca_file, socket, timeout = 10s (for connecting). Also for MariaDB"`
	Timeout connector.Duration `hcl:"timeout,optional" doc:"how long one statement may take, a whole read too (MySQL: statements that read); default: what the server says"`
}

// Validate checks the form of the address, where it is known.
func (c *MySQLConfig) Validate() error {
	if c.Timeout < 0 {
		return &connector.FieldError{Field: "timeout", Problem: "is negative"}
	}
	if c.URL == "" {
		return nil
	}
	_, _, err := parseMySQL(string(c.URL))
	return err
}

// Locate names server, database and table; it is empty while the address is not
// known.
func (c *MySQLConfig) Locate(table string) string {
	settings, _, err := parseMySQL(string(c.URL))
	if err != nil {
		return ""
	}
	d := newMySQLDialect(settings.DBName)
	name, err := d.ParseName(table)
	if err != nil {
		return ""
	}
	return "mysql " + settings.Addr + " " + d.Identity(name)
}

// MySQLKind is the connection kind mysql, for MySQL and MariaDB; it opens a
// *DB.
func MySQLKind() connector.Kind[any] {
	return connector.Define("mysql", "A MySQL or MariaDB database.", MySQLConfig{},
		func(_ context.Context, c MySQLConfig, env connector.Env) (any, error) {
			if c.URL == "" {
				return nil, &connector.FieldError{Field: "url", Problem: "is empty"}
			}
			return NewMySQL(string(c.URL), env.Dir, lockWait, time.Duration(c.Timeout))
		})
}

// NewMySQL describes the database at address, a mysql:// URL; a certificate file
// of a relative path is looked for in dir. wait bounds how long a lock is waited
// for, in whole seconds, timeout how long a statement takes; 0: the server does.
func NewMySQL(address, dir string, wait, timeout time.Duration) (*DB, error) {
	c, ca, err := parseMySQL(address)
	if err != nil {
		return nil, err
	}
	if c.TLS != nil && ca != "" {
		if c.TLS.RootCAs, err = certificates(ca, dir); err != nil {
			return nil, &connector.FieldError{Field: "url", Problem: err.Error()}
		}
	}
	connect, err := mysql.NewConnector(c)
	if err != nil {
		return nil, &connector.FieldError{Field: "url", Problem: "can't be used: " + err.Error()}
	}
	title := c.Addr + "/" + c.DBName
	return &DB{
		Dialect:  newMySQLDialect(c.DBName),
		Identity: "mysql " + c.Addr,
		Place:    "mysql " + title,
		Open: func(ctx context.Context, access Access) (Conn, error) {
			conn := &mysqlConn{connect: connect, title: title, write: access != Read, wait: wait, timeout: timeout, connecting: c.Timeout, columns: map[string]int{}}
			if err := conn.dial(ctx); err != nil {
				return nil, err
			}
			return conn, nil
		},
	}, nil
}

// parseMySQL turns an address into the driver's settings, and gives the file of
// the authorities' certificates. No message holds a part of the address.
func parseMySQL(address string) (settings *mysql.Config, ca string, err error) {
	bad := func(format string, args ...any) (*mysql.Config, string, error) {
		return nil, "", &connector.FieldError{Field: "url", Problem: fmt.Sprintf(format, args...), Hint: "write mysql://user:password@host:3306/database, with special characters of the password as %xx"}
	}
	u, err := url.Parse(address)
	if err != nil {
		return bad("is no URL")
	}
	if u.Scheme != "mysql" && u.Scheme != "mariadb" {
		return bad("does not start with mysql://")
	}
	c := mysql.NewConfig()
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	c.DBName = strings.TrimPrefix(u.Path, "/")
	if c.DBName == "" || strings.Contains(c.DBName, "/") {
		return bad("names no database behind the host")
	}
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "localhost"
	}
	if port == "" {
		port = "3306"
	}
	c.Net, c.Addr = "tcp", net.JoinHostPort(strings.ToLower(host), port)
	if ca, err = mysqlOptions(c, u, host); err != nil {
		return bad("%v", err)
	}
	c.ClientFoundRows, c.Logger, c.MaxAllowedPacket = true, &mysql.NopLogger{}, 0
	return c, ca, c.Apply(mysql.Charset("utf8mb4", ""))
}

// mysqlOptions reads what stands behind the question mark.
func mysqlOptions(c *mysql.Config, u *url.URL, host string) (ca string, err error) {
	options, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", errors.New("has options that can't be read")
	}
	c.Timeout = 10 * time.Second
	mode := ""
	for name, values := range options {
		value := values[len(values)-1]
		switch name {
		case "tls":
			mode = value
		case "ca_file":
			ca = value
		case "socket":
			c.Net, c.Addr = "unix", value
		case "timeout":
			if c.Timeout, err = time.ParseDuration(value); err != nil || c.Timeout <= 0 {
				return "", errors.New("has a timeout that is no duration such as 10s")
			}
		default:
			return "", fmt.Errorf("has an unknown option %q", name)
		}
	}
	if mode == "" {
		mode = "true"
		if ca == "" && (c.Net == "unix" || loopback(host)) {
			mode = "false"
		}
	}
	c.TLS, err = tlsSettings(mode, host)
	return ca, err
}

// loopback tells whether host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// tlsSettings verify the server's name and chain; nil: no TLS.
func tlsSettings(mode, host string) (*tls.Config, error) {
	switch mode {
	case "false":
		return nil, nil
	case "true", "skip-verify":
		return &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: mode == "skip-verify"}, nil
	}
	return nil, errors.New("has a tls that is none of true, false and skip-verify")
}

// certificates reads a file of authorities' certificates.
func certificates(file, dir string) (*x509.CertPool, error) {
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("has a ca_file that can't be read: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("has a ca_file that holds no certificate")
	}
	return pool, nil
}
