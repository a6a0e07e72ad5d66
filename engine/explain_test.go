package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
)

// explained sums an explanation up: the stages of its records, then what
// becomes of its keys.
func explained(x *engine.Explanation) []string {
	var list []string
	joins := func(all []engine.JoinTrace) {
		for _, j := range all {
			line := fmt.Sprintf("  join %s %v %s", j.Name, j.Keys, j.Result)
			for _, f := range j.Found {
				line += fmt.Sprintf(" %s=%s", f.Key, f.Record)
			}
			list = append(list, line)
		}
	}
	for _, r := range x.Records {
		list = append(list, fmt.Sprintf("record %s %s %s", r.Key, r.Fate, r.Record))
		joins(r.Joins)
		for _, it := range r.Items {
			list = append(list, fmt.Sprintf("  item %s %s %s%s", it.Key, it.Fate, it.Item, it.Note))
			joins(it.Joins)
			for _, s := range it.Steps {
				list = append(list, fmt.Sprintf("    %s = %s%s", s.Field, s.Value, s.Error))
			}
		}
	}
	for _, k := range x.Keys {
		list = append(list, fmt.Sprintf("key %s: %s: %s", k.Key, k.Outcome, k.Why))
	}
	return list
}

func (b *bench) explain(key string) (*engine.Explanation, error) {
	b.t.Helper()
	e := b.engine()
	return e.Explain(context.Background(), e.Project.Pipelines["pipeline.people"], key)
}

func (b *bench) wantExplained(key string, want ...string) {
	b.t.Helper()
	x, err := b.explain(key)
	if err != nil {
		b.t.Fatal(err)
	}
	if diff := cmp.Diff(want, explained(x)); diff != "" {
		b.t.Errorf("explain %s (-want +got)\n%s", key, diff)
	}
}

func TestExplainFollowsARecordThroughEveryStage(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(
		`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`, `{"id":"3","first":"Cor"}`, `{"id":"9","first":"Out","blocked":true}`)})
	b.run(engine.Options{})
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bo"}`, `{"id":"4","first":"Dik"}`,
		`{"id":"5","first":"Ed","blocked":"x"}`, `{"id":"9","first":"Out","blocked":true}`))
	b.wantExplained("1", `record 1 mapped {"id":"1","first":"Ann"}`, `  item 1 mapped `, `    where = true`, `    id = "1"`, `    name = "Ann"`,
		`key 1: unchanged: the record is as it was delivered`)
	b.wantExplained("2", `record 2 mapped {"id":"2","first":"Bo"}`, `  item 2 mapped `, `    where = true`, `    id = "2"`, `    name = "Bo"`,
		`key 2: update: changed at source`)
	b.wantExplained("4", `record 4 mapped {"id":"4","first":"Dik"}`, `  item 4 mapped `, `    where = true`, `    id = "4"`, `    name = "Dik"`,
		`key 4: create: new`)
	b.wantExplained("9", `record 9 filtered {"id":"9","first":"Out","blocked":true}`, `  item  filtered `, `    where = false`, `    id = "9"`, `    name = "Out"`,
		`key 9: filtered: where is not true for it`)
	x, err := b.explain("5")
	if err != nil {
		t.Fatal(err)
	}
	if k := x.Keys[0]; k.Outcome != "failed" || !strings.Contains(k.Why, "where") {
		t.Errorf("a failed record: %+v", k)
	}
	if _, err := b.explain("Dikk"); !errors.As(err, new(*engine.UnknownError)) {
		t.Errorf("an unknown key: %v", err)
	}
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bo"}`))
	b.wantExplained("3", `key 3: delete: gone at source`)
	b.write("people.jsonl", lines(`{"id":"1","first":"Ann"}`)+`{"id":`)
	x, err = b.explain("3")
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Keys[0]; got.Outcome != "unproven" {
		t.Errorf("absent from a cut read: %+v", got)
	}
	b.wantRows(db, "SELECT id, name FROM people ORDER BY id", "1|Ann", "2|Bob", "3|Cor")
}

