package mail_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/sandbox/dataset"
	office "koppel/internal/sandbox/smtp"
	"koppel/internal/sandbox/traffic"
	"koppel/internal/smtp"
	sink "koppel/sinks/mail"
)

// A desk sends through a mail server of its own.
type desk struct {
	connector.Sink
	*office.System
	server *office.Server
	t      *testing.T
	dir    string
	clock  time.Time
}

// text is a template without names but {record.subject}.
type text string

func (s text) Source() string { return string(s) }

func (s text) Fill(values func(string) (any, bool)) (string, error) {
	v, ok := values("record.subject")
	if !ok {
		return "", errors.New("no subject")
	}
	return strings.ReplaceAll(string(s), "{record.subject}", v.(string)), nil
}

func open(t *testing.T, change func(*smtp.Config, *sink.Config)) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir(), clock: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	var c connector.Connection
	d.System, d.server, c = serve(t, office.Options{})
	config, own := c.Config.(*smtp.Config), sink.Config{}
	if change != nil {
		change(config, &own)
	}
	client, err := smtp.New(*config, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	c.Get = func(context.Context) (any, error) { return client, nil }
	own.Connection = c
	d.Sink, err = sink.Kind().Open(t.Context(), &own, connector.Env{
		Dir: d.dir, Now: func() time.Time { return d.clock }, Shape: record.Shape{Pipeline: "pipeline.visitors", Open: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Sink.(interface{ Close() error }).Close() })
	return d
}

// one delivers one change.
func (d *desk) one(c record.Change) (connector.Outcome, error) {
	d.t.Helper()
	if c.Key == "" {
		c.Key = "k1"
	}
	out, err := d.Write(d.t.Context(), []record.Change{c})
	if len(out) != 1 {
		d.t.Fatalf("%d outcomes: %v", len(out), err)
	}
	return out[0], err
}

func (d *desk) create(body string) connector.Outcome {
	d.t.Helper()
	out, err := d.one(record.Change{Op: record.Create, After: []byte(body)})
	if err != nil {
		d.t.Fatal(err)
	}
	return out
}

func (d *desk) messages() []dataset.Row { return d.Data.Rows("messages") }

const visit = `{"calendar":{"end":"2026-11-24T10:30:00Z","location":"Zaal Biesbosch; 1e","organizer":{"name":"Noor van Bedacht","address":"n.vanbedacht@example.org"},"start":"2026-11-24T09:00:00Z","summary":"Bezoek, leverancier","uid":"u-1","zone":"Europe/Amsterdam"},"html":"<p>Welkom &amp; tot ziens</p>","subject":"Uitnodiging: ✓ bezoek","text":"Welkom ✓","to":{"name":"Jansen, dr. \"Jip\"","address":"jip.jansen@blinkend.example"}}`

// TestInvitations: an invitation, a change and a cancellation of one meeting.
func TestInvitations(t *testing.T) {
	d := open(t, func(c *smtp.Config, own *sink.Config) {
		c.ReplyTo = "balie@example.org"
		own.UpdateSubject, own.CancelSubject, own.CancelHTML = text("Gewijzigd: {record.subject}"), text("Geannuleerd: {record.subject}"), text("<p>{record.subject}</p>")
	})
	first := d.create(visit)
	later := strings.Replace(visit, "10:30", "11:30", 1)
	second, err := d.one(record.Change{Op: record.Update, Before: []byte(visit), After: []byte(later), Answer: first.Answer})
	if err != nil {
		t.Fatal(err)
	}
	d.clock = d.clock.Add(time.Hour)
	third, err := d.one(record.Change{Op: record.Delete, Before: []byte(later), Answer: second.Answer})
	if err != nil || third.Status != connector.Applied {
		t.Fatalf("%+v %v", third, err)
	}
	var got []string
	for _, m := range d.messages() {
		got = append(got, fmt.Sprintf("%v %v %v | %v | %v | %v", m["method"], m["uid"], m["sequence"], m["subject"], m["reply_to"], m["header_to"]))
	}
	const to = `| <balie@example.org> | "Jansen, dr. \"Jip\"" <jip.jansen@blinkend.example>`
	sequence := int(d.clock.Add(-time.Hour).Sub(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)) / time.Second)
	want := []string{
		fmt.Sprintf("REQUEST u-1 %d | Uitnodiging: ✓ bezoek %s", sequence, to),
		fmt.Sprintf("REQUEST u-1 %d | Gewijzigd: Uitnodiging: ✓ bezoek %s", sequence+1, to),
		fmt.Sprintf("CANCEL u-1 %d | Geannuleerd: Uitnodiging: ✓ bezoek %s", sequence+3600, to),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if html := strings.TrimSpace(dataset.Text(d.messages()[2]["html"])); html != "<p>Uitnodiging: ✓ bezoek</p>" {
		t.Errorf("the cancellation says %q", html)
	}
	raw := dataset.Text(d.messages()[0]["raw"])
	for _, line := range strings.Split(raw, "\r\n") {
		if len(line) > 78 || strings.Contains(line, "\n") {
			t.Errorf("a line of %d bytes: %q", len(line), line)
		}
	}
	if !strings.Contains(raw, "Auto-Submitted: auto-generated\r\n") || !strings.Contains(raw, "Date: Sun, 22 Nov 2026 09:00:00 +0000\r\n") {
		t.Errorf("%s", raw)
	}
}

func TestLetters(t *testing.T) {
	d := open(t, nil)
	if err := os.WriteFile(filepath.Join(d.dir, "route.txt"), []byte("links af"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := d.create(`{"attachments":["route.txt"],"html":null,"subject":"Regel 1\r\nBcc: x@example.org","text":"a\n.\nb","to":["a@example.org","B <b@example.org>","A@Example.org"]}`)
	if out.Status != connector.Applied {
		t.Fatalf("%+v", out)
	}
	m := d.messages()[0]
	want := map[string]any{
		"subject": "Regel 1 Bcc: x@example.org", "to": []any{"a@example.org", "b@example.org"}, "text": "a\r\n.\r\nb", "html": nil, "method": nil,
		"attachments": []any{map[string]any{"name": "route.txt", "type": "text/plain; charset=utf-8", "size": 8}},
	}
	got := map[string]any{}
	for name := range want {
		got[name] = m[name]
	}
	if list, _ := got["attachments"].([]any); len(list) == 1 {
		list[0].(map[string]any)["type"] = "text/plain; charset=utf-8"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if out, err := d.one(record.Change{Op: record.Delete, Before: []byte(`{"subject":"x","text":"y","to":"a@example.org"}`)}); err != nil || out.Status != connector.Applied || len(d.messages()) != 1 {
		t.Errorf("a delete without a calendar: %+v %v", out, err)
	}
}

// TestRefused: what can't be sent is refused with words that say why, nothing
// goes to anybody, and the next message is sent over the same connection.
func TestRefused(t *testing.T) {
	d := open(t, nil)
	calendar := func(members string) string {
		return `{"subject":"x","to":"a@example.org","calendar":{` + members + `}}`
	}
	for body, want := range map[string]string{
		`{"subject":"x","text":"y","to":["good@example.org","refused@example.org"]}`: "refused@example.org: 550 5.1.1",
		`{"subject":"x","text":"y","to":"full@example.org"}`:                         "452",
		`{"subject":"x","text":"y","to":"spam@example.org"}`:                         "taken for spam",
		`{"subject":"x","text":"y","to":"no address"}`:                               "is no address",
		`{"subject":"x","text":"y","to":"é@example.org"}`:                            "character",
		`{"subject":"x","text":"y","to":[]}`:                                         "to: it is empty",
		`{"subject":"x","text":"y"}`:                                                 "to: it is empty",
		`{"subject":" \n","text":"y","to":"a@example.org"}`:                          "subject is empty",
		`{"subject":"x","to":"a@example.org"}`:                                       "text, html and calendar are empty",
		`{"subject":1,"text":"y","to":"a@example.org"}`:                              "subject is a number",
		`{"subject":"x","text":"y","to":"a@example.org","attachments":["../x"]}`:     "attach ../x",
		calendar(`"start":"2026-11-24T09:00:00"`):                                    "neither an offset nor a zone",
		calendar(`"start":"tomorrow"`):                                               "no date and time",
		calendar(`"start":"2026-11-24T09:00:00Z","end":"2026-11-24T08:00:00Z"`):      "end is not after start",
		calendar(`"start":"2026-11-24","end":"2026-11-24T08:00:00Z"`):                "not both dates",
		calendar(`"start":"2026-11-24","zone":"Mars/Olympus"`):                       "IANA",
		calendar(`"start":"2026-11-24","begin":"x"`):                                 "unknown field",
	} {
		out := d.create(body)
		if out.Status != connector.Refused || !strings.Contains(out.Message, want) {
			t.Errorf("%s: %+v", body, out)
		}
	}
	if n := len(d.messages()); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
	for name, c := range map[string][3]string{
		"uid":         {visit, strings.Replace(visit, `"u-1"`, `"u-2"`, 1), "calendar.uid has changed"},
		"recipient":   {visit, strings.Replace(visit, "jip.jansen", "jip", 1), "no longer in to"},
		"no calendar": {visit, `{"subject":"x","text":"y","to":"jip.jansen@blinkend.example"}`, "calendar is empty now"},
	} {
		out, err := d.one(record.Change{Op: record.Update, Before: []byte(c[0]), After: []byte(c[1])})
		if err != nil || out.Status != connector.Refused || !strings.Contains(out.Message, c[2]) {
			t.Errorf("%s: %+v %v", name, out, err)
		}
	}
	if out := d.create(visit); out.Status != connector.Applied || d.Traffic.Counts().Action["AUTH receptie"] != 1 {
		t.Errorf("%+v %v", out, d.Traffic.Counts().Action)
	}
}

// TestFaults: what became of a message is known by the step that failed.
func TestFaults(t *testing.T) {
	for name, one := range map[string]struct {
		fault  traffic.Fault
		status connector.Status
		stops  bool
		kept   int
	}{
		"the answer is lost":      {traffic.Fault{Kind: traffic.LostAnswer, Method: "DATA"}, connector.Unknown, false, 1},
		"broken at the end":       {traffic.Fault{Kind: traffic.Refuse, Method: "DATA"}, connector.Unknown, false, 0},
		"refused at the end":      {traffic.Fault{Kind: "554", Method: "DATA"}, connector.Refused, false, 0},
		"greylisted":              {traffic.Fault{Kind: "451", Method: "RCPT"}, connector.Refused, false, 0},
		"broken at the recipient": {traffic.Fault{Kind: traffic.Refuse, Method: "RCPT"}, connector.NotSent, true, 0},
		"leaving":                 {traffic.Fault{Kind: "421", Method: "RCPT"}, connector.NotSent, true, 0},
		"the sender is refused":   {traffic.Fault{Kind: "553", Method: "MAIL"}, connector.NotSent, true, 0},
		"the password is refused": {traffic.Fault{Kind: "535", Method: "AUTH", Times: 2}, connector.NotSent, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, nil)
			if err := d.Traffic.Fail(one.fault); err != nil {
				t.Fatal(err)
			}
			out, err := d.one(record.Change{Op: record.Create, After: []byte(visit)})
			if out.Status != one.status || (err != nil) != one.stops || one.stops != errors.Is(err, connector.ErrUnreachable) || len(d.messages()) != one.kept {
				t.Errorf("%+v, %v, %d messages", out, err, len(d.messages()))
			}
			d.Traffic.Heal()
			if out := d.create(strings.Replace(visit, "jip.jansen", "other", 1)); out.Status != connector.Applied {
				t.Errorf("the next one: %+v", out)
			}
			if strings.Contains(fmt.Sprint(out, err), d.Password) {
				t.Errorf("the password is told: %+v %v", out, err)
			}
		})
	}
}

// TestReconnect: a connection that has ended between two messages is made anew.
func TestReconnect(t *testing.T) {
	d := open(t, nil)
	d.create(visit)
	if err := d.server.Down(); err != nil {
		t.Fatal(err)
	}
	out, err := d.one(record.Change{Op: record.Create, After: []byte(visit)})
	if out.Status != connector.NotSent || !errors.Is(err, connector.ErrUnreachable) {
		t.Errorf("while it is down: %+v %v", out, err)
	}
	if err := d.server.Up(); err != nil {
		t.Fatal(err)
	}
	d.create(visit)
	if err := d.server.Down(); err != nil {
		t.Fatal(err)
	}
	if err := d.server.Up(); err != nil {
		t.Fatal(err)
	}
	if out := d.create(visit); out.Status != connector.Applied || len(d.messages()) != 3 {
		t.Errorf("%+v, %d messages", out, len(d.messages()))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if out, err := d.Write(ctx, []record.Change{{Op: record.Create, Key: "k", After: []byte(visit)}}); !errors.Is(err, context.Canceled) || out[0].Status != connector.NotSent {
		t.Errorf("cancelled: %+v %v", out, err)
	}
}

// TestEncryption: both ways are verified, and nothing is said without.
func TestEncryption(t *testing.T) {
	for name, one := range map[string]struct {
		change func(*office.System, *smtp.Config)
		good   bool
	}{
		"implicit":                    {func(s *office.System, c *smtp.Config) { c.TLS, c.Port = "implicit", atoi(t, s.ImplicitPort) }, true},
		"starttls":                    {func(*office.System, *smtp.Config) {}, true},
		"starttls, unknown authority": {func(_ *office.System, c *smtp.Config) { c.CAFile = "" }, false},
		"implicit, unknown authority": {func(s *office.System, c *smtp.Config) {
			c.TLS, c.Port, c.CAFile = "implicit", atoi(t, s.ImplicitPort), ""
		}, false},
		"another name": {func(_ *office.System, c *smtp.Config) { c.Host = "127.0.0.2" }, false},
		"in the clear": {func(_ *office.System, c *smtp.Config) { c.TLS = "none" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, c := serve(t, office.Options{})
			config := c.Config.(*smtp.Config)
			one.change(s, config)
			client, err := smtp.New(*config, connector.Env{})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if err := client.Check(t.Context()); (err == nil) != one.good || err != nil && !errors.Is(err, connector.ErrUnreachable) {
				t.Errorf("%v", err)
			}
		})
	}
}

func atoi(t *testing.T, s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
