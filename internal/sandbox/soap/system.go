// Package soap simulates a directory of persons behind SOAP 1.1 and 1.2 with
// WS-Security, in the varying dress that XML allows.
package soap

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
	Seed    uint64
	Persons int // 0: 30
	Now     func() time.Time
	Log     *traffic.Log
}

// Credentials that the system accepts: as a WS-Security UsernameToken, with the
// password as text or as digest, or by basic authentication.
type Credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// A System is one directory. It is safe for concurrent use.
type System struct {
	o       Options
	Data    *dataset.Store
	Traffic *traffic.Traffic
	Credentials

	mu     sync.Mutex
	nonces map[string]bool // seen with a digest
}

// Path is that of the service below the address of the server; with ?wsdl it
// is its description.
const Path = "/soap/directory"

// New makes a directory that is filled with test persons.
func New(o Options) (*System, error) {
	if o.Persons == 0 {
		o.Persons = 30
	}
	r := dataset.Rand(o.Seed, "soap credentials")
	s := &System{o: o, nonces: map[string]bool{}, Credentials: Credentials{Username: "sandbox", Password: fmt.Sprintf("%016x", r.Uint64())}}
	s.Data = dataset.New(func() time.Time { return o.Now().UTC() }, tables()...)
	s.Traffic = traffic.New(traffic.Options{
		System: "soap", Now: o.Now, Log: o.Log, Gzip: true, MaxBody: 10 << 20, Serve: s.serve, Refuse: s.refuse, Action: action,
	})
	return s, s.seed()
}

// action names the operation of a call as its headers tell.
func action(r *http.Request) string {
	text := r.Header.Get("SOAPAction")
	if text == "" {
		_, text, _ = strings.Cut(r.Header.Get("Content-Type"), "action=")
	}
	text, _, _ = strings.Cut(text, ";")
	text = strings.Trim(text, `" `)
	return text[strings.LastIndexByte(text, '/')+1:]
}

func tables() []dataset.Def {
	text := func(name string) dataset.Column { return dataset.Column{Name: name, Type: dataset.String} }
	return []dataset.Def{{Name: "persons", Key: []string{"id"}, Modified: "changed", Columns: []dataset.Column{
		{Name: "id", Type: dataset.Int}, text("reference"), text("first"), text("prefix"), text("last"), text("email"), text("department"),
		text("note"), {Name: "phones", Type: dataset.Any}, {Name: "active", Type: dataset.Bool}, {Name: "changed", Type: dataset.Time},
	}}}
}

func (s *System) seed() error {
	err := s.Data.Change(func(tx *dataset.Tx) error {
		for i, p := range dataset.People(s.o.Seed+3, s.o.Persons) {
			row := dataset.Row{
				"id": 801 + i, "first": p.First, "prefix": p.Prefix, "last": p.Last, "email": p.Email, "department": p.Unit, "active": i%7 != 6,
				"phones":  []string{p.Mobile, fmt.Sprintf("%04d", 1000+i)}[:i%3],
				"changed": s.o.Now().UTC().Add(-time.Duration(i+1) * 26 * time.Hour).Truncate(time.Second),
			}
			switch i % 5 {
			case 1:
				row["email"] = nil
			case 2:
				row["note"] = "Kamer <3> & gang"
			case 3:
				row["note"] = ""
			}
			if _, err := tx.Insert("persons", row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fill the directory: %w", err)
	}
	return nil
}

// Doubled names persons of one reference that exist more than once.
func (s *System) Doubled() []string {
	list, seen := []string{}, map[string]int{}
	for _, row := range s.Data.Rows("persons") {
		reference := dataset.Text(row["reference"])
		if seen[reference]++; reference != "" && seen[reference] == 2 {
			list = append(list, "persons reference "+reference)
		}
	}
	return list
}