func TestExplainWritesNothing(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": dated})
	b.rows("hr.db", "CREATE TABLE staff(id INTEGER PRIMARY KEY, name TEXT, until TEXT, changed TEXT)")
	b.rows("hr.db", "INSERT INTO staff VALUES (1,'Ann',NULL,'2026-01-01T00:00:00Z')")
	b.run(engine.Options{})
	before := b.rows(".koppel/state.db", "SELECT cursor FROM part")
	b.rows("hr.db", "INSERT INTO staff VALUES (2,'Bob',NULL,'2026-02-01T00:00:00Z')")
	x, err := b.explain("2")
	if err != nil {
		t.Fatal(err)
	}
	if x.Keys[0].Outcome != "create" {
		t.Errorf("outcome %s", x.Keys[0].Outcome)
	}
	// A record that a cursor has passed is in the mirror.
	if x, err = b.explain("1"); err != nil || x.Keys[0].Outcome != "unchanged" || len(x.Records) != 1 {
		t.Errorf("mirrored record: %+v, %v", x, err)
	}
	if diff := cmp.Diff(before, b.rows(".koppel/state.db", "SELECT cursor FROM part")); diff != "" {
		t.Errorf("the cursor moved (-before +after)\n%s", diff)
	}
	b.wantRows(db, "SELECT id FROM people", "1")
}

const joinedByUnit = `
source "file" "people" {
  path      = "people.jsonl"
  key       = ["id"]
  sensitive = ["bsn", "home.street"]
}
source "file" "units" {
  path      = "units.jsonl"
  key       = ["code"]
  sensitive = ["boss"]
}
pipeline "people" {
  from = source.file.people
  join "unit" {
    with = source.file.units
    on   = [src.unit, unit.code]
    none = "skip"
  }
  each = jq(".phones[]")
  key  = [src.id, item.n]
  map {
    n    = item.n
    unit = unit.name
    boss = unit.boss
    bsn  = src.bsn
  }
}
`

func TestExplainJoinsItemsAndSensitiveValues(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": joinedByUnit,
		"units.jsonl":  lines(`{"code":"u","name":"Unit","boss":"secret-boss"}`),
		"people.jsonl": lines(`{"id":"1","bsn":"secret-bsn","home":{"street":"secret-street","town":"T"},"unit":"u","phones":[{"n":"11"},{"n":"12"}]}`, `{"id":"2","bsn":"x","unit":"none","phones":[{"n":"21"}]}`)})
	b.run(engine.Options{})
	const mask = "‹sensitive›"
	record := `record 1 mapped {"bsn":"` + mask + `","home":{"street":"` + mask + `","town":"T"},"id":"1","phones":[{"n":"11"},{"n":"12"}],"unit":"u"}`
	stages := []string{record, `  join unit [u] joined u={"boss":"` + mask + `","code":"u","name":"Unit"}`,
		`  item 1/11 mapped {"n":"11"}`, `    key = "1"`, `    key = "11"`, `    n = "11"`, `    unit = "Unit"`, `    boss = "` + mask + `"`, `    bsn = "` + mask + `"`,
		`  item 1/12 mapped {"n":"12"}`, `    key = "1"`, `    key = "12"`, `    n = "12"`, `    unit = "Unit"`, `    boss = "` + mask + `"`, `    bsn = "` + mask + `"`}
	b.wantExplained("1/12", append(stages, `key 1/12: unchanged: the record is as it was delivered`)...)
	// The key of a source record stands for all that it gives.
	b.wantExplained("1", append(stages, `key 1/11: unchanged: the record is as it was delivered`, `key 1/12: unchanged: the record is as it was delivered`)...)
	b.wantExplained("2", `record 2 filtered {"bsn":"`+mask+`","id":"2","phones":[{"n":"21"}],"unit":"none"}`, `  join unit [none] dropped`)
	x, err := b.explain("1/12")
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v %s", x, x.Keys[0].Record); strings.Contains(text, "secret-") {
		t.Errorf("a sensitive value is shown: %s", text)
	}
	b.write("people.jsonl", lines(`{"id":"1","bsn":"secret-bsn","unit":"u","phones":[{"n":"11"}]}`, `{"id":"2","bsn":"x","unit":"none","phones":[]}`))
	if x, err = b.explain("1/12"); err != nil || x.Keys[0].Outcome != "delete" {
		t.Errorf("an item that is no longer given: %+v, %v", x, err)
	}
}

