// Command gen writes a deterministic set of employee records as JSON lines or CSV.
//
// Record i depends only on (seed, i), so any two runs with the same flags give
// the same bytes, and -mutate P can derive a second version of the same set:
// P% of the records changed in one field, P/10% deleted, P/10% added, and the
// order shuffled. What it changed is printed on standard error.
package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

type manager struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
	Mail        string `json:"mail"`
}

type address struct {
	Street      string  `json:"street"`
	HouseNumber int     `json:"houseNumber"`
	Addition    *string `json:"addition"`
	PostalCode  string  `json:"postalCode"`
	City        string  `json:"city"`
	Country     string  `json:"country"`
}

type employee struct {
	ID             string   `json:"id"`
	EmployeeNumber int      `json:"employeeNumber"`
	Initials       string   `json:"initials"`
	GivenName      string   `json:"givenName"`
	Prefix         *string  `json:"prefix"`
	Surname        string   `json:"surname"`
	Mail           string   `json:"mail"`
	PrivateMail    *string  `json:"privateMail"`
	Gender         string   `json:"gender"`
	BirthDate      string   `json:"birthDate"`
	StartDate      string   `json:"startDate"`
	EndDate        *string  `json:"endDate"`
	JobTitle       string   `json:"jobTitle"`
	Department     string   `json:"department"`
	CostCenter     string   `json:"costCenter"`
	FTE            float64  `json:"fte"`
	HourlyRate     float64  `json:"hourlyRate"`
	Active         bool     `json:"active"`
	Blocked        bool     `json:"blocked"`
	Manager        *manager `json:"manager"`
	Address        address  `json:"address"`
	Categories     []string `json:"categories"`
	BusinessPhones []string `json:"businessPhones"`
	MobilePhone    *string  `json:"mobilePhone"`
	ModifiedAt     string   `json:"modifiedAt"`
}

var (
	given    = strings.Split("Daan,Zoë,André,Lotte,Sem,Renée,Björn,Fleur,Jürgen,Maaike,Noël,Sanne,Thijs,Chloë,Bram,Anaïs,Ruben,Esmée,Joël,Willemijn,Hidde,Femke,Gaël,Mieke", ",")
	prefixes = strings.Split("van,van de,van der,van den,de,ter,ten,van 't,in 't,op de", ",")
	surnames = strings.Split("Jansen,Vries,Bakker,Berg,Dijk,Visser,Smit,Meijer,Boer,Mulder,Groot,Bos,Vos,Peters,Hendriks,Leeuwen,Dekker,Brouwer,Wit,Dijkstra,Smits,Graaf,Meer,Linden,Kok,Jacobs,Haan,Vermeulen,Heuvel,Veen,Broek,Bruijn,Schouten,Heijden,Beek,Willems,Vliet,Ven,Hoekstra,Kuipers,Geërts,Müller,Brûlé,Ruijsdæl", ",")
	titles   = strings.Split("Consultant,Senior Consultant,Software Engineer,Financieel Medewerker,Teamleider,HR Adviseur,Projectleider,Accountmanager,Servicemedewerker,Technisch Beheerder,Communicatieadviseur,Coördinator", ",")
	depts    = strings.Split("Sales,Inkoop,Financiën,ICT,HR,Productie,Logistiek,Klantenservice,R&D,Juridische Zaken,Facilitair,Directie", ",")
	streets  = strings.Split("Dorpsstraat,Kerkstraat,Stationsweg,Molenweg,Julianalaan,Wilhelminastraat,Burgemeester van Rooijenlaan,Eikenlaan,Reëlaan,Geïnlaan", ",")
	cities   = strings.Split("Amsterdam,Rotterdam,Utrecht,'s-Hertogenbosch,Den Haag,Groningen,Eindhoven,Sint-Oedenrode,Curaçao,Oss", ",")
	cats     = strings.Split("BHV,OR-lid,Thuiswerker,Leaseauto,Parttime,Stagiair,Mentor,Piketdienst", ",")
	ascii    = strings.NewReplacer("ë", "e", "é", "e", "ö", "o", "ü", "u", "ï", "i", "û", "u", "æ", "ae", "ç", "c")
	day0     = time.Date(1960, 1, 1, 0, 0, 0, 0, time.UTC)
)

func pick(r *rand.Rand, s []string) string { return s[r.IntN(len(s))] }

func date(r *rand.Rand, from, span int) string {
	return day0.AddDate(from, 0, r.IntN(span*365)).Format("2006-01-02")
}

// opt gives v with probability p and null otherwise.
func opt(r *rand.Rand, p float64, v string) *string {
	if r.Float64() < p {
		return &v
	}
	return nil
}

func some(r *rand.Rand, max int, f func() string) []string {
	out := make([]string, r.IntN(max+1))
	for i := range out {
		out[i] = f()
	}
	return out
}

func guid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0x3fff|0x8000, b&0xffffffffffff)
}

func mail(g, s string, n int) string {
	return ascii.Replace(fmt.Sprintf("%s.%s%d@Voorbeeld-Organisatie.nl", g, s, n))
}

