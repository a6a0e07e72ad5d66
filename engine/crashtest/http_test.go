package crashtest

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/rest"
)

// visits is a pipeline into a service whose creates can't be repeated, with a
// second one that needs the ids which the service answers.
func visits(url string, s *rest.System, find bool) string {
	look := ""
	if find {
		look = "find {\n path = \"/by/all/visits\"\n query = { reference = \"{key}\" }\n }"
	}
	return fileSource + fmt.Sprintf(`
connection "http" "shop" {
  url = %q
  auth "bearer" { token = %q }
  retry {
    attempts = 2
    min      = "1ms"
    max      = "1ms"
  }
}
sink "http" "visits" {
  connection = connection.http.shop
  answer     = jq("{id}")
  create { path = "/visits" }
  update { path = "/visits/{id}" }
  delete { path = "/visits/{id}" }
  %s
}
pipeline "people" {
  from  = source.file.people
  into  = sink.http.visits
  where = expr("src.city != 'Nowhere'")
  map {
    reference = src.id
    name      = words(src.first, src.last)
    date      = upper(src.city)
  }
  guard { deletes = 1000000000 }
}
connection "sqlite" "db" { path = "target.db" }
sink "sql" "ids" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "ids" {
  from = pipeline.people
  into = sink.sql.ids
  join "visit" {
    with = pipeline.people
    on   = [src.reference, visit.reference]
  }
  map {
    id   = src.reference
    name = src.name
    city = string(visit.target.id)
  }
  guard { deletes = 1000000000 }
}
`, url+rest.Path, s.Bearer, look)
}

// wantVisits holds the service against the truth, and the ids that were passed
// on against the service.
func wantVisits(t *testing.T, p *project, round int, s *rest.System) {
	t.Helper()
	want := truth(t, p.path("people.jsonl"))
	got, ids := map[string]string{}, map[string]string{}
	for _, r := range s.Data.Rows("visits") {
		got[dataset.Text(r["reference"])] = dataset.Text(r["name"]) + "|" + dataset.Text(r["date"])
		ids[dataset.Text(r["reference"])] = dataset.Text(r["name"]) + "|" + dataset.Text(r["id"])
	}
	wantSame(t, round, want, got)
	if twice := s.Doubled(); len(twice) > 0 {
		t.Fatalf("round %d: created twice: %v", round, twice)
	}
	wantSame(t, round, ids, table(t, p.path("target.db"), "people"))
}

// What a killed process may have created is looked up, never created again, and
// pipelines that wait for the ids get them.
func TestKillHTTPRun(t *testing.T) {
	s, err := rest.New(rest.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	p := newProject(t, visits(server.URL, s, true))
	c := newCensus(number(t, "KOPPEL_RECORDS", 3000) / 30)
	length := firstLength
	for round := range number(t, "KOPPEL_KILLS", 20) {
		c.file(t, p.path("people.jsonl"))
		p.kill(moment(c.random, length), "run")
		said, took := p.whole("run")
		if !strings.Contains(said, "people succeeded") || !strings.Contains(said, "ids succeeded") {
			t.Fatalf("round %d: %s", round, said)
		}
		length = (length + took) / 2
		wantVisits(t, p, round, s)
		p.wantClean()
		c.mutate(true)
	}
}
