// Package smtp simulates the mail server of an organisation: it takes messages
// over STARTTLS and implicit TLS from who has a password, refuses some
// recipients, and keeps what arrived for those who want to look.
package smtp

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// Options of the system.
type Options struct {
	Seed uint64
	Now  func() time.Time
	Log  *traffic.Log
	// Plain lets callers in who do not encrypt.
	Plain bool
}

// Credentials say where the server is and what gets in.
type Credentials struct {
	Host         string `json:"host"`
	Port         string `json:"port"`          // STARTTLS
	ImplicitPort string `json:"implicit_port"` // TLS from the first byte
	Username     string `json:"username"`
	Password     string `json:"password"`
	From         string `json:"from"`    // the only sender that the server lets this user be
	CAFile       string `json:"ca_file"` // a file with the authority that vouches for the server
}

// A System is one mail server. It is safe for concurrent use.
type System struct {
	o       Options
	Data    *dataset.Store
	Traffic *traffic.Traffic
	Credentials

	ca *authority

	mu sync.Mutex
	n  int // messages so far
}

// New makes a server without messages.
func New(o Options) (*System, error) {
	r := dataset.Rand(o.Seed, "smtp credentials")
	s := &System{o: o, Credentials: Credentials{
		Host: "127.0.0.1", Username: "receptie", Password: fmt.Sprintf("%016x", r.Uint64()), From: "receptie@example.org",
	}}
	var err error
	if s.ca, err = newAuthority(time.Now()); err != nil {
		return nil, err
	}
	s.Data = dataset.New(o.Now, tables()...)
	s.Traffic = traffic.New(traffic.Options{
		System: "smtp", Now: o.Now, Log: o.Log, Serve: func(x *traffic.Exchange) { x.WriteHeader(http.StatusNotFound) },
		Refuse: func(x *traffic.Exchange, f traffic.Fault, status int) bool {
			x.WriteHeader(status)
			_, _ = x.Write([]byte(f.Message)) // an Exchange takes all
			return true
		},
	})
	return s, s.Data.Change(func(tx *dataset.Tx) error {
		for _, row := range refusals() {
			if _, err := tx.Insert("refusals", row); err != nil {
				return err
			}
		}
		return nil
	})
}

func tables() []dataset.Def {
	text := func(names ...string) (list []dataset.Column) {
		for _, n := range names {
			list = append(list, dataset.Column{Name: n})
		}
		return list
	}
	return []dataset.Def{
		// A message is what one DATA brought, for those recipients whom the server
		// had taken.
		{Name: "messages", Key: []string{"id"}, Columns: append(
			text("id", "from", "header_from", "header_to", "reply_to", "subject", "message_id", "text", "html", "method", "uid", "sequence", "raw"),
			dataset.Column{Name: "to", Type: dataset.Any}, dataset.Column{Name: "attachments", Type: dataset.Any},
			dataset.Column{Name: "received", Type: dataset.Time})},
		// Recipients with this local part, or one that goes on with + or a dot, are
		// refused, whatever their domain: at RCPT, or where at is data at the end.
		{Name: "refusals", Key: []string{"local"}, Columns: append(text("local", "text", "at"), dataset.Column{Name: "code", Type: dataset.Int})},
	}
}

func refusals() []dataset.Row {
	return []dataset.Row{
		{"local": "refused", "code": 550, "text": "5.1.1 The mailbox does not exist"},
		{"local": "full", "code": 452, "text": "4.2.2 The mailbox is full"},
		{"local": "later", "code": 451, "text": "4.7.1 Greylisted, try again later"},
		{"local": "spam", "code": 554, "text": "5.7.1 The message was taken for spam", "at": "data"},
	}
}

// refusal finds what a recipient is refused with; nil: it is not.
func (s *System) refusal(address, at string) dataset.Row {
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	for _, row := range s.Data.Rows("refusals") {
		name := dataset.Text(row["local"])
		rest, ok := strings.CutPrefix(local, name)
		if ok && dataset.Text(row["at"]) == at && (rest == "" || rest[0] == '+' || rest[0] == '.') {
			return row
		}
	}
	return nil
}

// Doubled names messages that one recipient got twice: of one subject, and for
// invitations of one meeting and sequence.
func (s *System) Doubled() []string {
	list, seen := []string{}, map[string]int{}
	for _, row := range s.Data.Rows("messages") {
		to, _ := row["to"].([]any)
		for _, address := range to {
			name := fmt.Sprintf("%v: %v", address, row["subject"])
			if row["uid"] != nil {
				name = fmt.Sprintf("%v: %v %v %v", address, row["method"], row["uid"], row["sequence"])
			}
			if seen[name]++; seen[name] == 2 {
				list = append(list, name)
			}
		}
	}
	return list
}
