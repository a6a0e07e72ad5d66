package engine_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
)

func TestStateIsListed(t *testing.T) {
	b := failing(t)
	pipelines, _, err := b.engine().StateList(context.Background())
	if err != nil || len(pipelines) != 1 {
		t.Fatalf("%+v, %v", pipelines, err)
	}
	p := pipelines[0]
	p.Positions, p.Identity = nil, ""
	want := engine.PipelineState{Address: "pipeline.people", Name: "people", Configured: true, Sink: "sink.sql.people",
		Items: map[string]int{"delivered": 1}, Open: map[string]int{"failed": 1}, LastRun: 1, LastStatus: "partial", LastEnded: b.now}
	p.LastEnded = p.LastEnded.UTC()
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestStateMoves(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.run(engine.Options{})
	b.write("main.hcl", strings.Replace(people, `pipeline "people"`, `pipeline "staff"`, 1))
	edit, err := b.engine().MoveState(ctx, "pipeline.people", "pipeline.staff", "noor")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(edit.Backup); err != nil {
		t.Errorf("no backup: %v", err)
	}
	b.wantRun(engine.Options{}, "staff succeeded: unchanged 1")
	if _, err := b.engine().MoveState(ctx, "pipeline.people", "pipeline.other", "noor"); !errors.As(err, new(*engine.UnknownError)) {
		t.Errorf("moved what is not there: %v", err)
	}
	if _, err := b.engine().MoveState(ctx, "pipeline.staff", "pipeline.staff", "noor"); !errors.As(err, new(*engine.TakenError)) {
		t.Errorf("moved onto itself: %v", err)
	}
	if _, err := b.engine().MoveState(ctx, "pipeline.staff", "source.file.people", "noor"); err == nil {
		t.Error("moved a pipeline to a source")
	}
}

func TestStateResetStartsOverAndRemoveNeedsAnOrphan(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.run(engine.Options{})
	if _, err := b.engine().ForgetState(ctx, "pipeline.people", "noor"); !errors.Is(err, engine.ErrConfigured) {
		t.Errorf("removed what is configured: %v", err)
	}
	if _, err := b.engine().ResetState(ctx, "pipeline.people", "noor"); err != nil {
		t.Fatal(err)
	}
	// The row stands at the target and is taken over.
	b.wantRun(engine.Options{}, "people succeeded: created 1")
	b.wantRows(db, "SELECT id, name FROM people", "1|Ann")
	b.write("main.hcl", "")
	if _, err := b.engine().ForgetState(ctx, "pipeline.people", "noor"); err != nil {
		t.Fatal(err)
	}
	if pipelines, _, err := b.engine().StateList(ctx); err != nil || len(pipelines) != 0 {
		t.Errorf("%+v, %v", pipelines, err)
	}
}

func TestStateComesBackFromAnExport(t *testing.T) {
	ctx := context.Background()
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"1","first":"Ann"}`)})
	b.run(engine.Options{})
	var export bytes.Buffer
	if err := b.engine().Store.Export(ctx, &export); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine().ResetState(ctx, "pipeline.people", "noor"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine().ImportState(ctx, &export); err != nil {
		t.Fatal(err)
	}
	b.wantRun(engine.Options{}, "people succeeded: unchanged 1")
}

func TestRekeyChangesTheKey(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": guarded, "people.jsonl": lines(`{"id":"1","first":"Ann","tel":"555"}`)})
	b.run(engine.Options{})
	key := filepath.Join(b.dir, ".koppel", "state.key")
	before, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.engine().RekeyState(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(key)
	if err != nil || bytes.Equal(before, after) {
		t.Errorf("the key is the same: %v", err)
	}
	b.wantRun(engine.Options{}, "people succeeded: unchanged 1")
}

const upAndDown = `
connection "sqlite" "hr" { path = "hr.db" }
connection "sqlite" "db" { path = "target.db" }
source "sql" "staff" {
  connection = connection.sqlite.hr
  query      = "SELECT id, name, changed FROM staff WHERE changed > coalesce(:cursor, '')"
  key        = ["id"]
  incremental { cursor = ["changed"] }
}
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "people" {
  from = source.sql.staff
  into = sink.sql.people
  map {
    id   = src.id
    name = src.name
  }
}
pipeline "mails" {
  from = pipeline.people
  key  = lower(src.name)
  map { mail = src.name }
}
`

// contains tells whether any file below the state's folder holds a text.
func (b *bench) contains(text string) []string {
	b.t.Helper()
	var found []string
	err := filepath.WalkDir(filepath.Join(b.dir, ".koppel"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if bytes.Contains(body, []byte(text)) {
			found = append(found, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

func newUpAndDown(t *testing.T) *bench {
	b := newBench(t, map[string]string{"main.hcl": upAndDown})
	b.rows("hr.db", "CREATE TABLE staff(id TEXT PRIMARY KEY, name TEXT, changed TEXT)")
	b.rows("hr.db", "INSERT INTO staff VALUES ('77123','Quirina','2026-01-01T00:00:00Z'),('2','Bob','2026-01-02T00:00:00Z')")
	b.run(engine.Options{})
	return b
}

func TestEraseRemovesARecordFromEverything(t *testing.T) {
	ctx := context.Background()
	b := newUpAndDown(t)
	b.rows("hr.db", "UPDATE staff SET name='Quirine', changed='2026-02-01T00:00:00Z' WHERE id='77123'")
	b.run(engine.Options{})
	e := b.engine()
	out, err := e.Erase(ctx, engine.Erasure{Address: "pipeline.people", Key: "77123", Who: "noor", Reason: "asked to"})
	if err != nil {
		t.Fatal(err)
	}
	want := []engine.ErasedPlace{{Address: "pipeline.people", Key: "77123", Target: out.Kept[0].Target},
		{Address: "source.sql.staff", Key: "77123"}, {Address: "pipeline.mails", Key: "quirine"}}
	if diff := cmp.Diff(want, out.Places); diff != "" {
		t.Errorf("places (-want +got)\n%s", diff)
	}
	// The trail ties the record's earlier key to nobody, so that it is named.
	if diff := cmp.Diff([]engine.ErasedPlace{{Address: "pipeline.mails", Key: "quirina"}}, out.Maybe); diff != "" {
		t.Errorf("earlier keys (-want +got)\n%s", diff)
	}
	if _, err := e.Erase(ctx, engine.Erasure{Address: "pipeline.mails", Key: "quirina", Who: "noor", Reason: "asked to"}); err != nil {
		t.Fatal(err)
	}
	if err := e.Store.Close(); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"77123", "Quirin", "quirin"} {
		if found := b.contains(text); len(found) > 0 {
			t.Errorf("%s is still in %v", text, found)
		}
	}
	b.wantRows(db, "SELECT id FROM people ORDER BY id", "2", "77123")
	if _, err := b.engine().Erase(ctx, engine.Erasure{Address: "pipeline.people", Key: "77123", Who: "noor", Reason: "again"}); !errors.As(err, new(*engine.UnknownError)) {
		t.Errorf("erased twice: %v", err)
	}
}

func TestEraseFromTheTarget(t *testing.T) {
	b := newUpAndDown(t)
	out, err := b.engine().Erase(context.Background(), engine.Erasure{Address: "pipeline.people", Key: "77123", Who: "noor", Reason: "asked to", FromTarget: true})
	if err != nil || !out.Deleted || len(out.Kept) != 0 {
		t.Fatalf("%+v, %v", out, err)
	}
	b.wantRows(db, "SELECT id FROM people ORDER BY id", "2")
}
