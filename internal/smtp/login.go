package smtp

import (
	"errors"
	"slices"

	gosmtp "github.com/wneessen/go-mail/smtp"

	"koppel/engine/connector"
)

// A login proves who the client is in the best of the ways that the server
// offers. The connection is encrypted by then, or is one to this machine:
// Config.Validate sees to that.
type login struct {
	username string
	password connector.Secret
	host     string
	chosen   gosmtp.Auth
}

// Start chooses the way and begins it.
func (l *login) Start(server *gosmtp.ServerInfo) (string, []byte, error) {
	password := string(l.password)
	switch offers := func(name string) bool { return slices.Contains(server.Auth, name) }; {
	case offers("SCRAM-SHA-256"):
		l.chosen = gosmtp.ScramSHA256Auth(l.username, password)
	case offers("PLAIN"):
		l.chosen = gosmtp.PlainAuth("", l.username, password, l.host, true)
	case offers("LOGIN"):
		l.chosen = gosmtp.LoginAuth(l.username, password, l.host, true)
	case offers("CRAM-MD5"):
		l.chosen = gosmtp.CRAMMD5Auth(l.username, password)
	default:
		return "", nil, errors.New("the mail server offers no way to log in with a password")
	}
	return l.chosen.Start(server)
}

// Next answers what the server asks.
func (l *login) Next(asked []byte, more bool) ([]byte, error) { return l.chosen.Next(asked, more) }
