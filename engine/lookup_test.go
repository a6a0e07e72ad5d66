package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
)

func deskWith(t *testing.T, s lookupShape, people int) (*stage, *desk) {
	t.Helper()
	st, d := newDesk(t, s)
	t.Cleanup(st.close)
	for i := range people {
		st.put("", fmt.Sprint(i), rec{"name": "Ann", "code": fmt.Sprintf("c%d", i), "hidden": fmt.Sprint(i), "tags": "x"})
		d.bosses[fmt.Sprintf("c%d", i)] = "Zoe"
	}
	return st, d
}

var plainLookup = lookupShape{mirror: "none", keys: "identity", none: "skip"}

func TestAnswersCountForAsLongAsTheCacheSays(t *testing.T) {
	for cache, want := range map[string]int{"": 2, "10m": 1, "30s": 2} {
		s := plainLookup
		s.cache = cache
		st, d := deskWith(t, s, 1)
		st.run(engine.Options{Full: true})
		st.put("", "0", rec{"name": "Bob", "code": "c0", "hidden": "0", "tags": "x"})
		st.run(engine.Options{}) // a minute later
		if d.asked["c0"] != want {
			t.Errorf("cache %q: asked %d times in two runs, want %d", cache, d.asked["c0"], want)
		}
		st.now = st.now.Add(time.Hour)
		st.run(engine.Options{})
		if d.asked["c0"] != want {
			t.Errorf("cache %q: asked about a record that nothing touched", cache)
		}
	}
}

