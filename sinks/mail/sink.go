package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/smtp"
)

type sink struct {
	c        Config
	client   *smtp.Client
	root     *os.Root
	at       func() time.Time // the clock of the run
	pipeline string
}

// Traits says that no message is repeated.
func (s *sink) Traits() connector.Traits {
	t := static
	t.Identity = s.client.Identity()
	return t
}

// Close lets the project's folder go.
func (s *sink) Close() error { return s.root.Close() }

// Check connects to the mail server and logs in.
func (s *sink) Check(ctx context.Context) error { return s.client.Check(ctx) }

// Write sends the messages one after the other.
func (s *sink) Write(ctx context.Context, changes []record.Change) ([]connector.Outcome, error) {
	var all []connector.Outcome
	for _, c := range changes {
		out, err := s.one(ctx, c)
		all = append(all, out)
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

func refusal(err error) (connector.Outcome, error) {
	return connector.Outcome{Status: connector.Refused, Message: err.Error()}, nil
}

func (s *sink) one(ctx context.Context, c record.Change) (connector.Outcome, error) {
	l, err := s.letterOf(c)
	if err != nil {
		return refusal(err)
	}
	if c.Op == record.Delete && l.calendar == nil {
		return connector.Outcome{}, nil // a message can't be called back
	}
	body := c.After
	if c.Op == record.Delete {
		body = c.Before
	}
	p := post{letter: l, body: body, op: c.Op, key: c.Key, sequence: s.sequence(c.Answer)}
	m, err := s.compose(p)
	if err != nil {
		return refusal(err)
	}
	return outcome(s.client.Send(ctx, m), p)
}

// letterOf reads what a change is about, and refuses what one message can't do.
func (s *sink) letterOf(c record.Change) (*letter, error) {
	switch c.Op {
	case record.Create:
		return read(c.After, s.c.To)
	case record.Delete:
		l, err := read(c.Before, s.c.To)
		if err != nil {
			return nil, fmt.Errorf("read what was sent: %w", err)
		}
		return l, nil
	case record.Update:
		return s.changed(c)
	}
	return nil, errors.New("mail can't disable; use action = \"delete\" or \"keep\"")
}

// changed is a letter that others got in another form before.
func (s *sink) changed(c record.Change) (*letter, error) {
	now, err := read(c.After, s.c.To)
	if err != nil {
		return nil, err
	}
	before, err := read(c.Before, s.c.To)
	if err != nil || before.calendar == nil {
		return now, nil
	}
	const hint = "; make it part of the pipeline's key, so that the old invitation is cancelled and another one sent"
	switch {
	case now.calendar == nil:
		return nil, errors.New("calendar is empty now, and was an invitation; let the record leave the filter to cancel it")
	case now.calendar.uid != before.calendar.uid:
		return nil, errors.New("calendar.uid has changed" + hint)
	}
	if gone := without(before.to, now.to); len(gone) > 0 {
		return nil, fmt.Errorf("%s is no longer in to, and has an invitation%s", strings.Join(gone, ", "), hint)
	}
	return now, nil
}

// epoch is where sequences begin, so that they fit 32 bits for long.
var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// sequence is that of the clock of the run, and above the one that was sent last.
func (s *sink) sequence(answer []byte) int64 {
	n := max(int64(s.at().Sub(epoch)/time.Second), 0)
	var last struct{ Sequence *int64 }
	if json.Unmarshal(answer, &last) == nil && last.Sequence != nil {
		n = max(n, *last.Sequence+1)
	}
	return n
}

// outcome says what became of a message.
func outcome(err error, p post) (connector.Outcome, error) {
	var failed *smtp.Error
	switch {
	case err == nil:
		answer := fmt.Appendf(nil, `{"message_id":%s,"sequence":%d}`, record.AppendString(nil, p.id), p.sequence)
		return connector.Outcome{Answer: answer}, nil
	case !errors.As(err, &failed):
		return connector.Outcome{Status: connector.NotSent, Message: "the message was not sent"}, err
	case failed.Fate == smtp.Refused:
		return connector.Outcome{Status: connector.Refused, Message: failed.Words}, nil
	case failed.Fate == smtp.Unknown:
		return connector.Outcome{Status: connector.Unknown, Message: failed.Words}, nil
	}
	return connector.Outcome{Status: connector.NotSent, Message: failed.Words}, err
}
