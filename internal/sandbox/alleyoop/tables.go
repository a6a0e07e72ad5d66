package alleyoop

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

func texts(names ...string) []dataset.Column {
	list := make([]dataset.Column, len(names))
	for i, n := range names {
		list[i] = dataset.Column{Name: n, Type: dataset.String}
	}
	return list
}

func tables() []dataset.Def {
	return []dataset.Def{
		{Name: "clients", Key: []string{"clientId"}, Columns: append(
			texts("clientId", "name", "referId", "rsin", "bsn", "vat", "wage", "kvk"), dataset.Column{Name: "inactive", Type: dataset.Bool})},
		{Name: "definitions", Key: []string{"key"}, Columns: append(
			texts("key", "name", "description"), dataset.Column{Name: "version", Type: dataset.Int})},
		// steps are the tasks of a process; those of one stage may be done in any
		// order, and a stage begins when the one before it is done.
		{Name: "steps", Key: []string{"processKey", "key"}, Columns: append(
			texts("processKey", "key", "name", "signal", "group"), dataset.Column{Name: "stage", Type: dataset.Int})},
		{Name: "instances", Key: []string{"instanceId"}, Columns: append(
			texts("clientId", "processKey", "processName", "instanceId", "processDescription", "periodStart", "periodEnd"),
			dataset.Column{Name: "processVersion", Type: dataset.Int})},
		{Name: "tasks", Key: []string{"taskId"}, Columns: append(
			texts("taskId", "processInstanceId", "key", "name", "signal", "group", "startDate", "dueDate", "endDate"),
			dataset.Column{Name: "stage", Type: dataset.Int})},
		{Name: "files", Key: []string{"uploadId"}, Columns: append(
			texts("uploadId", "instanceId", "typeId", "filename", "sha256", "filetime"), dataset.Column{Name: "filesize", Type: dataset.Int})},
	}
}

// seed fills the installation. The clients hold a name and a KvK number that
// occur twice, and one who is inactive.
func (s *System) seed() error {
	return s.Data.Change(func(tx *dataset.Tx) error {
		r := dataset.Rand(s.o.Seed, "alleyoop")
		var err error
		put := func(table string, row dataset.Row) {
			if err == nil {
				_, err = tx.Insert(table, row)
			}
		}
		for i, p := range dataset.People(s.o.Seed+1, s.o.Clients) {
			row := dataset.Row{
				"clientId": fmt.Sprintf("%08x-5a4d-4b0c-9e00-%012x", r.Uint32(), i+1), "name": "Testpraktijk " + p.Name(),
				"referId": fmt.Sprintf("T%04d", i+1), "rsin": "", "bsn": "", "vat": "", "wage": "", "kvk": fmt.Sprintf("%08d", 1001+i), "inactive": false,
			}
			switch i {
			case 1:
				row["kvk"], row["bsn"] = "", p.BSN
			case 3:
				row["kvk"] = "00001003" // that of the third
			case 5:
				row["name"] = "Testpraktijk Dubbel"
			case 6:
				row["name"] = "Testpraktijk Dubbel"
			case 7:
				row["inactive"] = true
			}
			put("clients", row)
		}
		for _, d := range definitions() {
			put("definitions", dataset.Row{"key": d.key, "name": d.name, "description": d.name, "version": d.version})
			for _, step := range d.steps {
				put("steps", step.row(d.key))
			}
		}
		if err != nil {
			return fmt.Errorf("fill AlleyOop: %w", err)
		}
		first := tx.Rows("clients")[0]["clientId"]
		year := s.o.Now().Year() - 2
		_, err = s.start(tx, dataset.Row{
			"clientId": first, "processKey": "SAMENSTELLEN_09", "periodStart": fmt.Sprintf("%d-01-01", year), "periodEnd": fmt.Sprintf("%d-12-31", year),
		}, s.o.Now())
		return err
	})
}

type definition struct {
	key, name string
	version   int
	steps     []step
}

type step struct {
	stage           int
	key, name, crew string
}

func (d step) row(process string) dataset.Row {
	return dataset.Row{
		"processKey": process, "key": d.key, "name": d.name, "stage": d.stage, "group": d.crew,
		"signal": process + "-" + strings.ToUpper(d.key),
	}
}

func definitions() []definition {
	return []definition{
		{"SAMENSTELLEN_09", "Samenstellen 0.9", 2, []step{
			{1, "aanmaken_lijst", "Aanmaken lijst", "assistenten"},
			{2, "informatie_compleet", "Informatie compleet", "assistenten"},
			{2, "voorbereiding", "Voorbereiding", "assistenten"},
			{3, "samenstellen", "Samenstellen", "assistenten"},
			{4, "beoordelen", "Beoordelen", "accountants"},
		}},
		{"CONTROLE_08", "Controle", 1, []step{
			{1, "opdracht", "Opdracht aanvaarden", "accountants"},
			{2, "controle", "Controle uitvoeren", "accountants"},
		}},
	}
}

// start makes an instance and its first tasks.
func (s *System) start(tx *dataset.Tx, row dataset.Row, now time.Time) (dataset.Row, error) {
	d := tx.Get("definitions", dataset.Text(row["processKey"]))
	row["instanceId"] = s.nextNumber()
	row["processName"], row["processDescription"], row["processVersion"] = d["name"], d["description"], d["version"]
	key, err := tx.Insert("instances", row)
	if err != nil {
		return nil, err
	}
	made := tx.Get("instances", key)
	return made, s.begin(tx, made, 1, now)
}

// begin makes the tasks of a stage.
func (s *System) begin(tx *dataset.Tx, instance dataset.Row, stage int64, now time.Time) error {
	for _, step := range tx.Rows("steps") {
		if step["processKey"] != instance["processKey"] || step["stage"] != stage {
			continue
		}
		if _, err := tx.Insert("tasks", dataset.Row{
			"taskId": s.nextNumber(), "processInstanceId": instance["instanceId"], "key": step["key"], "name": step["name"],
			"signal": step["signal"], "group": step["group"], "stage": stage, "startDate": now.Format(time.DateOnly),
			"dueDate": now.AddDate(0, 0, 14).Format(time.DateOnly),
		}); err != nil {
			return err
		}
	}
	return nil
}

// nextNumber gives the next number of instances and tasks together: ids are
// text that looks like numbers.
func (s *System) nextNumber() string { return strconv.FormatInt(1332488+13*s.numbers.Add(1), 10) }
