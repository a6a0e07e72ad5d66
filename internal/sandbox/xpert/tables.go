package xpert

import (
	"fmt"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

// collections are the tables that calls reach.
var collections = []string{"accounts", "employees", "absences"}

func tables() []dataset.Def {
	const text, whole, yes, moment = dataset.String, dataset.Int, dataset.Bool, dataset.Time
	id, modified := dataset.Column{Name: "id", Type: whole}, dataset.Column{Name: "modifiedAt", Type: moment}
	name := []dataset.Column{{Name: "firstName", Type: text}, {Name: "prefix", Type: text}, {Name: "lastName", Type: text}, {Name: "email", Type: text}}
	with := func(columns ...dataset.Column) []dataset.Column {
		return append(append([]dataset.Column{id}, columns...), append(name[:len(name):len(name)], modified)...)
	}
	return []dataset.Def{
		{Name: "accounts", Key: []string{"id"}, Modified: "modifiedAt", Columns: with(
			dataset.Column{Name: "userName", Type: text}, dataset.Column{Name: "employeeNumber", Type: text}, dataset.Column{Name: "active", Type: yes},
			dataset.Column{Name: "authorisations", Type: text})},
		{Name: "employees", Key: []string{"id"}, Modified: "modifiedAt", Columns: with(
			dataset.Column{Name: "employeeNumber", Type: text}, dataset.Column{Name: "birthDate", Type: text}, dataset.Column{Name: "department", Type: text},
			dataset.Column{Name: "inService", Type: text}, dataset.Column{Name: "outOfService", Type: text})},
		{Name: "absences", Key: []string{"id"}, Modified: "modifiedAt", Columns: []dataset.Column{
			id, {Name: "employeeId", Type: whole}, {Name: "firstDay", Type: text}, {Name: "lastDay", Type: text}, {Name: "percentage", Type: whole}, modified}},
		{Name: "api_accounts", Key: []string{"name"}, Columns: []dataset.Column{
			{Name: "name", Type: text}, {Name: "token", Type: text}, {Name: "totpSecret", Type: text}, {Name: "authorisations", Type: text}, {Name: "active", Type: yes}}},
		{Name: "receivers", Key: []string{"id"}, Columns: []dataset.Column{
			{Name: "id", Type: text}, {Name: "url", Type: text}, {Name: "topics", Type: text}, {Name: "account", Type: text}, {Name: "protocol", Type: text},
			{Name: "secret", Type: text}, {Name: "method", Type: text}, {Name: "tokenUrl", Type: text}, {Name: "clientId", Type: text},
			{Name: "clientSecret", Type: text}, {Name: "removed", Type: yes}}},
		{Name: "deliveries", Key: []string{"id"}, Columns: []dataset.Column{
			{Name: "id", Type: text}, {Name: "receiver", Type: text}, {Name: "topic", Type: text}, {Name: "status", Type: text}, {Name: "code", Type: whole},
			{Name: "attempts", Type: whole}, {Name: "due", Type: moment}, {Name: "problem", Type: text}, {Name: "body", Type: text}}},
	}
}

// allRights are the authorisations that there are.
func allRights() string {
	var list []string
	for _, name := range collections {
		list = append(list, name+".read", name+".write")
	}
	return strings.Join(append(list, "impersonate"), " ")
}

func (s *System) seed() error {
	people := dataset.People(s.o.Seed, s.o.Employees)
	s.User = people[0].Email
	err := s.Data.Change(func(tx *dataset.Tx) (err error) {
		r := dataset.Rand(s.o.Seed, "xpert")
		put := func(table string, row dataset.Row) {
			if err == nil {
				_, err = tx.Insert(table, row)
			}
		}
		c := s.Credentials
		put("api_accounts", dataset.Row{"name": c.Account, "token": c.Token, "totpSecret": c.TOTPSecret, "authorisations": allRights(), "active": true})
		put("api_accounts", dataset.Row{"name": c.LimitedAccount, "token": c.LimitedToken, "totpSecret": c.LimitedTOTPSecret, "authorisations": "accounts.read", "active": true})
		today := s.o.Now().UTC()
		for i, p := range people {
			number := fmt.Sprintf("%07d", 1000+p.Number)
			changed := today.Add(-time.Duration(r.Int64N(int64(90 * 24 * time.Hour)))).Truncate(time.Millisecond)
			names := func(row dataset.Row) dataset.Row {
				row["employeeNumber"], row["email"], row["firstName"], row["prefix"], row["lastName"] = number, p.Email, p.First, p.Prefix, p.Last
				row["modifiedAt"] = changed
				return row
			}
			put("accounts", names(dataset.Row{"id": 5001 + i, "userName": p.Email, "active": i%11 != 10, "authorisations": "accounts.read"}))
			put("employees", names(dataset.Row{
				"id": 1001 + i, "birthDate": p.Birth.Format(time.DateOnly), "department": p.Unit, "inService": today.AddDate(-1-i%5, 0, 0).Format(time.DateOnly),
			}))
			if i%7 == 3 {
				put("absences", dataset.Row{
					"id": 301 + i/7, "employeeId": 1001 + i, "firstDay": today.AddDate(0, 0, -3-i).Format(time.DateOnly), "percentage": 100, "modifiedAt": changed,
				})
			}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("fill the Suite: %w", err)
	}
	return nil
}
