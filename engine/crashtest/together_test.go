package crashtest

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// Two processes that run the same pipeline at once: each succeeds, or is told
// who holds the lock. Pipelines that have nothing to do with each other, and
// plans, go on beside it.
func TestTwoAtOnce(t *testing.T) {
	hcl := fileSource + "connection \"sqlite\" \"db\" { path = \"target.db\" }\n"
	for _, name := range []string{"one", "two"} {
		hcl += fmt.Sprintf("connection \"sqlite\" \"%[1]s\" { path = \"%[1]s.db\" }\nsink \"sql\" \"%[1]s\" {\n  connection = connection.sqlite.%[1]s\n  table = \"people\"\n}\n", name) +
			strings.Replace(pipeline("source.file.people", "sink.sql."+name), `"people"`, `"`+name+`"`, 1)
	}
	p := newProject(t, hcl)
	c := newCensus(2000)
	locked := 0
	for round := range 4 {
		c.file(t, p.path("people.jsonl"))
		args := [][]string{{"run", "one"}, {"run", "one"}, {"run", "two"}, {"plan", "one"}}
		out := make([]bytes.Buffer, len(args))
		var children []*exec.Cmd
		for i, a := range args {
			children = append(children, p.start(&out[i], a...))
		}
		done := 0
		for i, child := range children {
			err := child.Wait()
			said := out[i].String()
			switch {
			case err == nil:
				done++
			case i < 2 && strings.Contains(said, "pipeline.one is locked by process "):
				locked++
			default:
				t.Fatalf("round %d: %v: %v\n%s", round, args[i], err, said)
			}
		}
		if done < 3 {
			t.Errorf("round %d: nobody ran one", round)
		}
		want := truth(t, p.path("people.jsonl"))
		for _, name := range []string{"one", "two"} {
			wantSame(t, round, want, table(t, p.path(name+".db"), "people"))
		}
		c.mutate(true)
	}
	t.Logf("%d of 4 pairs met", locked)
}
