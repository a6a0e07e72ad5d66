package smtp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	client "github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/smtp"
	"koppel/internal/sandbox/traffic"
)

func start(t *testing.T) (*smtp.System, *smtp.Server) {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }
	s, err := smtp.New(smtp.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Listen(0, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.CAFile); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file of the authority stays: %v", err)
		}
	})
	return s, v
}

// trust is what a client needs to believe the server.
func trust(t *testing.T, s *smtp.System) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no certificate")
	}
	return &tls.Config{RootCAs: pool, ServerName: s.Host}
}

// dial connects in one of the two ways, and logs in.
func dial(t *testing.T, s *smtp.System, implicit bool) *client.Client {
	t.Helper()
	var c *client.Client
	var err error
	if implicit {
		c, err = client.DialTLS(net.JoinHostPort(s.Host, s.ImplicitPort), trust(t, s))
	} else {
		c, err = client.DialStartTLS(net.JoinHostPort(s.Host, s.Port), trust(t, s))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Auth(sasl.NewPlainClient("", s.Username, s.Password)); err != nil {
		t.Fatal(err)
	}
	return c
}

const invitation = "From: Receptie <receptie@example.org>\r\nTo: =?utf-8?q?=C3=89lo=C3=AFse?= <e@partner.example>\r\nSubject: =?utf-8?b?VWl0bm9kaWdpbmcg4pyT?=\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
	"Welkom =E2=9C=93\r\n--b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:meeting-1\r\n -long\r\nSEQUENCE:3\r\n" +
	"END:VEVENT\r\nEND:VCALENDAR\r\n--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--b--\r\n"

func TestMessages(t *testing.T) {
	s, _ := start(t)
	for _, implicit := range []bool{false, true} {
		c := dial(t, s, implicit)
		if err := c.SendMail(s.From, []string{"e@partner.example"}, strings.NewReader(invitation)); err != nil {
			t.Fatal(err)
		}
	}
	row := s.Data.Rows("messages")[0]
	got := map[string]any{}
	for _, name := range []string{"from", "to", "header_to", "subject", "text", "method", "uid", "sequence", "attachments"} {
		got[name] = row[name]
	}
	want := map[string]any{
		"from": "receptie@example.org", "to": []any{"e@partner.example"}, "header_to": "Éloïse <e@partner.example>", "subject": "Uitnodiging ✓",
		"text": "Welkom ✓", "method": "REQUEST", "uid": "meeting-1-long", "sequence": "3",
		"attachments": []any{map[string]any{"name": "a.csv", "type": "text/csv", "size": 1}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if twice := s.Doubled(); len(twice) != 1 || twice[0] != "e@partner.example: REQUEST meeting-1-long 3" {
		t.Errorf("doubled: %v", twice)
	}
	if effects := s.Traffic.Effects(); len(effects) != 2 || effects[1].Key != "000002" {
		t.Errorf("%+v", effects)
	}
	var text strings.Builder
	if err := s.Listing(&text); err != nil || !strings.Contains(text.String(), "Calendar  REQUEST meeting-1-long, sequence 3") || !strings.Contains(text.String(), "    Welkom ✓") {
		t.Errorf("%v %s", err, text.String())
	}
}

func TestRefusals(t *testing.T) {
	s, v := start(t)
	c := dial(t, s, false)
	for address, want := range map[string]int{"refused@a.example": 550, "Full+1@b.example": 452, "later.x@c.example": 451, "laterx@c.example": 0, "spam@a.example": 554} {
		err := c.SendMail(s.From, []string{address}, strings.NewReader("Subject: x\r\n\r\nx"))
		var e *client.SMTPError
		if got := 0; errors.As(err, &e) && e.Code != want || want == got && err != nil {
			t.Errorf("%s: %v, want %d", address, err, want)
		}
		if err := c.Reset(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Data.Update("refusals", "refused", dataset.Row{"at": "nowhere"}); err != nil {
		t.Fatal(err)
	}
	if err := c.SendMail(s.From, []string{"refused@a.example"}, strings.NewReader("Subject: x\r\n\r\nx")); err != nil {
		t.Error(err)
	}
	if err := c.Mail("someone@example.org", nil); err == nil {
		t.Error("another sender is taken")
	}
	bare, err := client.Dial(net.JoinHostPort(s.Host, s.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	if err := bare.Mail(s.From, nil); err == nil || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("without encryption: %v", err)
	}
	wrong, err := client.DialStartTLS(net.JoinHostPort(s.Host, s.Port), trust(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer wrong.Close()
	if err := wrong.Auth(sasl.NewLoginClient(s.Username, "wrong")); err == nil {
		t.Error("a wrong password is taken")
	}
	if c, err := client.DialStartTLS(net.JoinHostPort(s.Host, s.Port), nil); err == nil {
		if c.Noop() == nil {
			t.Error("a client without the authority believes the server")
		}
		_ = c.Close()
	}
	if err := v.Down(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Dial(net.JoinHostPort(s.Host, s.Port)); err == nil {
		t.Error("it answers while it is down")
	}
	if err := v.Up(); err != nil {
		t.Fatal(err)
	}
	dial(t, s, true)
}

// TestFaults: an answer that is lost leaves the message; one that is refused does
// not.
func TestFaults(t *testing.T) {
	s, _ := start(t)
	for _, one := range []struct {
		fault traffic.Fault
		kept  int
	}{
		{traffic.Fault{Kind: traffic.LostAnswer, Method: "DATA"}, 1},
		{traffic.Fault{Kind: traffic.Refuse, Method: "DATA"}, 1},
		{traffic.Fault{Kind: "451", Method: "DATA"}, 1},
		{traffic.Fault{Kind: "550", Method: "RCPT", Path: "b.example"}, 1},
		{traffic.Fault{Kind: "421", Method: "MAIL"}, 1},
	} {
		if err := s.Traffic.Fail(one.fault); err != nil {
			t.Fatal(err)
		}
		c := dial(t, s, false)
		if err := c.SendMail(s.From, []string{"a@b.example"}, strings.NewReader("Subject: x\r\n\r\nx")); err == nil {
			t.Errorf("%+v: it was sent", one.fault)
		}
		if n := len(s.Data.Rows("messages")); n != one.kept {
			t.Errorf("%+v: %d messages", one.fault, n)
		}
	}
}
