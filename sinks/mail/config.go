// Package mail is the sink kind mail: messages and invitations by a mail server,
// each sent once.
package mail

import (
	"context"
	"fmt"
	"net/mail"
	"os"
	"slices"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/smtp"
)

// Config are the arguments of a mail sink.
type Config struct {
	Connection    connector.Connection `hcl:"connection" doc:"the mail server"`
	To            []string             `hcl:"to,optional" doc:"recipients where no field to is mapped, and of notices of runs"`
	UpdateSubject connector.Template   `hcl:"update_subject,optional" doc:"the subject when a record has changed, such as \"Changed: {record.subject}\"; default: the mapped subject"`
	CancelSubject connector.Template   `hcl:"cancel_subject,optional" doc:"the subject of a cancellation; default: Cancelled: {record.subject}"`
	CancelText    connector.Template   `hcl:"cancel_text,optional" doc:"the text of a cancellation; default: its subject"`
	CancelHTML    connector.Template   `hcl:"cancel_html,optional" doc:"the HTML of a cancellation, its values escaped; default: none"`
}

// Kind is the sink kind mail.
func Kind() connector.Kind[connector.Sink] {
	k := connector.Define("mail",
		"Messages by a mail server, from the mapped fields to, subject, text, html, attachments and calendar. With calendar (an object of uid, start, end, summary, location, description, organizer, zone) a create is an invitation, an update a changed invitation and a delete a cancellation; without it a delete sends nothing. No message is sent twice: one whose answer was lost is shown, and sent again only when a person says so.",
		Config{}, open)
	k.Connections = []connector.Kind[any]{smtp.Kind()}
	k.Static = static
	k.FirstRun = true
	k.Version = 1
	return k
}

// static: an update and a cancellation are one more message, as a create is.
var static = connector.Traits{Journalled: true, Additive: true, Ordered: true, Deletes: true}

// Validate checks the recipients.
func (c *Config) Validate() error {
	for _, to := range c.To {
		if _, err := mail.ParseAddress(to); err != nil {
			return &connector.FieldError{Field: "to", Problem: fmt.Sprintf("holds %q, which is no address", to), Hint: "write such as beheer@example.org or Beheer <beheer@example.org>"}
		}
	}
	return nil
}

// Notifies says that notices need recipients.
func (c *Config) Notifies() error {
	if len(c.To) == 0 {
		return &connector.FieldError{Field: "to", Problem: "is missing: a notice of a run has no recipients", Hint: "write to = [\"beheer@example.org\"] in the sink"}
	}
	return nil
}

// known are the fields that can be mapped.
func known() []string {
	return []string{"to", "subject", "text", "html", "attachments", "calendar"}
}

func open(ctx context.Context, c Config, env connector.Env) (connector.Sink, error) {
	client, err := smtp.For(ctx, c.Connection)
	if err != nil {
		return nil, err
	}
	if err := c.Fits(env.Shape); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(env.Dir)
	if err != nil {
		return nil, err
	}
	return &sink{c: c, client: client, root: root, at: env.At, pipeline: env.Shape.Pipeline}, nil
}

// Fits tells whether what a message needs is mapped, and nothing else.
func (c *Config) Fits(shape record.Shape) error {
	mapped := map[string]bool{}
	for _, f := range shape.Fields {
		if !f.Send {
			continue
		}
		if !slices.Contains(known(), f.Name) {
			return &connector.FieldError{Field: "map", Problem: "has the field " + f.Name + ", which is no part of a mail",
				Hint: "there are " + strings.Join(known(), ", ") + "; give it send = false when others need it"}
		}
		mapped[f.Name] = true
	}
	if shape.Open {
		return nil
	}
	for _, name := range []string{"to", "subject"} {
		if !mapped[name] && !(name == "to" && len(c.To) > 0) {
			return &connector.FieldError{Field: "map", Problem: "has no field " + name, Hint: "a mail needs to and subject; to may be an argument of the sink"}
		}
	}
	if !mapped["text"] && !mapped["html"] && !mapped["calendar"] {
		return &connector.FieldError{Field: "map", Problem: "has neither text nor html nor calendar", Hint: "such as text = template_file(\"welcome.txt\")"}
	}
	return nil
}
