package smtp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// keep puts a message among those that arrived.
func (s *System) keep(x *traffic.Exchange, from string, to []string, raw []byte) error {
	row, err := read(raw)
	if err != nil {
		return fmt.Errorf("the message can't be read: %w", err)
	}
	s.mu.Lock()
	s.n++
	id := fmt.Sprintf("%06d", s.n)
	s.mu.Unlock()
	recipients := make([]any, len(to))
	for i, address := range to {
		recipients[i] = address
	}
	row["id"], row["from"], row["to"], row["raw"], row["received"] = id, from, recipients, string(raw), s.o.Now().UTC()
	if _, err := s.Data.Insert("messages", row); err != nil {
		return err
	}
	shown := map[string]any{"to": to}
	for _, name := range []string{"subject", "method", "uid", "sequence"} {
		if row[name] != nil {
			shown[name] = row[name]
		}
	}
	x.Effect("insert", "messages", id, shown)
	return nil
}

// read takes a message apart as far as people want to see it.
func read(raw []byte) (dataset.Row, error) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	decoder := new(mime.WordDecoder)
	row := dataset.Row{}
	for column, name := range map[string]string{"header_from": "From", "header_to": "To", "reply_to": "Reply-To", "subject": "Subject", "message_id": "Message-Id"} {
		text, err := decoder.DecodeHeader(m.Header.Get(name))
		if err != nil {
			return nil, err
		}
		if text != "" {
			row[column] = text
		}
	}
	return row, part(row, m.Header.Get, m.Body)
}

// part reads one part of a message, or those that it consists of.
func part(row dataset.Row, header func(string) string, body io.Reader) error {
	kind, params, err := mime.ParseMediaType(header("Content-Type"))
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			p, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if err := part(row, p.Header.Get, p); err != nil {
				return err
			}
		}
	}
	switch strings.ToLower(header("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	disposition, names, err := mime.ParseMediaType(header("Content-Disposition"))
	switch {
	case err == nil && disposition == "attachment":
		list, _ := row["attachments"].([]any)
		row["attachments"] = append(list, map[string]any{"name": names["filename"], "type": kind, "size": len(content)})
		if kind == "text/calendar" || kind == "application/ics" {
			calendar(row, string(content))
		}
	case kind == "text/calendar":
		calendar(row, string(content))
	case kind == "text/html":
		row["html"] = string(content)
	case strings.HasPrefix(kind, "text/"):
		row["text"] = string(content)
	}
	return nil
}

// calendar reads what an invitation is about.
func calendar(row dataset.Row, text string) {
	text = strings.NewReplacer("\r\n ", "", "\r\n\t", "").Replace(text)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		name, _, _ = strings.Cut(name, ";")
		if column, ok := map[string]string{"METHOD": "method", "UID": "uid", "SEQUENCE": "sequence"}[strings.ToUpper(name)]; ok {
			row[column] = value
		}
	}
}

// Listing writes what arrived, for people.
func (s *System) Listing(w io.Writer) error {
	rows := s.Data.Rows("messages")
	if len(rows) == 0 {
		_, err := io.WriteString(w, "No mail has arrived.\n")
		return err
	}
	for _, row := range rows {
		var b strings.Builder
		fmt.Fprintf(&b, "%s  %s\n", row["id"], dataset.Text(row["received"]))
		for _, line := range [][2]string{{"From", "header_from"}, {"Reply-To", "reply_to"}, {"To", "header_to"}, {"Subject", "subject"}} {
			if text := dataset.Text(row[line[1]]); text != "" {
				fmt.Fprintf(&b, "  %-9s %s\n", line[0], text)
			}
		}
		if row["method"] != nil {
			fmt.Fprintf(&b, "  %-9s %s %s, sequence %s\n", "Calendar", row["method"], row["uid"], dataset.Text(row["sequence"]))
		}
		if list, _ := row["attachments"].([]any); len(list) > 0 {
			for _, a := range list {
				m := a.(map[string]any)
				fmt.Fprintf(&b, "  %-9s %v (%v, %v bytes)\n", "Attached", m["name"], m["type"], m["size"])
			}
		}
		for line := range strings.Lines(strings.TrimSpace(dataset.Text(row["text"]))) {
			fmt.Fprintf(&b, "    %s\n", strings.TrimRight(line, "\r\n"))
		}
		if _, err := io.WriteString(w, b.String()+"\n"); err != nil {
			return err
		}
	}
	return nil
}
