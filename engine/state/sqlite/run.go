package sqlite

import (
	"fmt"
	"iter"
	"strconv"
	"time"

	"zombiezen.com/go/sqlite"

	"koppel/engine/state"
)

const (
	runColumns = "SELECT id, pipeline, address, plan, kind, started, ended, status, counts, clock, problems FROM run"
	runReplace = "INSERT OR REPLACE INTO run (id, pipeline, address, plan, kind, started, ended, status, counts, clock, problems) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	runNumber  = "INSERT INTO number (name, last) VALUES ('run', max(1, ?)) ON CONFLICT (name) DO UPDATE SET last = max(last + 1, excluded.last) RETURNING last"
	runRaise   = "INSERT INTO number (name, last) VALUES ('run', ?) ON CONFLICT (name) DO UPDATE SET last = max(last, excluded.last)"
)

func (v *view) scanRun(st *sqlite.Stmt, r *state.Run) (err error) {
	*r = state.Run{
		ID:       st.ColumnInt64(0),
		Pipeline: st.ColumnInt64(1),
		Address:  st.ColumnText(2),
		Plan:     st.ColumnText(3),
		Kind:     st.ColumnText(4),
		Started:  fromMillis(st.ColumnInt64(5)),
		Ended:    fromMillis(st.ColumnInt64(6)),
		Status:   st.ColumnText(7),
		Counts:   columnBytes(st, 8),
		Clock:    fromMillis(st.ColumnInt64(9)),
	}
	problems, err := v.unpack(nil, st, 10, "run", r.ID, strconv.FormatInt(r.Pipeline, 10))
	if len(problems) > 0 {
		r.Problems = problems
	}
	return err
}

// Runs yields runs, newest first; pipeline 0: of all pipelines.
func (v *view) Runs(pipeline int64) iter.Seq2[*state.Run, error] {
	if pipeline == 0 {
		return rows(v, runColumns+" ORDER BY id DESC, pipeline DESC", nil, v.scanRun)
	}
	return rows(v, runColumns+" WHERE pipeline = ? ORDER BY id DESC", []any{pipeline}, v.scanRun)
}

// Run gives the entries of one run by pipeline.
func (v *view) Run(id int64) ([]state.Run, error) {
	return list(v, runColumns+" WHERE id = ? ORDER BY pipeline", []any{id}, v.scanRun)
}

// PlanApplied tells whether a plan was applied or begun, and its run. Plans
// are remembered when their run is pruned.
func (v *view) PlanApplied(plan string) (run int64, done bool, err error) {
	done, err = v.one("SELECT run FROM plan WHERE id = ?", []any{plan}, func(st *sqlite.Stmt) error {
		run = st.ColumnInt64(0)
		return nil
	})
	return run, done, err
}

// BeginRun makes the row of a run and gives its id; id 0 starts a new run. A
// plan belongs to one run for ever.
func (t *tx) BeginRun(r state.Run) (int64, error) {
	if r.ID == 0 {
		_, err := t.one(runNumber, []any{int64(0)}, func(st *sqlite.Stmt) error {
			r.ID = st.ColumnInt64(0)
			return nil
		})
		if err != nil {
			return 0, t.check(err)
		}
	}
	return r.ID, t.PutRun(r)
}

// PutRun inserts or replaces the entry of a run for one pipeline.
func (t *tx) PutRun(r state.Run) error {
	if r.ID == 0 {
		return fmt.Errorf("write a run: it has no id")
	}
	if err := t.exec(runRaise, r.ID); err != nil {
		return err
	}
	if r.Plan != "" {
		if err := t.claimPlan(r.Plan, r.ID); err != nil {
			return err
		}
	}
	problems := t.pack("run", r.ID, []string{strconv.FormatInt(r.Pipeline, 10)}, r.Problems)
	return t.exec(runReplace, r.ID, r.Pipeline, r.Address, r.Plan, r.Kind, r.Started, r.Ended, r.Status, r.Counts, r.Clock, problems)
}

func (t *tx) claimPlan(plan string, run int64) error {
	other, done, err := t.PlanApplied(plan)
	if err != nil {
		return err
	}
	if done && other != run {
		return fmt.Errorf("write a run: plan %s was applied by run %d", plan, other)
	}
	return t.exec("INSERT OR REPLACE INTO plan (id, run) VALUES (?, ?)", plan, run)
}

const ended = "(ended <> 0 AND ended < ? OR ended = 0 AND started < ?)"

// Prune removes audit rows, runs and deliveries that ended before a time. A run
// that was cut off counts from its start.
func (t *tx) Prune(before time.Time) error {
	err := t.exec("DELETE FROM change WHERE EXISTS (SELECT 1 FROM run WHERE run.id = change.run AND run.pipeline = change.pipeline AND "+ended+")", before, before)
	if err != nil {
		return err
	}
	if err := t.exec("DELETE FROM run WHERE "+ended, before, before); err != nil {
		return err
	}
	return t.dropDeliveries("ended <> 0 AND ended < ?", before)
}
