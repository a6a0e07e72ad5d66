package demo

import (
	"strconv"
	"time"

	"koppel/internal/sandbox/dataset"
)

// facts are what the story may name in braces: what the systems hold at this
// moment, and days that move with today.
func (d *Demo) facts() map[string]string {
	afas, office := d.Box.AFAS.Data, d.Box.AlleyOop.Data
	return map[string]string{
		"sandbox":      d.Box.ControlURL(),
		"employees":    strconv.Itoa(len(afas.Rows("employees"))),
		"in service":   strconv.Itoa(len(d.inService())),
		"clients":      strconv.Itoa(len(office.Rows("clients"))),
		"participants": strconv.Itoa(len(afas.Rows("presences"))),
		"today":        d.Now().Format(time.DateOnly),
		"in 3 days":    d.Now().AddDate(0, 0, 3).Format(time.DateOnly),
		"last year":    strconv.Itoa(d.Now().Year() - 1),
	}
}

// inService lists the employees whom AFAS has in service, as they stand in the
// directory: number, name, address, department and function.
func (d *Demo) inService() [][]string {
	persons := byKey(d.Box.AFAS.Data.Rows("persons"), "BcCo")
	var rows [][]string
	for _, e := range d.Box.AFAS.Data.Rows("employees") {
		if left, ok := e["DaEn"].(time.Time); e["Bl"] == true || ok && left.Before(d.Now().AddDate(0, 0, -1)) {
			continue
		}
		p := persons[dataset.Text(e["BcCo"])]
		rows = append(rows, []string{
			dataset.Text(e["EmId"]), words(p, "FiNm", "Is", "LaNm"), lower(p["EmAd"]), dataset.Text(e["DpId"]), dataset.Text(e["FuDs"]),
		})
	}
	return rows
}
