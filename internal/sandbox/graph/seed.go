package graph

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

// filling inserts rows until the first error.
type filling struct {
	tx    *dataset.Tx
	r     *rand.Rand
	today time.Time // midnight in Amsterdam
	err   error
}

func (f *filling) put(table string, row dataset.Row) {
	if f.err == nil {
		_, f.err = f.tx.Insert(table, row)
	}
}

func (f *filling) guid() string { return guid(f.r.Uint64(), f.r.Uint64()) }

// An owner is someone with a mailbox.
type owner struct {
	id, name, mail string
}

// seed fills the tenant. Its employees are those of AFAS with the same seed.
func (s *System) seed() error {
	amsterdam, err := zone("W. Europe Standard Time")
	if err != nil {
		return err
	}
	now := s.o.Now().In(amsterdam)
	return s.Data.Change(func(tx *dataset.Tx) error {
		f := &filling{tx: tx, r: dataset.Rand(s.o.Seed, "graph"), today: time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, amsterdam)}
		for _, row := range switches() {
			f.put("switches", row)
		}
		owners := f.employees(dataset.People(s.o.Seed, s.o.Users))
		f.others()
		f.groups(owners)
		f.meetings(owners, s.o.Events)
		return f.err
	})
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (f *filling) employees(people []dataset.Person) []owner {
	owners := make([]owner, len(people))
	for i, p := range people {
		owners[i] = owner{f.guid(), p.Name(), p.Email}
	}
	for i, p := range people {
		o := owners[i]
		row := dataset.Row{
			"id": o.id, "displayName": o.name, "givenName": p.First, "surname": strings.TrimSpace(p.Prefix + " " + p.Last), "mail": o.mail,
			"userPrincipalName": o.mail, "userType": "Member", "jobTitle": orNull(p.Job), "department": p.Unit, "companyName": "Voorbeeldziekenhuis",
			"employeeId": fmt.Sprintf("%07d", 1000+p.Number), "mobilePhone": p.Mobile, "officeLocation": fmt.Sprintf("Kamer %d", 1+i%40),
			"accountEnabled": p.Number%13 != 0, "onPremisesSyncEnabled": true, "businessPhones": []any{fmt.Sprintf("+310000%05d", p.Number)},
			"assignedPlans": plans("Enabled"), "assignedLicenses": []any{map[string]any{"disabledPlans": []any{}, "skuId": "05e9a617-0261-4cee-bb44-138d3ef5d965"}},
			"createdDateTime": f.today.UTC().AddDate(-1, 0, -i%200).Truncate(time.Second), "preferredLanguage": "nl-NL",
		}
		switch p.Number % 11 {
		case 9:
			row["jobTitle"] = nil
		case 5:
			row["mail"] = strings.ToUpper(o.mail[:1]) + strings.Replace(o.mail[1:], "@example", "@Example", 1)
		}
		if boss := i / 8 * 8; boss != i {
			row["manager"] = owners[boss].id
		} else if i > 0 {
			row["manager"] = owners[0].id
		}
		f.put("users", row)
		f.put("mailboxes", dataset.Row{"id": o.id})
	}
	return owners
}

func plans(status string) []any {
	return []any{map[string]any{
		"assignedDateTime": "2025-02-03T07:41:10Z", "capabilityStatus": status, "service": "exchange", "servicePlanId": "efb87545-963c-4e0d-99df-69c6916d9eb0",
	}}
}

// others are accounts of no employee: guests, rooms, accounts without a mailbox
// or with one that is out of bounds, and one in the recycle bin.
func (f *filling) others() {
	deleted := f.today.UTC().AddDate(0, 0, -3)
	for _, o := range []struct {
		name, mail, upn, kind, department string
		enabled                           bool
		mailbox                           string // -: none
		deleted                           any
	}{
		{"Mila Okafor (gast)", "mila@partner.example", "mila_partner.example#EXT#@voorbeeld.example", "Guest", "", true, "-", nil},
		{"Idris Testgast", "idris@noordlicht.example", "idris_noordlicht.example#EXT#@voorbeeld.example", "Guest", "KAZ-01", true, "-", nil},
		{"Zaal Biesbosch", "zaal.biesbosch@example.org", "zaal.biesbosch@example.org", "Member", "", false, "", nil},
		{"Zaal Veluwe", "zaal.veluwe@example.org", "zaal.veluwe@example.org", "Member", "", false, "", nil},
		{"Scanner begane grond", "", "scanner.bg@example.org", "Member", "", true, "-", nil},
		{"Vertrouwenspersoon", "vertrouwenspersoon@example.org", "vertrouwenspersoon@example.org", "Member", "", true, "access_policy", nil},
		{"Sven Verzonnen", "s.verzonnen.oud@example.org", "s.verzonnen.oud@example.org", "Member", "KAZ-02", true, "-", deleted},
	} {
		id := f.guid()
		f.put("users", dataset.Row{
			"id": id, "displayName": o.name, "mail": orNull(o.mail), "userPrincipalName": o.upn, "userType": o.kind, "department": orNull(o.department),
			"accountEnabled": o.enabled, "deletedDateTime": o.deleted, "createdDateTime": f.today.UTC().AddDate(-1, 0, 0),
		})
		if o.mailbox != "-" {
			f.put("mailboxes", dataset.Row{"id": id, "state": orNull(o.mailbox)})
		}
	}
}

// groups are everyone, in two halves, and those who receive visitors. The last
// two hold each other.
func (f *filling) groups(owners []owner) {
	group := func(name string) string {
		id := f.guid()
		f.put("groups", dataset.Row{
			"id": id, "displayName": name, "mailNickname": strings.ToLower(strings.ReplaceAll(name, " ", "")), "mailEnabled": false,
			"securityEnabled": true, "groupTypes": []any{},
		})
		return id
	}
	in := func(group, member string) { f.put("members", dataset.Row{"group": group, "member": member}) }
	all, care, office := group("Alle medewerkers"), group("Zorg"), group("Ondersteuning")
	hosts, desk := group("DigiReceptie gastheren"), group("Balie")
	in(all, care)
	in(all, office)
	for i, o := range owners {
		in([]string{care, office}[i%2], o.id)
		switch {
		case i < 4:
			in(hosts, o.id)
		case i < 8:
			in(desk, o.id)
		}
	}
	in(hosts, desk)
	in(desk, hosts)
}
