package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine"
	"koppel/engine/record"
)

// The items of one record go in the order in which each gives them, between
// those of the records before and behind it.
func TestItemsKeepTheOrderOfEach(t *testing.T) {
	for name, incremental := range map[string]string{"full": "", "mirrored": `incremental { cursor = ["n"] }`} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.put("", "1", rec{"name": "one", "code": "start,list,end,check"})
			w.put("", "2", rec{"name": "two", "code": "z,y,x"})
			s := newStage(t, w, `
source "world" "s" {
  key = ["id"]
  `+incremental+`
}
sink "world" "t" { ordered = true }
pipeline "p" {
  from = source.world.s
  into = sink.world.t
  each = jq(".code | split(\",\")[]")
  key  = item
  map {
    id   = item
    lane = "one for all"
  }
}
`)
			defer s.close()
			var got []string
			s.wrote = func(c *record.Change) { got = append(got, c.Key.String()) }
			s.run(engine.Options{})
			if diff := cmp.Diff([]string{"start", "list", "end", "check", "z", "y", "x"}, got); diff != "" {
				t.Errorf("the order in which items were sent (-want +got)\n%s", diff)
			}
		})
	}
}
