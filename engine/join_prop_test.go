package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"koppel/engine"
	"koppel/engine/plan"
)

const joinedEveryWay = `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
  %s
}
source "file" "pets" {
  path = "pets.jsonl"
  key  = ["name"]
}
pipeline "one" {
  from = source.file.people
  join "pet" {
    with = source.file.pets
    on   = [src.pet, pet.tag]
  }
  map {
    id   = src.id
    name = pet.name
    food = pet.food.kind
  }
}
pipeline "first" {
  from = source.file.people
  join "pet" {
    with = source.file.pets
    on   = [src.pet, pet.tag]
    many = "first"
    none = "skip"
  }
  map {
    id = src.id
    a  = pet
  }
}
pipeline "list" {
  from = source.file.people
  join "owned" {
    with = source.file.pets
    on   = [src.pet, owned.tag]
    many = "list"
  }
  join "same" {
    with = source.file.pets
    on   = [[src.id, src.pet], [same.owner, same.tag]]
    many = "list"
    none = "null"
  }
  map {
    id     = src.id
    owned  = owned
    second = owned[1].food.meals[0]
    same   = jq("[$same[]?.name]")
  }
}
`

// planned is what a plan wants to do, line by line.
func planned(t testing.TB, e *engine.Engine) (lines []string) {
	t.Helper()
	p, err := e.Plan(context.Background(), engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for i := range p.Header.Pipelines {
		h := &p.Header.Pipelines[i]
		lines = append(lines, fmt.Sprintf("%s %+v %v", h.Name, h.Counts, p.Err(h.Address)))
		for _, problem := range h.Problems {
			lines = append(lines, fmt.Sprintf("%s %+v", h.Name, problem))
		}
		err := p.Entries(h.Address, func(e *plan.Entry) error {
			lines = append(lines, fmt.Sprintf("%s %s %s", h.Name, e.Key, e.After))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return lines
}

func jsonLines(t testing.TB, list []map[string]any) string {
	t.Helper()
	var text strings.Builder
	for _, one := range list {
		b, err := json.Marshal(one)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(append(b, '\n'))
	}
	return text.String()
}

func TestJoinsOnDiskGiveWhatThoseInMemoryGive(t *testing.T) {
	benches := map[string]*bench{
		"":                       newBench(t, map[string]string{"main.hcl": fmt.Sprintf(joinedEveryWay, "")}),
		`sensitive = ["secret"]`: newBench(t, map[string]string{"main.hcl": fmt.Sprintf(joinedEveryWay, `sensitive = ["secret"]`)}),
	}
	tag := rapid.SampledFrom([]any{nil, "", "a", "b", "c", "d", 1, 2, 1.5, "1", []any{"a", "b"}, []any{"b", "b", nil}, []any{}})
	rapid.Check(t, func(rt *rapid.T) {
		records := func(what string, id string, draw func(map[string]any)) (list []map[string]any) {
			for i := range rapid.IntRange(0, 30).Draw(rt, what) {
				one := map[string]any{id: fmt.Sprint(i)}
				draw(one)
				list = append(list, one)
			}
			return rapid.Permutation(list).Draw(rt, "order")
		}
		b := benches[rapid.SampledFrom([]string{"", `sensitive = ["secret"]`}).Draw(rt, "sensitive")]
		b.write("people.jsonl", jsonLines(t, records("people", "id", func(r map[string]any) { r["pet"] = tag.Draw(rt, "pet") })))
		b.write("pets.jsonl", jsonLines(t, records("pets", "name", func(r map[string]any) {
			r["tag"] = tag.Draw(rt, "tag")
			r["owner"] = fmt.Sprint(rapid.IntRange(0, 5).Draw(rt, "owner"))
			r["food"] = rapid.SampledFrom([]any{nil, "hay", map[string]any{"kind": "hay", "meals": []any{"dawn", 2}}}).Draw(rt, "food")
			r["size"] = strings.Repeat("x", rapid.SampledFrom([]int{0, 1, 5000}).Draw(rt, "size"))
		})))
		want := planned(t, b.engine())
		disk := b.engine()
		disk.SetJoinMemory(rapid.SampledFrom([]int{1, 300, 5000}).Draw(rt, "memory"))
		if diff := cmp.Diff(want, planned(t, disk)); diff != "" {
			rt.Fatalf("(-in memory +on disk)\n%s", diff)
		}
	})
}

// A change at a place in a list, or in a row of a list of rows, is a change of
// what is read.
func TestAChangeInsideAJoinedListIsSeen(t *testing.T) {
	for name, c := range map[string]struct{ many, value string }{
		"list of the record": {"error", "pets.toys[1]"},
		"member in its list": {"error", "pets.homes[0].street"},
		"record of the list": {"list", "pets[0].colour"},
		"all of that record": {"list", "pets[0]"},
		"list in the list":   {"list", "pets[0].toys[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			pet := `{"name":"Rex","owner":"1","colour":"red","toys":["ball","bone"],"homes":[{"street":"Elm"}]}`
			b := newBench(t, map[string]string{"main.hcl": people + `
source "file" "pets" {
  path = "pets.jsonl"
  key  = ["name"]
}
pipeline "owners" {
  from = source.file.people
  join "pets" {
    with = source.file.pets
    on   = [src.id, pets.owner]
    many = "` + c.many + `"
  }
  map {
    id  = src.id
    pet = ` + c.value + `
  }
}
`, "people.jsonl": lines(`{"id":"1","first":"Ann"}`), "pets.jsonl": lines(pet)})
			b.wantRun(engine.Options{}, "owners succeeded: created 1", "people succeeded: created 1")
			b.write("pets.jsonl", lines(strings.NewReplacer("red", "blue", "bone", "rope", "Elm", "Oak").Replace(pet)))
			b.wantRun(engine.Options{}, "owners succeeded: updated 1", "people succeeded: unchanged 1")
			b.write("pets.jsonl", lines(`{"name":"Tom","owner":"2"}`, strings.NewReplacer("red", "blue", "bone", "rope", "Elm", "Oak").Replace(pet)))
			b.wantRun(engine.Options{}, "owners succeeded: unchanged 1", "people succeeded: unchanged 1")
		})
	}
}

func BenchmarkJoin(b *testing.B) {
	const n = 20_000
	var left, right strings.Builder
	for i := range n {
		fmt.Fprintf(&left, `{"id":"%d","boss":%d}`+"\n", i, (i*7919)%n)
		fmt.Fprintf(&right, `{"nr":%d,"name":"Person %d","note":"%s"}`+"\n", i, i, strings.Repeat("n", 200))
	}
	for name, memory := range map[string]int{"memory": 64 << 20, "disk": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			w := &bench{t: b, dir: b.TempDir(), now: testStart}
			w.write("people.jsonl", left.String())
			w.write("bosses.jsonl", right.String())
			w.write("main.hcl", `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
source "file" "bosses" {
  path = "bosses.jsonl"
  key  = ["nr"]
}
pipeline "people" {
  from = source.file.people
  join "boss" {
    with = source.file.bosses
    on   = [src.boss, boss.nr]
  }
  map {
    id   = src.id
    boss = boss.name
    note = boss.note
  }
}
`)
			for b.Loop() {
				e := w.engine()
				e.SetJoinMemory(memory)
				p, err := e.Plan(context.Background(), engine.Options{})
				if err != nil || p.Header.Pipelines[0].Counts.Create != n {
					b.Fatal(err)
				}
				if err := p.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
