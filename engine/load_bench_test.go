package engine_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"koppel/engine"
)

const benchPeople = `
source "file" "people" {
  path = "%s"
  key  = ["id"]
}
connection "sqlite" "db" { path = "target.db" }
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "people" {
  from  = source.file.people
  into  = sink.sql.people
  where = expr("src.active && !src.blocked")
  map {
    id           = src.id
    employeeId   = string(src.employeeNumber)
    email        = lower(src.mail)
    fullName     = words(src.givenName, src.prefix, src.surname)
    startDate    = formatdate("DD-MM-YYYY", src.startDate)
    managerEmail = lower(src.manager.mail)
    city         = src.address.city
    categories   = join(",", src.categories)
    phone        = default(src.mobilePhone, "")
    contract     = expr("src.fte >= 1 ? 'full-time' : 'part-time'")
    department   = src.department
    jobTitle     = src.jobTitle
  }
}
`

// benchInput is a file of records as the figures use them: the one that
// KOPPEL_BENCH_INPUT names, or a small one.
func benchInput(b *testing.B, dir string) string {
	if path := os.Getenv("KOPPEL_BENCH_INPUT"); path != "" {
		return path
	}
	var text strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&text, `{"id":"%08x-%d","employeeNumber":%d,"givenName":"Zoë","prefix":null,"surname":"Berg","mail":"Z.Berg%d@Example.org","startDate":"2020-01-%02d","active":true,"blocked":false,"fte":0.8,"manager":{"mail":"M@Example.org"},"address":{"city":"Oss"},"categories":["a","b"],"mobilePhone":null,"department":"ICT","jobTitle":"T"}`+"\n",
			uint32(i)*2654435761, i, i, i, i%28+1)
	}
	path := dir + "/people.jsonl"
	if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
		b.Fatal(err)
	}
	return path
}

func BenchmarkFirstLoad(b *testing.B) {
	for b.Loop() {
		one := &bench{t: b, dir: b.TempDir(), now: testStart}
		one.write("main.hcl", fmt.Sprintf(benchPeople, benchInput(b, one.dir)))
		one.run(engine.Options{})
	}
}

func BenchmarkNothingChanged(b *testing.B) {
	one := &bench{t: b, dir: b.TempDir(), now: testStart}
	one.write("main.hcl", fmt.Sprintf(benchPeople, benchInput(b, one.dir)))
	one.run(engine.Options{})
	for b.Loop() {
		one.run(engine.Options{})
	}
}
