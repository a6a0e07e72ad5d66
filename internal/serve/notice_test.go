package serve

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/state"
)

// listening gives what listens to notices of a service that has subscribed and
// was stopped, so that nothing runs that it starts. Each of two pipelines reads a
// mailbox of its own.
func listening(t *testing.T) (*tenancy, *subscriber) {
	t.Helper()
	w := newTenancy(t)
	w.configure(w.boxes[0])
	other := `
source "graph_events" "others" {
  connection = connection.graph.tenant
  mailboxes  = ["` + w.boxes[1] + `"]
  delta      = true
}
pipeline "others" {
  from = source.graph_events.others
  map { id = src.id }
}
`
	if err := os.WriteFile(filepath.Join(w.dir, "others.hcl"), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	w.serve()
	w.await("subscribed", func() bool { return len(w.subscribed()) == 2 })
	w.stop()
	r := &reception{s: w.Service, project: w.Project(), running: map[int64]string{}}
	s := &subscriber{r: r, source: "source.webhook.notices", connection: "connection.graph.tenant", readers: woken(r.project.Project, "connection.graph.tenant")}
	reads, err := r.parts(t.Context(), r.project, s.connection)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{w.boxes[0]: {"pipeline.meetings"}, w.boxes[1]: {"pipeline.others"}}, reads); diff != "" {
		t.Fatalf("who reads what (-want +got):\n%s", diff)
	}
	w.mu.Lock()
	w.Service.mu.Lock()
	for _, j := range w.jobs {
		j.drop()
	}
	w.Service.mu.Unlock()
	w.mu.Unlock()
	s.reads = reads
	return w, s
}

// wanted lists the pipelines of which a run is wanted.
func (w *tenancy) wanted() []string {
	var list []string
	for _, p := range w.Status().Pipelines {
		if !p.Due.IsZero() {
			list = append(list, p.Address)
		}
	}
	return list
}

// A notice starts the pipelines that read the mailbox, and no others; all where it
// is not known which it is.
func TestNoticeStarts(t *testing.T) {
	w, s := listening(t)
	for _, tt := range []struct {
		parts, want []string
	}{
		{[]string{"nobody's"}, nil},
		{[]string{w.boxes[1]}, []string{"pipeline.others"}},
		{nil, []string{"pipeline.meetings", "pipeline.others"}},
	} {
		s.Changed(tt.parts)
		if diff := cmp.Diff(tt.want, w.wanted()); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.parts, diff)
		}
	}
}

// cursors tells of which mailboxes it is remembered how far they were read.
func (w *tenancy) cursors() (list []string) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(v state.View) error {
		for _, name := range []string{"meetings", "others"} {
			src, _, err := v.Source("source.graph_events." + name)
			if err != nil {
				return err
			}
			parts, err := v.Parts(src.ID)
			if err != nil {
				return err
			}
			for _, p := range parts {
				if len(p.Cursor) > 0 {
					list = append(list, p.Name)
				}
				if p.FullAt.IsZero() {
					return fmt.Errorf("the mailbox %s proves nothing any more", p.Name)
				}
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// remember has the state hold how far the first mailbox was read, as a run does.
func (w *tenancy) remember() {
	w.t.Helper()
	err := w.store.Update(w.t.Context(), func(tx state.Tx) error {
		src, _, err := tx.Source("source.graph_events.meetings")
		if err != nil {
			return err
		}
		return tx.PutPart(state.Part{Source: src.ID, Name: w.boxes[0], Cursor: []byte("https://graph.example/delta"), FullAt: time.Now()})
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A mailbox of which notices were lost is read whole: how far it was read is
// forgotten in the state, also what a run remembers that had begun before.
func TestNoticesLost(t *testing.T) {
	w, s := listening(t)
	both := []string{w.boxes[0], w.boxes[1]}
	if diff := cmp.Diff(both, w.cursors()); diff != "" {
		t.Fatalf("at first (-want +got):\n%s", diff)
	}
	meetings := w.Project().Pipelines["pipeline.meetings"]
	begins := func(id int64) Started {
		started := Started{RunID: id, Pipeline: meetings}
		s.r.RunStarted(started)
		return started
	}
	before := begins(1)
	if err := s.Lost(t.Context(), both[:1]); err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		do   func()
		want []string
	}{
		{func() {}, both[1:]},
		{w.remember, both},
		{func() { s.r.RunEnded(Ended{Started: before}) }, both[1:]},
		{func() { after := begins(2); w.remember(); s.r.RunEnded(Ended{Started: after}) }, both},
	} {
		step.do()
		if diff := cmp.Diff(step.want, w.cursors()); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
	}
	if diff := cmp.Diff([]string{"pipeline.meetings"}, w.wanted()); diff != "" {
		t.Errorf("wanted (-want +got):\n%s", diff)
	}
	if len(s.r.losses) != 0 {
		t.Error("a loss is remembered for ever")
	}
	if err := s.Lost(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := w.cursors(); len(got) != 0 {
		t.Errorf("after all were lost: %v", got)
	}
}
