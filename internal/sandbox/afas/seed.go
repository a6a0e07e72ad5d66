package afas

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

// seed fills an environment. Equal arguments give equal rows.
func seed(d *dataset.Store, seed uint64, employees int, now time.Time) error {
	r := dataset.Rand(seed, "afas")
	today := now.Truncate(24 * time.Hour)
	people := dataset.People(seed, employees+max(employees/5, 8))
	err := d.Change(func(tx *dataset.Tx) error {
		f := &filling{tx: tx, r: r, today: today}
		for _, p := range people {
			f.person(p)
		}
		for _, p := range people[:employees] {
			f.employee(p)
		}
		f.agenda(people, employees)
		f.courses(people)
		f.put("subjects", dataset.Row{"SbId": 49001, "StId": -5, "Ds": "Certificaat"})
		f.put("attachments", dataset.Row{
			"SbId": 49001, "FileId": "0123456789ABCDEF0123456789ABCDEF", "FileName": "certificaat.txt", "FileStream": "ZGVtbw==",
		})
		for i, hours := range []string{"-0.5", "7.75", "0.25", "0", "-12.5"} {
			f.put("corrections", dataset.Row{"LineId": i + 1, "Hours": hours})
		}
		return f.err
	})
	if err != nil {
		return fmt.Errorf("fill the AFAS environment: %w", err)
	}
	return nil
}

// filling inserts rows until the first error.
type filling struct {
	tx    *dataset.Tx
	r     *rand.Rand
	today time.Time
	err   error
}

func (f *filling) put(table string, row dataset.Row) {
	if f.err == nil {
		_, f.err = f.tx.Insert(table, row)
	}
}

// changed is a moment in the past year, stored finer than it is shown. Some
// fall into the hour that the clock skips or repeats.
func (f *filling) changed(n int) time.Time {
	switch n {
	case 1:
		return time.Date(2026, 3, 29, 2, 41, 7, 0, time.UTC)
	case 2:
		return time.Date(2026, 10, 25, 2, 30, 0, 0, time.UTC)
	}
	return f.today.Add(-time.Duration(f.r.Int64N(int64(300*24*time.Hour))) - time.Hour)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func code(p dataset.Person) string       { return fmt.Sprint(2000100 + p.Number) }
func employeeID(p dataset.Person) string { return fmt.Sprintf("%07d", 1000+p.Number) }

func (f *filling) person(p dataset.Person) {
	gender := "M"
	if p.Woman {
		gender = "V"
	}
	row := dataset.Row{
		"BcCo": code(p), "BcId": 500 + p.Number, "FiNm": p.First, "In": string([]rune(p.First)[:1]) + ".",
		"Is": orNull(p.Prefix), "LaNm": p.Last, "ViGe": gender, "DaBi": p.Birth, "SoSe": p.BSN, "EmAd": p.Email,
		"MbN2": p.Mobile, "ModifiedDate": f.changed(p.Number),
	}
	if p.Number%9 == 0 {
		row["EmAd"] = nil
	}
	f.put("persons", row)
}

func (f *filling) employee(p dataset.Person) {
	hours := []int64{3600, 2800, 1650, 0, 3200}[f.r.IntN(5)]
	row := dataset.Row{
		"EmId": employeeID(p), "BcCo": code(p), "DpId": p.Unit, "FuDs": p.Job,
		"HrWk": dataset.Decimal{Units: hours, Scale: 2}, "FTE": dataset.Decimal{Units: hours * 100 / 36, Scale: 4},
		"DaBe": f.today.AddDate(-1-f.r.IntN(15), 0, -f.r.IntN(300)), "Bl": p.Number%13 == 0, "ModifiedDate": f.changed(p.Number),
	}
	switch p.Number % 11 {
	case 3:
		row["DaEn"] = f.today.AddDate(0, 0, 39)
	case 7:
		row["DaEn"] = f.today.AddDate(0, 0, -60)
	case 9:
		row["FuDs"] = nil
	}
	f.put("employees", row)
	f.put("employments", dataset.Row{"EmId": row["EmId"], "EnSe": 1, "DaBe": row["DaBe"], "DaEn": row["DaEn"]})
	if p.Number%8 == 0 {
		f.put("employments", dataset.Row{"EmId": row["EmId"], "EnSe": 2, "DaBe": f.today.AddDate(0, -1, 0)})
	}
}

func (f *filling) agenda(people []dataset.Person, employees int) {
	subjects := []string{"Kennismaking", "Rondleiding", "Voortgang", "Oplevering & nazorg", "Intake <spoed>"}
	for i := range max(employees/2, 6) {
		start := f.today.Add(time.Duration(i%10-1)*24*time.Hour + time.Duration(9+i%8)*time.Hour)
		host, subject := people[f.r.IntN(employees)], subjects[i%len(subjects)]
		if i >= len(subjects) {
			subject += fmt.Sprintf(" %d", i+1)
		}
		f.put("agenda", dataset.Row{
			"ApId": 70001 + i, "Ds": subject, "DsBe": start, "DsEn": start.Add(time.Hour),
			"Lo": fmt.Sprintf("Kamer %d", 1+i%7), "EmId": employeeID(host), "Ca": i%9 == 8, "ModifiedDate": f.changed(i + 3),
		})
		for n := range 1 + i%3 {
			guest := people[employees+(i+n)%(len(people)-employees)]
			f.put("guests", dataset.Row{
				"ApId": 70001 + i, "Nr": n + 1, "Nm": guest.Name(), "EmAd": guest.Email, "ModifiedDate": f.changed(i + 3),
			})
		}
	}
}

func (f *filling) courses(people []dataset.Person) {
	names := []string{"Reanimatie basis", "Omgaan met agressie", "Tillen en verplaatsen"}
	for i, name := range names {
		event := 340 + i
		f.put("events", dataset.Row{"CrId": event, "Ds": name, "LoId": fmt.Sprintf("ZAAL-%d", i+1), "ModifiedDate": f.changed(i + 3)})
		for session := range 1 + i {
			f.put("sessions", dataset.Row{
				"CrId": event, "SeId": session + 1, "SeDa": f.today.AddDate(0, 0, 2+i+7*session), "StTi": "09:30:00", "EnTi": "12:00:00",
				"BcId": 501, "LoId": fmt.Sprintf("ZAAL-%d", i+1), "ModifiedDate": f.changed(i + 3),
			})
		}
		for n := range min(8+4*i, len(people)) {
			f.member(event, 1+i, 1322+20*i+n, people[(7*i+n)%len(people)])
		}
	}
}

func (f *filling) member(event, sessions, contact int, p dataset.Person) {
	row := dataset.Row{
		"CrId": event, "CdId": contact, "BcCo": code(p), "DeId": "10730", "SuDa": f.today.AddDate(0, 0, -contact%50),
		"DfPr": "125", "DiPc": "0", "Invo": true, "CuId": "EUR", "Bl": false, "ModifiedDate": f.changed(contact),
	}
	if contact%5 == 0 {
		row["DfPr"], row["DiPc"], row["Rm"] = "0", "100", strings.Join([]string{"Regel 1", "Regel 2"}, "\r\n")
	}
	f.put("members", row)
	for session := range sessions {
		f.put("presences", dataset.Row{
			"CrId": event, "SeId": session + 1, "MeId": code(p), "CdId": contact, "Pres": false, "ModifiedDate": row["ModifiedDate"],
		})
	}
}
