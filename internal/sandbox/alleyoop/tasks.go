package alleyoop

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// A task is what callers see of a task.
type task struct {
	TaskID      string `json:"taskId"`
	InstanceID  string `json:"processInstanceId"`
	ClientID    string `json:"clientId"`
	PeriodStart string `json:"periodStart"`
	PeriodEnd   string `json:"periodEnd"`
	Key         string `json:"key"`
	Name        string `json:"name"`
	StartDate   string `json:"startDate"`
	DueDate     string `json:"dueDate"`
	EndDate     string `json:"endDate,omitempty"` // of finished tasks

	process, signal, group string
}

// tasks lists the active tasks that fit.
func (s *System) tasks(x *traffic.Exchange) (any, error) { return s.listTasks(x, false), nil }

// history lists the finished tasks that fit.
func (s *System) history(x *traffic.Exchange) (any, error) { return s.listTasks(x, true), nil }

func (s *System) listTasks(x *traffic.Exchange, finished bool) []task {
	h := x.Request.Header
	fits := func(t task) bool {
		for header, values := range map[string][]string{
			"X-taskId": {t.InstanceID, t.TaskID}, "X-clientId": {t.ClientID}, "X-group": {t.group}, "X-signal": {t.signal},
			"X-processKey": {t.process}, "X-periodStart": {t.PeriodStart}, "X-periodEnd": {t.PeriodEnd},
		} {
			if want := h.Get(header); want != "" && !slices.Contains(values, want) {
				return false
			}
		}
		return (t.EndDate != "") == finished
	}
	list := []task{}
	s.Data.View(func(tx *dataset.Tx) {
		for _, row := range tx.Rows("tasks") {
			if t := shown(tx, row); fits(t) {
				list = append(list, t)
			}
		}
	})
	x.Call.Rows = len(list)
	return list
}

func shown(tx *dataset.Tx, row dataset.Row) task {
	text := dataset.Text
	of := tx.Get("instances", text(row["processInstanceId"]))
	return task{
		TaskID: text(row["taskId"]), InstanceID: text(row["processInstanceId"]), ClientID: text(of["clientId"]),
		PeriodStart: text(of["periodStart"]), PeriodEnd: text(of["periodEnd"]), Key: text(row["key"]), Name: text(row["name"]),
		StartDate: text(row["startDate"]), DueDate: text(row["dueDate"]), EndDate: text(row["endDate"]),
		process: text(of["processKey"]), signal: text(row["signal"]), group: text(row["group"]),
	}
}

// signal finishes the active task that waits for a signal, of the oldest
// instance that fits. A signal that is not due answers 404.
func (s *System) signal(x *traffic.Exchange) (any, error) {
	name := x.Request.Header.Get("X-signal")
	if name == "" {
		return nil, refuse(http.StatusBadRequest, "header X-signal is missing")
	}
	of, err := named(x.Request)
	if err != nil {
		return nil, err
	}
	var done task
	err = s.Data.Change(func(tx *dataset.Tx) error {
		for _, row := range tx.Rows("tasks") {
			t := shown(tx, row)
			if t.EndDate != "" || !strings.EqualFold(t.signal, name) || t.ClientID != of["clientId"] || t.process != of["processKey"] ||
				t.PeriodStart != of["periodStart"] || t.PeriodEnd != of["periodEnd"] {
				continue
			}
			done = t
			return s.finish(tx, t, row["stage"].(int64))
		}
		return refuse(http.StatusNotFound, "no given task")
	})
	if err != nil {
		return nil, err
	}
	x.Effect("signal", "tasks", done.InstanceID, map[string]string{
		"signal": done.signal, "taskId": done.TaskID, "clientId": done.ClientID, "processKey": done.process,
		"periodStart": done.PeriodStart, "periodEnd": done.PeriodEnd,
	})
	return struct{}{}, nil
}

// finish ends a task, and begins the next stage with the last task of its own.
func (s *System) finish(tx *dataset.Tx, t task, stage int64) error {
	if err := tx.Update("tasks", t.TaskID, dataset.Row{"endDate": s.o.Now().Format(time.DateOnly)}); err != nil {
		return err
	}
	for _, row := range tx.Rows("tasks") {
		if row["processInstanceId"] == t.InstanceID && row["stage"] == stage && dataset.Text(row["endDate"]) == "" {
			return nil
		}
	}
	return s.begin(tx, tx.Get("instances", t.InstanceID), stage+1, s.o.Now())
}
