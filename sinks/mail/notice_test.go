package mail_test

import (
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/smtp"
	sink "koppel/sinks/mail"
)

// TestNotice sends a notice to the recipients of the sink, under one message ID
// at each attempt.
func TestNotice(t *testing.T) {
	s := open(t, func(_ *smtp.Config, c *sink.Config) {
		c.To = []string{"Beheer <beheer@example.org>", "tweede@example.org"}
	})
	n := s.Sink.(connector.Notifier)
	messages, err := n.Notify(t.Context(), connector.Notice{Event: "failed", Pipeline: "people", Subject: "Koppel: pipeline people failed", Text: "Run 7"})
	if err != nil || len(messages) != 1 || messages[0].Topic != "people.failed" {
		t.Fatalf("%+v, %v", messages, err)
	}
	for i := range 2 {
		if r := n.Send(t.Context(), messages[0], i+1); !r.Delivered {
			t.Errorf("receipt %+v", r)
		}
	}
	sent := s.Data.Rows("messages")
	if len(sent) != 2 || dataset.Text(sent[0]["message_id"]) != dataset.Text(sent[1]["message_id"]) {
		t.Fatalf("sent %+v", sent)
	}
	if m := sent[0]; len(m["to"].([]any)) != 2 || dataset.Text(m["subject"]) != "Koppel: pipeline people failed" || !strings.Contains(dataset.Text(m["text"]), "Run 7") {
		t.Errorf("sent %+v", m)
	}
	if _, err := s.Data.Insert("refusals", dataset.Row{"local": "beheer", "code": 550, "text": "5.1.1 Unknown"}); err != nil {
		t.Fatal(err)
	}
	if r := n.Send(t.Context(), messages[0], 3); r.Delivered || !r.Final || r.Code != 550 {
		t.Errorf("refused: %+v", r)
	}
}
