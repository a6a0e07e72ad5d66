package smtp

import (
	"context"
	"crypto/subtle"
	"io"
	"strings"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// A session is one connection of a client.
type session struct {
	s     *System
	conn  *smtp.Conn
	known bool
	from  string
	to    []string
}

func (s *System) session(c *smtp.Conn) (smtp.Session, error) { return &session{s: s, conn: c}, nil }

// do counts a command and answers it: serve gives what refuses it.
func (n *session) do(command, path string, serve func(*traffic.Exchange) *smtp.SMTPError) error {
	var refused *smtp.SMTPError
	status := n.s.Traffic.Do(context.Background(), command, path, func(x *traffic.Exchange) {
		if refused = serve(x); refused != nil {
			x.WriteHeader(refused.Code)
			return
		}
		x.WriteHeader(250)
	})
	switch {
	case status == 0:
		_ = n.conn.Conn().Close() // the client hears of nothing
		return io.ErrUnexpectedEOF
	case refused != nil && refused.Code == status:
		return refused
	case status >= 400:
		return reply(status, "")
	}
	return nil
}

// reply is a refusal; a text may begin with an enhanced code of its own.
func reply(code int, text string) *smtp.SMTPError {
	if text == "" {
		text = "The command is refused"
	}
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.NoEnhancedCode, Message: text}
}

// AuthMechanisms lists what a client may prove itself with.
func (n *session) AuthMechanisms() []string { return []string{sasl.Plain, sasl.Login} }

// Auth begins a proof.
func (n *session) Auth(mechanism string) (sasl.Server, error) {
	check := func(username, password string) error {
		return n.do("AUTH", username, func(*traffic.Exchange) *smtp.SMTPError {
			same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
			if n.known = same(username, n.s.Username) && same(password, n.s.Password); !n.known {
				return reply(535, "5.7.8 Authentication credentials invalid")
			}
			return nil
		})
	}
	if mechanism == sasl.Login {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, username, password string) error { return check(username, password) }), nil
}

// Mail begins a message.
func (n *session) Mail(from string, _ *smtp.MailOptions) error {
	return n.do("MAIL", from, func(*traffic.Exchange) *smtp.SMTPError {
		if _, encrypted := n.conn.TLSConnectionState(); !encrypted && !n.s.o.Plain {
			return reply(530, "5.7.0 Must issue a STARTTLS command first")
		}
		if !n.known {
			return reply(530, "5.7.0 Authentication required")
		}
		if !strings.EqualFold(from, n.s.From) {
			return reply(553, "5.7.1 The sender address is not owned by the user "+n.s.Username)
		}
		n.from = from
		return nil
	})
}

// Rcpt takes a recipient, or refuses it.
func (n *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	return n.do("RCPT", to, func(*traffic.Exchange) *smtp.SMTPError {
		if e := n.refusal(to, ""); e != nil {
			return e
		}
		n.to = append(n.to, to)
		return nil
	})
}

func (n *session) refusal(to, at string) *smtp.SMTPError {
	if row := n.s.refusal(to, at); row != nil {
		return reply(int(row["code"].(int64)), dataset.Text(row["text"]))
	}
	return nil
}

// Data takes the message; it is kept before the client hears of it.
func (n *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return n.do("DATA", strings.Join(n.to, ","), func(x *traffic.Exchange) *smtp.SMTPError {
		for _, to := range n.to {
			if e := n.refusal(to, "data"); e != nil {
				return e
			}
		}
		if err := n.s.keep(x, n.from, n.to, raw); err != nil {
			return reply(451, "4.3.0 "+err.Error())
		}
		return nil
	})
}

// Reset drops what was begun.
func (n *session) Reset() { n.from, n.to = "", nil }

// Logout ends the connection.
func (n *session) Logout() error { return nil }

// A loginServer speaks LOGIN, which asks for the name and then the password.
type loginServer struct {
	check func(username, password string) error
	asked int
	name  string
}

// Next answers one step of the client.
func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	l.asked++
	switch {
	case l.asked == 1 && response == nil:
		return []byte("Username:"), false, nil
	case l.name == "":
		l.name = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.name, string(response))
}
