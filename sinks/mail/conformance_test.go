package mail_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/internal/sandbox/dataset"
	office "koppel/internal/sandbox/smtp"
	"koppel/internal/smtp"
	sink "koppel/sinks/mail"
)

// serve runs a mail server until the test ends, and gives a connection to it,
// which is not open.
func serve(t testing.TB, o office.Options) (*office.System, *office.Server, connector.Connection) {
	t.Helper()
	o.Now = time.Now
	s, err := office.New(o)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Listen(0, t.TempDir()+"/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	port, err := strconv.Atoi(s.Port)
	if err != nil {
		t.Fatal(err)
	}
	return s, v, connector.Connection{Address: "connection.smtp.mail", Kind: "smtp", Config: &smtp.Config{
		Host: s.Host, Port: port, TLS: "starttls", Username: s.Username, Password: connector.Secret(s.Password),
		From: "Receptie <" + s.From + ">", CAFile: s.CAFile, Timeout: connector.Duration(10 * time.Second),
	}}
}

// letterTo is the mail to a person of the suite.
func letterTo(address, text string) string {
	return fmt.Sprintf(`{"subject":"Welkom","text":%q,"to":%q}`, text, address)
}

func mapped(person string) string {
	id, _ := record.Text(record.Member([]byte(person), "id"))
	return letterTo(id+"@example.org", "of "+id)
}

// TestConformance kills between deliveries only: a mail server can't be asked
// what it has taken, so that a message whose answer was lost stays in doubt.
func TestConformance(t *testing.T) {
	shape := record.Shape{Pipeline: "pipeline.mail"}
	for _, name := range []string{"subject", "text", "to"} {
		shape.Fields = append(shape.Fields, record.Field{Name: name, Send: true})
	}
	connectortest.Sink(t, connectortest.SinkSuite{
		Kind: sink.Kind(), Shape: &shape, Mapped: mapped,
		Setup: func(t testing.TB) connectortest.Target {
			s, _, c := serve(t, office.Options{})
			return connectortest.Target{
				Config: &sink.Config{Connection: c}, Env: connector.Env{Dir: t.TempDir()}, Canaries: []string{s.Password},
				Rows: func(testing.TB) []string {
					var list []string
					for _, m := range s.Data.Rows("messages") {
						list = append(list, letterTo(m["to"].([]any)[0].(string), strings.TrimSpace(dataset.Text(m["text"]))))
					}
					return list
				},
				Refuse: func(t testing.TB, id string) {
					if _, err := s.Data.Insert("refusals", dataset.Row{"local": id, "code": 550, "text": "5.1.1 Unknown"}); err != nil {
						t.Fatal(err)
					}
				},
			}
		},
	})
}
