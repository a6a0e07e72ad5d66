package smtp

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"time"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// Config are the arguments of an smtp connection.
type Config struct {
	Host     string             `hcl:"host" doc:"the name or address of the mail server; its certificate must be for it"`
	Port     int                `hcl:"port,optional" doc:"default 587; 465 with tls = \"implicit\", 25 with tls = \"none\""`
	TLS      string             `hcl:"tls,optional" oneof:"starttls implicit none" doc:"starttls: the connection is encrypted before anything is said, or nothing is sent; implicit: from the first byte; none: in the clear, without a password unless it is this machine"`
	Username string             `hcl:"username,optional" doc:"the user to log in as; default: no login"`
	Password connector.Secret   `hcl:"password,optional" doc:"the user's password"`
	From     string             `hcl:"from" doc:"the sender: an address, or a name with an address such as Reception <reception@example.org>"`
	ReplyTo  string             `hcl:"reply_to,optional" doc:"where answers go; default: to the sender"`
	CAFile   string             `hcl:"ca_file,optional" doc:"a PEM file with the certificates of the authorities that the server's certificate may come from, beside those of the machine"`
	Timeout  connector.Duration `hcl:"timeout,optional" doc:"how long connecting may take, and each message"`
	Rate     string             `hcl:"rate,optional" doc:"the most messages in a time, for all that uses the connection: such as 2/s, 30/m, 500/h; default: no bound"`
}

// Validate checks the arguments.
func (c *Config) Validate() error {
	if _, err := httpclient.Limiter(c.Rate); err != nil {
		return err
	}
	switch {
	case c.Host == "":
		return &connector.FieldError{Field: "host", Problem: "is empty"}
	case c.Port < 0 || c.Port > 65535:
		return &connector.FieldError{Field: "port", Problem: "is no port"}
	case c.Timeout < 0:
		return &connector.FieldError{Field: "timeout", Problem: "is negative"}
	case c.TLS == "none" && c.Username != "" && !loopback(c.Host):
		return &connector.FieldError{Field: "tls", Problem: "is none, and the password would travel in the clear", Hint: "use starttls or implicit, or give no username"}
	}
	if _, err := mail.ParseAddress(c.From); err != nil {
		return &connector.FieldError{Field: "from", Problem: fmt.Sprintf("%q is no address", c.From), Hint: "such as reception@example.org or Reception <reception@example.org>"}
	}
	if _, err := mail.ParseAddress(c.ReplyTo); err != nil && c.ReplyTo != "" {
		return &connector.FieldError{Field: "reply_to", Problem: fmt.Sprintf("%q is no address", c.ReplyTo)}
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// port is the port with its default.
func (c *Config) port() int {
	switch {
	case c.Port > 0:
		return c.Port
	case c.TLS == "implicit":
		return 465
	case c.TLS == "none":
		return 25
	}
	return 587
}

// authorities are those that may vouch for the server; nil: those of the
// machine.
func (c *Config) authorities(dir string) (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	path := c.CAFile
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &connector.FieldError{Field: "ca_file", Problem: "can't be read: " + err.Error()}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, &connector.FieldError{Field: "ca_file", Problem: "holds no certificate in PEM"}
	}
	return pool, nil
}

// Kind is the connection kind smtp; it opens a *Client.
func Kind() connector.Kind[any] {
	return connector.Define("smtp", "A mail server that sends what it is given.",
		Config{TLS: "starttls", Timeout: connector.Duration(time.Minute)},
		func(_ context.Context, c Config, env connector.Env) (any, error) { return New(c, env) })
}

// For opens a connection of this kind and gives its client.
func For(ctx context.Context, c connector.Connection) (*Client, error) {
	if c.Get == nil {
		return nil, &connector.FieldError{Field: "connection", Problem: "is missing"}
	}
	opened, err := c.Get(ctx)
	if err != nil {
		return nil, err
	}
	client, ok := opened.(*Client)
	if !ok {
		return nil, errors.New("the connection is no mail server")
	}
	return client, nil
}
