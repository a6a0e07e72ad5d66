package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/time/rate"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// A Client sends messages through one mail server, over one connection that
// stays open between them. It is safe for concurrent use.
type Client struct {
	c             Config
	from, replyTo *mail.Address // replyTo is nil where there is none
	config        *tls.Config
	limit         *rate.Limiter

	mu   sync.Mutex
	open *gomail.Client // nil: there is no connection
	conn net.Conn       // of open
}

// New makes the client of a mail server. Nothing is connected yet.
func New(c Config, env connector.Env) (*Client, error) {
	if c.Username != "" && c.Password == "" {
		return nil, &connector.FieldError{Field: "password", Problem: "is empty"}
	}
	pool, err := c.authorities(env.Dir)
	if err != nil {
		return nil, err
	}
	client := &Client{c: c, config: &tls.Config{ServerName: c.Host, RootCAs: pool, MinVersion: tls.VersionTLS12}}
	if client.limit, err = httpclient.Limiter(c.Rate); err != nil {
		return nil, err
	}
	if client.from, err = mail.ParseAddress(c.From); err != nil {
		return nil, &connector.FieldError{Field: "from", Problem: "is no address"}
	}
	if c.ReplyTo != "" {
		if client.replyTo, err = mail.ParseAddress(c.ReplyTo); err != nil {
			return nil, &connector.FieldError{Field: "reply_to", Problem: "is no address"}
		}
	}
	return client, nil
}

// From is the sender of all messages.
func (c *Client) From() *mail.Address { return c.from }

// ReplyTo is where answers go; nil: to the sender.
func (c *Client) ReplyTo() *mail.Address { return c.replyTo }

// Identity names the server and the sender.
func (c *Client) Identity() string {
	return fmt.Sprintf("smtp %s from %s", net.JoinHostPort(strings.ToLower(c.c.Host), strconv.Itoa(c.c.port())), strings.ToLower(c.from.Address))
}

// Close ends the connection.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hangUp()
	return nil
}

// Check connects and logs in.
func (c *Client) Check(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dial(ctx)
}

// Send sends one message to all of its recipients, or to none of them. An error
// is an *Error, or that of the context while nothing was sent yet.
func (c *Client) Send(ctx context.Context, m *gomail.Msg) error {
	if err := c.limit.Wait(ctx); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for fresh := false; ; fresh = true {
		if err := ctx.Err(); err != nil {
			return err
		}
		fresh = fresh || c.open == nil
		if err := c.dial(ctx); err != nil {
			return err
		}
		err := c.open.Send(m)
		if err == nil || m.IsDelivered() {
			return nil
		}
		said := judge(err)
		if said.Fate != Refused {
			c.hangUp()
		}
		// A connection that has ended meanwhile is made anew: nothing was said.
		var sent *gomail.SendError
		if idle := errors.As(err, &sent) && sent.Reason == gomail.ErrConnCheck; !idle || fresh {
			return said
		}
	}
}

// dial connects and logs in, unless there is a connection.
func (c *Client) dial(ctx context.Context) error {
	if c.open != nil {
		return nil
	}
	timeout := time.Duration(c.c.Timeout)
	options := []gomail.Option{
		gomail.WithPort(c.c.port()), gomail.WithTimeout(timeout), gomail.WithTLSConfig(c.config), gomail.WithoutRset(),
		gomail.WithTLSPolicy(gomail.TLSMandatory), gomail.WithDialContextFunc(c.connect),
	}
	if c.c.TLS != "starttls" { // the connection is encrypted already, or never
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if c.c.TLS == "implicit" {
		options = append(options, gomail.WithSSL())
	}
	if c.c.Username != "" {
		options = append(options, gomail.WithSMTPAuthCustom(&login{username: c.c.Username, password: c.c.Password, host: c.c.Host}))
	}
	open, err := gomail.NewClient(c.c.Host, options...)
	if err != nil {
		return &Error{Fate: NotSent, Words: "the connection can't be set up: " + err.Error()}
	}
	if err := open.DialWithContext(ctx); err != nil {
		c.hangUp()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		words := strings.ReplaceAll(err.Error(), string(c.c.Password), "…")
		if c.c.Password == "" {
			words = err.Error()
		}
		return &Error{Fate: NotSent, Words: fmt.Sprintf("connect to the mail server %s: %s", net.JoinHostPort(c.c.Host, strconv.Itoa(c.c.port())), words)}
	}
	c.open = open
	return nil
}

// connect makes the connection and keeps it, to cut it without a word where one
// could be taken for the end of a message.
func (c *Client) connect(ctx context.Context, network, address string) (net.Conn, error) {
	var conn net.Conn
	var err error
	if c.c.TLS == "implicit" {
		conn, err = (&tls.Dialer{Config: c.config}).DialContext(ctx, network, address)
	} else {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
	}
	if err == nil {
		c.conn = conn
	}
	return conn, err
}

// hangUp cuts the connection.
func (c *Client) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close() // there is nothing left to lose
	}
	c.open, c.conn = nil, nil
}
