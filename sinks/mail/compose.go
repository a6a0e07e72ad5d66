package mail

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"html"
	"io"
	"path"
	"path/filepath"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// maxFile bounds an attachment, which is held in memory while it is sent.
const maxFile = 32 << 20

// A post is a letter on its way.
type post struct {
	*letter
	body     []byte // the mapped record
	op       record.Op
	key      record.Key
	sequence int64
	id       string // of the message, without angle brackets
}

// compose makes the message. It is written once to nowhere: what can't be
// written is known before the server hears of it.
func (s *sink) compose(p post) (*gomail.Msg, error) {
	m := gomail.NewMsg(gomail.WithCharset(gomail.CharsetUTF8), gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(s.client.From())
	m.EnvelopeFromMailAddress(s.client.From())
	if to := s.client.ReplyTo(); to != nil {
		m.ReplyToMailAddress(to)
	}
	m.ToMailAddress(p.to...)
	m.SetDateWithValue(s.at())
	m.SetMessageIDWithValue(s.messageID(p))
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	invitation := s.invitation(p)
	if err := s.words(&p); err != nil {
		return nil, err
	}
	m.SetGenHeaderPreformatted(gomail.HeaderSubject, subjectField(p.subject))
	m.SetBodyString(gomail.TypeTextPlain, p.text)
	if p.html != "" {
		m.AddAlternativeString(gomail.TypeTextHTML, p.html)
	}
	if invitation != nil {
		text, err := invitation.encode()
		if err != nil {
			return nil, err
		}
		m.AddAlternativeString(gomail.ContentType("text/calendar; method="+invitation.method), text)
	}
	if p.op != record.Delete {
		if err := s.attach(m, p.attachments); err != nil {
			return nil, err
		}
	}
	if _, err := m.WriteTo(io.Discard); err != nil {
		return nil, fmt.Errorf("write the message: %w", err)
	}
	return m, nil
}

// messageID names a message: the same for the same post of one run.
func (s *sink) messageID(p post) string {
	_, domain, _ := strings.Cut(s.client.From().Address, "@")
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%c\x00%d", s.pipeline, p.key, p.op, p.sequence))
	return fmt.Sprintf("%x@%s", sum[:16], domain)
}

// words settles subject, text and HTML: a change and a cancellation may have
// others than the record. A message without any text has its subject as one.
func (s *sink) words(p *post) error {
	own := *p.letter
	p.letter = &own
	fill := func(t connector.Template, into *string, escape func(string) string) error {
		if t == nil {
			return nil
		}
		text, err := t.Fill(values(*p, escape))
		if err == nil {
			*into = text
		}
		return err
	}
	switch p.op {
	case record.Update:
		if err := fill(s.c.UpdateSubject, &own.subject, oneLine); err != nil {
			return fmt.Errorf("update_subject: %w", err)
		}
	case record.Delete:
		subject, text, page := "Cancelled: "+own.subject, "", ""
		if err := fill(s.c.CancelSubject, &subject, oneLine); err != nil {
			return fmt.Errorf("cancel_subject: %w", err)
		}
		if err := fill(s.c.CancelText, &text, func(v string) string { return v }); err != nil {
			return fmt.Errorf("cancel_text: %w", err)
		}
		if err := fill(s.c.CancelHTML, &page, html.EscapeString); err != nil {
			return fmt.Errorf("cancel_html: %w", err)
		}
		own.subject, own.text, own.html = subject, text, page
	}
	if own.subject = oneLine(own.subject); own.text == "" {
		own.text = own.subject
	}
	return nil
}

// values gives what a template of the sink may hold: {key}, and the mapped record
// as {record.subject} or {record.calendar.start}.
func values(p post, escape func(string) string) func(string) (any, bool) {
	return func(name string) (any, bool) {
		if name == "key" {
			return escape(string(p.key)), true
		}
		path, ok := strings.CutPrefix(name, "record.")
		if !ok {
			return nil, false
		}
		raw := p.body
		for step := range strings.SplitSeq(path, ".") {
			raw = record.Member(raw, step)
		}
		text, ok := record.Text(raw)
		if !ok && len(raw) > 0 && string(raw) != "null" {
			text = string(raw)
		}
		return escape(text), true
	}
}

// invitation is the calendar part; nil: the letter has none.
func (s *sink) invitation(p post) *invitation {
	if p.calendar == nil {
		return nil
	}
	a := *p.calendar
	if a.uid == "" {
		_, domain, _ := strings.Cut(s.client.From().Address, "@")
		sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s", s.pipeline, p.key))
		a.uid = fmt.Sprintf("%x@%s", sum[:16], domain)
	}
	if a.summary == "" {
		a.summary = p.subject
	}
	if a.description == "" && p.op != record.Delete {
		a.description = p.text
	}
	v := &invitation{appointment: &a, method: "REQUEST", sequence: p.sequence, stamp: s.at(), sender: s.client.From(), attendees: p.to}
	if p.op == record.Delete {
		v.method = "CANCEL"
	}
	return v
}

// attach adds files of the project's folder.
func (s *sink) attach(m *gomail.Msg, paths []string) error {
	for _, name := range paths {
		content, err := s.content(name)
		if err != nil {
			return fmt.Errorf("attach %s: %w", name, err)
		}
		if err := m.AttachReader(path.Base(filepath.ToSlash(name)), bytes.NewReader(content)); err != nil {
			return fmt.Errorf("attach %s: %w", name, err)
		}
	}
	return nil
}

func (s *sink) content(name string) ([]byte, error) {
	f, err := s.root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, fmt.Errorf("it is not below the project's folder, or can't be read")
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("it can't be read")
	case len(content) > maxFile:
		return nil, fmt.Errorf("it is larger than %d MiB, the most that is sent", maxFile>>20)
	}
	return content, nil
}
