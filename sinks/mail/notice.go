package mail

import (
	"context"
	"crypto/rand"
	"errors"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/smtp"
)

// Receivers gives the one name that notices are stored under: the recipients are
// those of the sink when a notice is sent.
func (s *sink) Receivers() []string { return []string{""} }

// Notify makes the message of a notice.
func (s *sink) Notify(_ context.Context, n connector.Notice) ([]connector.Message, error) {
	if len(s.c.To) == 0 {
		return nil, errors.New("the sink has no argument to")
	}
	body, err := record.Append(nil, map[string]any{"subject": n.Subject, "text": n.Text})
	if err != nil {
		return nil, err
	}
	return []connector.Message{{ID: rand.Text(), Topic: n.Pipeline + "." + n.Event, Body: body}}, nil
}

// Send sends a notice once.
func (s *sink) Send(ctx context.Context, m connector.Message, _ int) connector.Receipt {
	l, err := read(m.Body, s.c.To)
	if err != nil {
		return connector.Receipt{Words: err.Error(), Final: true}
	}
	p := post{letter: l, body: m.Body, op: record.Create, key: record.Key(m.ID)}
	letter, err := s.compose(p)
	if err != nil {
		return connector.Receipt{Words: err.Error(), Final: true}
	}
	err = s.client.Send(ctx, letter)
	var failed *smtp.Error
	switch {
	case err == nil:
		return connector.Receipt{Delivered: true}
	case ctx.Err() != nil:
		return connector.Receipt{Unsent: true, Words: "it was stopped"}
	case errors.As(err, &failed):
		return connector.Receipt{Code: failed.Code, Words: failed.Words, Final: failed.Fate == smtp.Refused && failed.Code >= 500}
	}
	return connector.Receipt{Words: err.Error()}
}

// Headers lists to whom a notice goes.
func (s *sink) Headers(connector.Message, int) []connector.Param {
	var list []connector.Param
	for _, to := range s.c.To {
		list = append(list, connector.Param{Name: "To", Value: to})
	}
	return list
}
