package mail_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/smtp"
	sink "koppel/sinks/mail"
)

// python finds one that has the package icalendar.
func python(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(program, "-c", "import icalendar").Run() == nil {
			return program
		}
	}
	missing(t, "no Python with icalendar found; install the package python3-icalendar")
	return ""
}

// readElsewhere gives what another parser makes of a message.
func readElsewhere(t *testing.T, program string, raw []byte) (said map[string]any) {
	t.Helper()
	cmd := exec.Command(program, "testdata/read.py")
	var out, problems bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(raw), &out, &problems
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s\n%s", err, problems.String(), raw)
	}
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		t.Fatal(err)
	}
	return said
}

// through opens the sink over a connection.
func through(t *testing.T, config smtp.Config) connector.Sink {
	t.Helper()
	client, err := smtp.New(config, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	s, err := sink.Kind().Open(t.Context(), &sink.Config{Connection: connector.Connection{Get: func(context.Context) (any, error) { return client, nil }}}, connector.Env{
		Dir: t.TempDir(), Now: func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }, Shape: record.Shape{Pipeline: "pipeline.visitors", Open: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.(interface{ Close() error }).Close() })
	return s
}

// TestServer sends an invitation, a change and a cancellation through a mail
// server that was made elsewhere; what it delivers is read by parsers that were
// made elsewhere too.
func TestServer(t *testing.T) {
	program, x := python(t), startExim(t)
	s := through(t, x.connection())
	long := strings.Replace(visit, "Uitnodiging: ✓ bezoek", "Uitnodiging: "+strings.Repeat("✓ bezoek van leveranciers, ", 6)+"einde", 1)
	later := strings.Replace(long, "10:30", "11:30", 1)
	change := record.Change{Op: record.Create, Key: "k1", After: []byte(long)}
	const subject = "Uitnodiging: ✓ bezoek van leveranciers, ✓ bezoek van leveranciers, ✓ bezoek van leveranciers, ✓ bezoek van leveranciers, ✓ bezoek van leveranciers, ✓ bezoek van leveranciers, einde"
	invitation := map[string]any{
		"subject": subject, "from": []any{[]any{"Receptie", "receptie@example.org"}}, "to": []any{[]any{`Jansen, dr. "Jip"`, "jip.jansen@blinkend.example"}},
		"reply_to": []any{"balie@example.org"}, "defects": []any{}, "parts": []any{"text/plain", "text/html", "text/calendar"},
		"text/plain": "Welkom ✓", "text/html": "<p>Welkom &amp; tot ziens</p>",
		"calendar": map[string]any{
			"method": "REQUEST", "parameter": "REQUEST", "uid": "u-1", "sequence": 217501200.0, "status": "CONFIRMED", "summary": "Bezoek, leverancier", "location": "Zaal Biesbosch; 1e",
			"start": "2026-11-24T10:00:00+01:00", "end": "2026-11-24T11:30:00+01:00", "zone": "Europe/Amsterdam", "zones": []any{"Europe/Amsterdam"},
			"organizer": []any{"Noor van Bedacht", "mailto:n.vanbedacht@example.org"}, "attendees": []any{[]any{"Jansen, dr. 'Jip'", "mailto:jip.jansen@blinkend.example"}},
		},
	}
	send := func(want map[string]any) {
		t.Helper()
		out, err := s.Write(t.Context(), []record.Change{change})
		if err != nil || out[0].Status != connector.Applied {
			t.Fatalf("%+v %v", out, err)
		}
		change.Answer = out[0].Answer
		raw := x.mails(1)[0]
		if !bytes.Contains(raw, []byte("Envelope-to: jip.jansen@blinkend.example\n")) || bytes.Contains(raw, []byte("Subject:\n")) {
			t.Errorf("%s", raw)
		}
		if diff := cmp.Diff(want, readElsewhere(t, program, raw)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	send(invitation)
	calendar := invitation["calendar"].(map[string]any)
	change.Op, change.Before, change.After = record.Update, []byte(long), []byte(later)
	calendar["end"], calendar["sequence"] = "2026-11-24T12:30:00+01:00", 217501201.0
	send(invitation)
	change.Op, change.Before, change.After = record.Delete, []byte(later), nil
	invitation["subject"], invitation["parts"] = "Cancelled: "+subject, []any{"text/plain", "text/calendar"}
	invitation["text/plain"] = "Cancelled: " + subject
	delete(invitation, "text/html")
	calendar["method"], calendar["parameter"], calendar["status"], calendar["sequence"] = "CANCEL", "CANCEL", "CANCELLED", 217501202.0
	send(invitation)
}

// TestServerRefuses: a recipient whom a real server refuses is a refusal in its
// words, and nobody gets that message; the next one goes over the same
// connection. Encryption is verified, and a login that fails stops all.
func TestServerRefuses(t *testing.T) {
	x := startExim(t)
	s := through(t, x.connection())
	write := func(s connector.Sink, to string) (connector.Outcome, error) {
		out, err := s.Write(t.Context(), []record.Change{{Op: record.Create, Key: record.Key(to), After: []byte(`{"subject":"x","text":"y","to":` + to + `}`)}})
		return out[0], err
	}
	out, err := write(s, `["good@example.org","refused@example.org"]`)
	if err != nil || out.Status != connector.Refused || out.Message != "refused@example.org: 550 5.1.1 The mailbox does not exist" {
		t.Errorf("%+v %v", out, err)
	}
	if out, err := write(s, `"good@example.org"`); err != nil || out.Status != connector.Applied {
		t.Errorf("%+v %v", out, err)
	}
	if raw := x.mails(1)[0]; !bytes.Contains(raw, []byte("Envelope-to: good@example.org\n")) {
		t.Errorf("%s", raw)
	}
	for name, spoil := range map[string]func(*smtp.Config){
		"another authority": func(c *smtp.Config) { c.CAFile = "" },
		"another name":      func(c *smtp.Config) { c.Host = "localhost" },
		"another password":  func(c *smtp.Config) { c.Password = "wrong" },
		"in the clear":      func(c *smtp.Config) { c.TLS = "none" },
		"implicit, another authority": func(c *smtp.Config) {
			c.TLS, c.Port, c.CAFile = "implicit", x.implicit, ""
		},
	} {
		c := x.connection()
		spoil(&c)
		if out, err := write(through(t, c), `"good@example.org"`); out.Status != connector.NotSent || !errors.Is(err, connector.ErrUnreachable) {
			t.Errorf("%s: %+v %v", name, out, err)
		}
	}
	c := x.connection()
	c.TLS, c.Port = "implicit", x.implicit
	if out, err := write(through(t, c), `"good@example.org"`); err != nil || out.Status != connector.Applied {
		t.Errorf("implicit: %+v %v", out, err)
	}
	x.mails(1)
}