func TestAFullRunAsksAgain(t *testing.T) {
	st, d := deskWith(t, plainLookup, 2)
	st.run(engine.Options{})
	d.bosses["c1"] = "Yan"
	if left := st.planned(engine.Options{}); len(left) > 0 {
		t.Errorf("nothing touched the records: %v", left)
	}
	if diff := cmp.Diff([]string{"update 1 "}, st.planned(engine.Options{Full: true})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestASystemThatIsDownIsNotAskedOnAndOn(t *testing.T) {
	st, d := deskWith(t, plainLookup, 200)
	st.run(engine.Options{})
	for i := range 200 {
		d.faults[fmt.Sprintf("c%d", i)] = "unreachable"
		st.put("", fmt.Sprint(i), rec{"name": "Bob", "code": fmt.Sprintf("c%d", i), "hidden": "0", "tags": "x"})
	}
	d.asked = map[string]int{}
	res := st.run(engine.Options{})
	// Those that are on their way when it is found out are asked too.
	if len(d.asked) > 5+32 {
		t.Errorf("asked about %d records", len(d.asked))
	}
	if res.Status != "partial" || !res.Unreachable || res.Counts.Waiting != 200 || res.Counts.Deleted != 0 || len(st.rows) != 200 {
		t.Errorf("%s, unreachable %t, %+v, %d rows", res.Status, res.Unreachable, res.Counts, len(st.rows))
	}
	if len(res.Warnings) != 1 || !strings.Contains(res.Warnings[0].Message, `lookup "over" was not answered: unreachable`) ||
		!strings.Contains(res.Warnings[0].Message, "200 records keep what was delivered") {
		t.Errorf("warnings %+v", res.Warnings)
	}
	clear(d.faults)
	if res := st.run(engine.Options{}); res.Counts.Updated != 200 {
		t.Errorf("the next run: %+v", res.Counts)
	}
}

func TestLookupsEndAtOnce(t *testing.T) {
	st, d := deskWith(t, plainLookup, 300)
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	d.stop = func() {
		if n++; n == 40 {
			cancel()
		}
	}
	_, err := st.eng.Plan(ctx, engine.Options{})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("the plan ended with %v", err)
	}
	if n > 40+32 {
		t.Errorf("%d questions were asked", n)
	}
	d.stop = nil
	if res := st.run(engine.Options{}); res.Counts.Created != 300 || res.Status != "succeeded" {
		t.Errorf("the run after it: %s %+v", res.Status, res.Counts)
	}
}

// A lookup by something sensitive gives something sensitive, and what the
// system says of the question is withheld.
func TestSensitiveQuestions(t *testing.T) {
	st, d := deskWith(t, plainLookup, 1)
	st.load(strings.Replace(plainLookup.hcl(), `key = ["id"]`, `key = ["id"]
  sensitive = ["code"]`, 1))
	d.faults["c0"] = "refused"
	res := st.run(engine.Options{})
	if len(res.Problems) != 1 || res.Problems[0].Code != "lookup_refused" || strings.Contains(res.Problems[0].Message, "not this one") {
		t.Errorf("problems %+v", res.Problems)
	}
	for _, f := range st.eng.Project.Pipelines["pipeline.p"].Fields {
		if f.Sensitive != (f.Name == "boss") {
			t.Errorf("%s is sensitive: %t", f.Name, f.Sensitive)
		}
	}
	clear(d.faults)
	st.run(engine.Options{})
	x, err := st.eng.Explain(context.Background(), st.eng.Project.Pipelines["pipeline.p"], "0")
	if err != nil {
		t.Fatal(err)
	}
	want := []engine.JoinTrace{{Name: "over", With: "connection.desk.d", Lookup: true, Keys: []string{"‹sensitive›"}, Sensitive: true,
		Found: []engine.FoundRecord{{Record: []byte(`"‹sensitive›"`)}}, Result: "joined"}}
	if diff := cmp.Diff(want, x.Records[0].Joins); diff != "" {
		t.Errorf("explain (-want +got)\n%s", diff)
	}
}

func TestExplainShowsLookups(t *testing.T) {
	st, d := deskWith(t, plainLookup, 1)
	p := st.eng.Project.Pipelines["pipeline.p"]
	for _, c := range []struct {
		fault string
		want  engine.JoinTrace
	}{
		{"", engine.JoinTrace{Found: []engine.FoundRecord{{Record: []byte(`{"boss":"Zoe"}`)}}, Result: "joined"}},
		{"down", engine.JoinTrace{Result: "waiting", Note: `lookup "over" was not answered: the line went dead`}},
		{"refused", engine.JoinTrace{Result: "failed", Note: `lookup "over" was refused: refused: not this one`}},
		{"twice", engine.JoinTrace{Result: "failed", Note: `lookup "over" found 2 records; take one of them with records = jq(…)`}},
	} {
		d.faults["c0"] = c.fault
		x, err := st.eng.Explain(context.Background(), p, "0")
		if err != nil {
			t.Fatal(err)
		}
		c.want.Name, c.want.With, c.want.Lookup, c.want.Keys = "over", "connection.desk.d", true, []string{"GET /bosses/c0"}
		if diff := cmp.Diff([]engine.JoinTrace{c.want}, x.Records[0].Joins); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.fault, diff)
		}
	}
}

func TestTestBlocksAnswerLookups(t *testing.T) {
	given := `given = { id = "1", name = "Ann", code = "x" }`
	for name, c := range map[string]struct{ body, problem string }{
		"answer":   {given + "\nlookups = { over = { boss = \"Zoe\" } }\nexpect = { boss = \"Zoe\" }", ""},
		"none":     {given + "\nlookups = { over = null }\nexpect_skip = true", ""},
		"not said": {given + "\nexpect_skip = true", ""},
		"nobody":   {"given = { id = \"1\", code = null }\nlookups = { over = { boss = \"Zoe\" } }\nexpect_skip = true", ""},
		"several":  {given + "\nlookups = { over = [{ boss = \"Zoe\" }, { boss = \"Yan\" }] }\nexpect_error = \"found 2 records\"", ""},
		"wrong":    {given + "\nlookups = { over = { boss = \"Zoe\" } }\nexpect_skip = true", "the record is expected to be skipped, and it is not"},
	} {
		t.Run(name, func(t *testing.T) {
			st, _ := deskWith(t, plainLookup, 0)
			st.load(strings.Replace(plainLookup.hcl(), "guard {", "test \"t\" {\n"+c.body+"\n}\nguard {", 1))
			p := st.eng.Project.Pipelines["pipeline.p"]
			got := p.Test(context.Background(), p.Tests[0], st.now, time.UTC)
			if got.Problem != c.problem || len(got.Diffs) > 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}