func TestExplainShowsWhatHoldsAChange(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": guarded, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.run(engine.Options{})
	b.write("people.jsonl", lines(`{"id":"2","first":"Bob"}`))
	x, err := b.explain("1")
	if err != nil {
		t.Fatal(err)
	}
	k := x.Keys[0]
	if k.Outcome != "held" || len(k.Next.Guards) != 1 || k.Next.Guards[0].Limit != "0" {
		t.Errorf("a held delete: %+v %+v", k, k.Next)
	}
}

const byMail = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
pipeline "people" {
  from = source.file.people
  key  = lower(src.mail)
  map { name = src.name }
}
`

func outcomes(x *engine.Explanation) []string {
	var list []string
	for _, k := range x.Keys {
		what := "key "
		if k.OfRecord {
			what = "record "
		}
		list = append(list, what+k.Key+" "+k.Outcome)
	}
	return list
}

func TestExplainKeysThatChangeAndCollide(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": byMail, "people.jsonl": lines(
		`{"id":"1","mail":"A@x.example","name":"Ann"}`, `{"id":"2","mail":"b@x.example","name":"Bob"}`)})
	b.run(engine.Options{})
	for _, tt := range []struct {
		people, key string
		want        []string
	}{
		{lines(`{"id":"1","mail":"new@x.example","name":"Ann"}`, `{"id":"2","mail":"b@x.example","name":"Bob"}`), "a@x.example", []string{"key a@x.example delete"}},
		{lines(`{"id":"1","mail":"new@x.example","name":"Ann"}`, `{"id":"2","mail":"b@x.example","name":"Bob"}`), "1", []string{"key a@x.example delete", "key new@x.example create"}},
		{lines(`{"id":"1","mail":"c@x.example","name":"Ann"}`, `{"id":"2","mail":"C@x.example","name":"Bob"}`), "c@x.example",
			[]string{"record 1 failed", "record 2 failed", "key c@x.example failed"}},
		{lines(`{"id":"1","mail":"c@x.example","name":"Ann"}`, `{"id":"2","mail":"C@x.example","name":"Bob"}`), "a@x.example", []string{"record 1 failed", "key a@x.example failed"}},
		{lines(`{"id":"1","mail":null,"name":"Ann"}`, `{"id":"2","mail":"b@x.example","name":"Bob"}`), "a@x.example", []string{"record 1 failed", "key a@x.example failed"}},
	} {
		b.write("people.jsonl", tt.people)
		x, err := b.explain(tt.key)
		if err != nil {
			t.Errorf("%s: %v", tt.key, err)
			continue
		}
		if diff := cmp.Diff(tt.want, outcomes(x)); diff != "" {
			t.Errorf("%s of %s (-want +got)\n%s", tt.key, tt.people, diff)
		}
	}
}

func TestExplainHidesWhatSensitiveFieldsRead(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": replace(people, "  where", "  field \"name\" { sensitive = true }\n  where"),
		"people.jsonl": lines(`{"id":"1","first":"Canary","other":"seen"}`)})
	e := b.engine()
	x, err := e.Explain(context.Background(), e.Project.Pipelines["pipeline.people"], "1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range x.Records {
		text = append(text, r.Record...)
	}
	if strings.Contains(string(text), "Canary") || !strings.Contains(string(text), "seen") {
		t.Errorf("%s", text)
	}
}

func TestExplainKnowsThatAPipelineIsDisabled(t *testing.T) {
	b := newBench(t, map[string]string{"people.jsonl": lines(`{"id":"1","first":"Ann"}`),
		"main.hcl": strings.Replace(wholeFile, "  map {", "  enabled = false\n  map {", 1)})
	x, err := b.explain("1")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(x.Blocked, "enabled = false") {
		t.Errorf("blocked: %q", x.Blocked)
	}
}
