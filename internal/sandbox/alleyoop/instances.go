package alleyoop

import (
	"net/http"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

func (s *System) definitions(x *traffic.Exchange) (any, error) {
	return counted(x, s.Data.Rows("definitions")), nil
}

// clients lists the clients that fit all headers given.
func (s *System) clients(x *traffic.Exchange) (any, error) {
	return counted(x, matching(s.Data.Rows("clients"), x.Request, map[string]string{
		"X-clientId": "clientId", "X-bsn": "bsn", "X-kvk": "kvk", "X-name": "name", "X-referId": "referId", "X-rsin": "rsin",
		"X-vat": "vat", "X-wage": "wage",
	})), nil
}

// matching keeps the rows whose columns equal the headers that are given.
func matching(rows []dataset.Row, r *http.Request, columns map[string]string) []dataset.Row {
	list := []dataset.Row{}
	for _, row := range rows {
		fits := true
		for header, column := range columns {
			if want := r.Header.Get(header); want != "" && row[column] != want {
				fits = false
			}
		}
		if fits {
			list = append(list, row)
		}
	}
	return list
}

func counted(x *traffic.Exchange, rows []dataset.Row) []dataset.Row {
	x.Call.Rows = len(rows)
	return rows
}

// instances lists the instances that fit; X-taskId is the id that a creation
// returned.
func (s *System) instances(x *traffic.Exchange) (any, error) {
	return counted(x, matching(s.Data.Rows("instances"), x.Request, map[string]string{
		"X-taskId": "instanceId", "X-clientId": "clientId", "X-processKey": "processKey", "X-periodStart": "periodStart", "X-periodEnd": "periodEnd",
	})), nil
}

// create makes an instance, also where one exists for the same client, process
// and period.
func (s *System) create(x *traffic.Exchange) (any, error) {
	row, err := named(x.Request)
	if err != nil {
		return nil, err
	}
	var made dataset.Row
	err = s.Data.Change(func(tx *dataset.Tx) (err error) {
		switch {
		case tx.Get("clients", dataset.Text(row["clientId"])) == nil:
			return refuse(http.StatusNotFound, "client %s is unknown", row["clientId"])
		case tx.Get("definitions", dataset.Text(row["processKey"])) == nil:
			return refuse(http.StatusNotFound, "process %s is unknown", row["processKey"])
		}
		made, err = s.start(tx, row, s.o.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	x.Effect("insert", "process-instances", dataset.Text(made["instanceId"]), made)
	if s.o.CreatedAsList {
		return []dataset.Row{made}, nil
	}
	return made, nil
}

// named reads the four headers that name an instance.
func named(r *http.Request) (dataset.Row, error) {
	row := dataset.Row{}
	for header, column := range map[string]string{
		"X-clientId": "clientId", "X-processKey": "processKey", "X-periodStart": "periodStart", "X-periodEnd": "periodEnd",
	} {
		value := r.Header.Get(header)
		if value == "" {
			return nil, refuse(http.StatusBadRequest, "header %s is missing", header)
		}
		row[column] = value
	}
	for _, column := range []string{"periodStart", "periodEnd"} {
		if _, err := time.Parse(time.DateOnly, dataset.Text(row[column])); err != nil {
			return nil, refuse(http.StatusBadRequest, "%s %q is no date YYYY-MM-DD", column, row[column])
		}
	}
	return row, nil
}

// remove deletes an instance with its tasks and files.
func (s *System) remove(x *traffic.Exchange) (any, error) {
	id := x.Request.Header.Get("X-instanceId")
	if id == "" {
		return nil, refuse(http.StatusBadRequest, "header X-instanceId is missing")
	}
	err := s.Data.Change(func(tx *dataset.Tx) error {
		if tx.Get("instances", id) == nil {
			return refuse(http.StatusNotFound, "process instance %s is unknown", id)
		}
		for _, t := range tx.Rows("tasks") {
			if t["processInstanceId"] == id {
				if err := tx.Delete("tasks", dataset.Text(t["taskId"])); err != nil {
					return err
				}
			}
		}
		return tx.Delete("instances", id)
	})
	if err != nil {
		return nil, err
	}
	x.Effect("delete", "process-instances", id, map[string]string{"reason": x.Request.Header.Get("X-reason")})
	return struct{}{}, nil
}
