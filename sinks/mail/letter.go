package mail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"strings"
)

// A letter is what a mapped record says.
type letter struct {
	to          []*mail.Address
	subject     string
	text, html  string
	attachments []string
	calendar    *appointment
}

// read reads a mapped record, which goes to those of otherwise when it names
// nobody. Errors say which field can't be used.
func read(body []byte, otherwise []string) (*letter, error) {
	var in struct {
		To          json.RawMessage `json:"to"`
		Subject     *string         `json:"subject"`
		Text        *string         `json:"text"`
		HTML        *string         `json:"html"`
		Attachments []string        `json:"attachments"`
		Calendar    json.RawMessage `json:"calendar"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, fieldError(err)
	}
	l := &letter{text: deref(in.Text), html: deref(in.HTML), attachments: in.Attachments, subject: oneLine(deref(in.Subject))}
	var err error
	if len(in.To) == 0 && len(otherwise) > 0 {
		if in.To, err = json.Marshal(otherwise); err != nil {
			return nil, fmt.Errorf("to: %w", err)
		}
	}
	if l.to, err = addresses(in.To); err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	if l.subject == "" {
		return nil, errors.New("subject is empty")
	}
	if len(in.Calendar) > 0 && string(in.Calendar) != "null" {
		if l.calendar, err = readAppointment(in.Calendar); err != nil {
			return nil, fmt.Errorf("calendar: %w", err)
		}
	}
	if l.text == "" && l.html == "" && l.calendar == nil {
		return nil, errors.New("text, html and calendar are empty")
	}
	return l, nil
}

// fieldError names the field of a value of the wrong type.
func fieldError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return fmt.Errorf("%s is a %s and not what a mail needs", wrong.Field, wrong.Value)
	}
	return err
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// oneLine leaves out what a header can't hold.
func oneLine(s string) string {
	return strings.TrimSpace(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7F }), " "))
}

// addresses reads one address or a list of them: a text, such as a@example.org
// or Name <a@example.org>, or an object of name and address.
func addresses(raw json.RawMessage) ([]*mail.Address, error) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" {
		return nil, errors.New("it is empty")
	}
	if raw[0] != '[' {
		one, err := address(raw)
		if err != nil {
			return nil, err
		}
		return []*mail.Address{one}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	var all []*mail.Address
	seen := map[string]bool{}
	for _, item := range list {
		one, err := address(item)
		if err != nil {
			return nil, err
		}
		if folded := strings.ToLower(one.Address); !seen[folded] {
			seen[folded] = true
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("it is empty")
	}
	return all, nil
}

func address(raw json.RawMessage) (*mail.Address, error) {
	var text string
	var parts struct{ Name, Address string }
	switch {
	case json.Unmarshal(raw, &text) == nil:
		one, err := mail.ParseAddress(oneLine(text))
		if err != nil {
			return nil, fmt.Errorf("%q is no address", text)
		}
		parts.Name, parts.Address = one.Name, one.Address
	case json.Unmarshal(raw, &parts) == nil:
		one, err := mail.ParseAddress("<" + parts.Address + ">")
		if err != nil || one.Address != parts.Address {
			return nil, fmt.Errorf("%q is no address", parts.Address)
		}
	default:
		return nil, fmt.Errorf("%s is neither an address nor an object of name and address", raw)
	}
	for _, r := range parts.Address {
		if r <= ' ' || r > '~' {
			return nil, fmt.Errorf("%q has a character that addresses of mail servers can't have", parts.Address)
		}
	}
	return &mail.Address{Name: strings.Join(strings.Fields(oneLine(parts.Name)), " "), Address: parts.Address}, nil
}

// without lists those of an earlier list who are not in this one any more.
func without(earlier, now []*mail.Address) (gone []string) {
	has := map[string]bool{}
	for _, a := range now {
		has[strings.ToLower(a.Address)] = true
	}
	for _, a := range earlier {
		if !has[strings.ToLower(a.Address)] {
			gone = append(gone, a.Address)
		}
	}
	return gone
}