func record(seed uint64, i int) employee {
	r := rand.New(rand.NewPCG(seed, uint64(i)))
	phone := func() string { return fmt.Sprintf("+31 %d %07d", 10+r.IntN(70), r.IntN(10_000_000)) }
	g, s := pick(r, given), pick(r, surnames)
	e := employee{
		ID: guid(r), EmployeeNumber: 100000 + i, Initials: strings.ToUpper(string([]rune(g)[:1])) + "." + string(rune('A'+r.IntN(26))) + ".",
		GivenName: g, Prefix: opt(r, .4, pick(r, prefixes)), Surname: s, Mail: mail(g, s, i), PrivateMail: opt(r, .3, strings.ToLower(ascii.Replace(g+s))+"@gmail.com"),
		Gender: pick(r, []string{"M", "V", "X"}), BirthDate: date(r, 0, 45), StartDate: date(r, 45, 20), EndDate: opt(r, .1, date(r, 66, 4)),
		JobTitle: pick(r, titles), Department: pick(r, depts), CostCenter: fmt.Sprintf("KP%04d", r.IntN(400)),
		FTE: float64(r.IntN(10)+1) / 10, HourlyRate: float64(1400+r.IntN(9000)) / 100, Active: r.Float64() < .9, Blocked: r.Float64() < .02,
		Address: address{pick(r, streets), 1 + r.IntN(300), opt(r, .2, string(rune('A'+r.IntN(6)))),
			fmt.Sprintf("%04d %c%c", 1000+r.IntN(8999), 'A'+r.IntN(26), 'A'+r.IntN(26)), pick(r, cities), "NL"},
		Categories: some(r, 3, func() string { return pick(r, cats) }), BusinessPhones: some(r, 2, phone), MobilePhone: opt(r, .7, phone()),
		ModifiedAt: date(r, 60, 6) + fmt.Sprintf("T%02d:%02d:%02d.%03dZ", r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1000)),
	}
	if r.Float64() < .95 {
		mg, ms := pick(r, given), pick(r, surnames)
		e.Manager = &manager{guid(r), mg + " " + ms, mail(mg, ms, r.IntN(5000))}
	}
	return e
}

// change alters exactly one field that a mapping is likely to read.
func change(seed uint64, i int, e *employee) {
	r := rand.New(rand.NewPCG(seed^0xc4a9, uint64(i)))
	switch r.IntN(4) {
	case 0:
		e.JobTitle += " II"
	case 1:
		e.Department += " Noord"
	case 2:
		e.Address.City += "-Oost"
	default:
		e.Mail = "nieuw." + e.Mail
	}
}

func str(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func num(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

var csvHeader = strings.Split("id,employeeNumber,initials,givenName,prefix,surname,mail,privateMail,gender,birthDate,startDate,endDate,jobTitle,department,costCenter,fte,hourlyRate,active,blocked,manager.id,manager.displayName,manager.mail,address.street,address.houseNumber,address.addition,address.postalCode,address.city,address.country,categories,businessPhones,mobilePhone,modifiedAt", ",")

func csvRow(e *employee) []string {
	m := manager{}
	if e.Manager != nil {
		m = *e.Manager
	}
	return []string{e.ID, strconv.Itoa(e.EmployeeNumber), e.Initials, e.GivenName, str(e.Prefix), e.Surname, e.Mail, str(e.PrivateMail), e.Gender, e.BirthDate, e.StartDate, str(e.EndDate),
		e.JobTitle, e.Department, e.CostCenter, num(e.FTE), num(e.HourlyRate), strconv.FormatBool(e.Active), strconv.FormatBool(e.Blocked), m.ID, m.DisplayName, m.Mail,
		e.Address.Street, strconv.Itoa(e.Address.HouseNumber), str(e.Address.Addition), e.Address.PostalCode, e.Address.City, e.Address.Country,
		strings.Join(e.Categories, "|"), strings.Join(e.BusinessPhones, "|"), str(e.MobilePhone), e.ModifiedAt}
}

func main() {
	n := flag.Int("n", 1000, "number of records")
	seed := flag.Uint64("seed", 1, "seed")
	mutate := flag.Float64("mutate", 0, "percentage of records to change in a second version")
	format := flag.String("format", "jsonl", "jsonl or csv")
	out := flag.String("o", "-", "output file")
	flag.Parse()
	if err := run(*n, *seed, *mutate, *format, *out); err != nil {
		log.Fatal(err)
	}
}

func run(n int, seed uint64, mutate float64, format, out string) error {
	f := os.Stdout
	if out != "-" {
		var err error
		if f, err = os.Create(out); err != nil {
			return err
		}
	}
	w := bufio.NewWriterSize(f, 1<<20)
	write, flush, err := encoder(w, format)
	if err != nil {
		return err
	}
	ids := make([]int, n)
	for i := range ids {
		ids[i] = i
	}
	changed := map[int]bool{}
	deleted := int(float64(n) * mutate / 1000)
	if mutate > 0 {
		r := rand.New(rand.NewPCG(seed, 0x5eed))
		r.Shuffle(n, func(a, b int) { ids[a], ids[b] = ids[b], ids[a] })
		ids = ids[deleted:]
		for _, i := range ids[:int(float64(n)*mutate/100)] {
			changed[i] = true
		}
		for i := range deleted {
			ids = append(ids, n+i)
		}
		r.Shuffle(len(ids), func(a, b int) { ids[a], ids[b] = ids[b], ids[a] })
		fmt.Fprintf(os.Stderr, "changed %d, deleted %d, added %d\n", len(changed), deleted, deleted)
	}
	for _, i := range ids {
		e := record(seed, i)
		if changed[i] {
			change(seed, i, &e)
		}
		if err := write(&e); err != nil {
			return err
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

func encoder(w io.Writer, format string) (write func(*employee) error, flush func() error, err error) {
	switch format {
	case "jsonl":
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return func(e *employee) error { return enc.Encode(e) }, func() error { return nil }, nil
	case "csv":
		c := csv.NewWriter(w)
		return func(e *employee) error { return c.Write(csvRow(e)) }, func() error { c.Flush(); return c.Error() }, c.Write(csvHeader)
	}
	return nil, nil, fmt.Errorf("unknown format %q", format)
}
