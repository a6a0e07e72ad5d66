package engine_test

import (
	"testing"

	"koppel/engine"
)

const head = `
connection "sqlite" "db" { path = "target.db" }
`

func TestEachGivesManyItems(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": head + `
source "file" "orders" {
  path = "orders.jsonl"
  key  = ["id"]
}
sink "sql" "lines" {
  connection = connection.sqlite.db
  table      = "lines"
}
pipeline "lines" {
  from = source.file.orders
  into = sink.sql.lines
  each = jq(".lines[]")
  key  = [src.id, item.no]
  map {
    order_id = src.id
    no       = item.no
    what     = lower(item.what)
  }
}
`, "orders.jsonl": lines(`{"id":"a","lines":[{"no":1,"what":"X"},{"no":2,"what":"Y"}]}`, `{"id":"b","lines":[{"no":1,"what":"Z"}]}`)})
	const query = "SELECT order_id, no, what FROM lines ORDER BY 1, 2"
	b.wantRun(engine.Options{}, "lines succeeded: created 3")
	b.wantRows(db, query, "a|1|x", "a|2|y", "b|1|z")
	b.wantRun(engine.Options{}, "lines succeeded: unchanged 3")
	// One line of a goes and one of b is new.
	b.write("orders.jsonl", lines(`{"id":"a","lines":[{"no":2,"what":"Y"}]}`, `{"id":"b","lines":[{"no":1,"what":"Z"},{"no":9,"what":"Q"}]}`))
	b.wantRun(engine.Options{}, "lines succeeded: created 1, deleted 1, unchanged 2")
	b.wantRows(db, query, "a|2|y", "b|1|z", "b|9|q")
	// A record that fails keeps all its items.
	b.write("orders.jsonl", lines(`{"id":"a","lines":[{"no":null,"what":"Y"}]}`, `{"id":"b","lines":[{"no":1,"what":"ZZ"},{"no":9,"what":"Q"}]}`))
	b.wantRun(engine.Options{}, "lines partial: updated 1, unchanged 1, failed 1")
	b.wantRows(db, query, "a|2|y", "b|1|zz", "b|9|q")
	// A record claims one key twice: it failed once, and keeps what it has.
	b.write("orders.jsonl", lines(`{"id":"a","lines":[{"no":2,"what":"Y"}]}`, `{"id":"b","lines":[{"no":1,"what":"new"},{"no":1,"what":"other"}]}`))
	b.wantRun(engine.Options{}, "lines partial: unchanged 1, failed 1")
	b.wantRows(db, query, "a|2|y", "b|1|zz", "b|9|q")
	b.write("orders.jsonl", lines(`{"id":"a","lines":[]}`, `{"id":"b","lines":[{"no":1,"what":"zz"}]}`))
	b.wantRun(engine.Options{}, "lines succeeded: deleted 2, unchanged 1, skipped 1")
}

const joined = head + `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
source "file" "units" {
  path = "units.csv"
  key  = ["code"]
}
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "people" {
  from = source.file.people
  into = sink.sql.people
  join "unit" {
    with = source.file.units
    on   = [src.unit, unit.code]
  }
  map {
    id   = src.id
    unit = unit.name
  }
}
`

func TestJoinFollowsTheRightSide(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": joined,
		"people.jsonl": lines(`{"id":"1","unit":"a"}`, `{"id":"2","unit":"b"}`, `{"id":"3","unit":null}`, `{"id":"4","unit":"x"}`),
		"units.csv":    "code,name\na,Alpha\nb,Beta\n"})
	const query = "SELECT id, unit FROM people ORDER BY 1"
	b.wantRun(engine.Options{}, "people succeeded: created 4")
	b.wantRows(db, query, "1|Alpha", "2|Beta", "3|NULL", "4|NULL")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 4")
	b.write("units.csv", "code,name\na,Alpha\nb,Bravo\n")
	b.wantRun(engine.Options{}, "people succeeded: updated 1, unchanged 3")
	b.wantRows(db, query, "1|Alpha", "2|Bravo", "3|NULL", "4|NULL")
	// A right side that breaks off proves nothing.
	b.write("units.csv", "code,name\na,\"Alp")
	b.wantRun(engine.Options{}, "people partial: unchanged 1, waiting 3")
	b.write("people.jsonl", lines(`{"id":"1","unit":"a","x":1}`, `{"id":"2","unit":"b","x":1}`, `{"id":"3","unit":null,"x":1}`, `{"id":"4","unit":"x"}`))
	b.wantRun(engine.Options{}, "people partial: unchanged 1, waiting 3")
	b.wantRows(db, query, "1|Alpha", "2|Bravo", "3|NULL", "4|NULL")
	b.write("units.csv", "code,name\na,Alpha\nb,Bravo\nx,Xray\n")
	b.wantRun(engine.Options{}, "people succeeded: updated 1, unchanged 3")
	b.wantRows(db, query, "1|Alpha", "2|Bravo", "3|NULL", "4|Xray")
}

func TestChainOfPipelines(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people + `
sink "sql" "names" {
  connection = connection.sqlite.db
  table      = "names"
}
pipeline "names" {
  from = pipeline.people
  into = sink.sql.names
  map {
    id   = src.id
    long = words("the", src.name)
  }
}
`, "people.jsonl": lines(`{"id":"1","first":"Ann"}`, `{"id":"2","first":"Bob"}`)})
	b.wantRun(engine.Options{}, "people succeeded: created 2", "names succeeded: created 2")
	b.write("people.jsonl", lines(`{"id":"2","first":"Bo"}`, `{"id":"3","first":"Cor"}`))
	b.wantRun(engine.Options{}, "people succeeded: created 1, updated 1, deleted 1", "names succeeded: created 1, updated 1, deleted 1")
	b.wantRows(db, "SELECT id, long FROM names ORDER BY 1", "2|the Bo", "3|the Cor")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2", "names succeeded: unchanged 2")
	b.write("people.jsonl", `{"id":"2"`)
	b.wantRun(engine.Options{}, "people partial: unchanged 2", "names partial: unchanged 2")
}

func TestAnswersOfATarget(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": head + `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
sink "sql" "units" {
  connection = connection.sqlite.db
  table      = "units"
  key        = ["code"]
  answer     = ["nr"]
}
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
}
pipeline "units" {
  from = source.file.people
  into = sink.sql.units
  where = expr("src.kind == 'unit'")
  map { code = src.id }
}
pipeline "people" {
  from  = source.file.people
  into  = sink.sql.people
  where = expr("src.kind == 'person'")
  join "unit" {
    with = pipeline.units
    on   = [src.unit, unit.code]
  }
  map {
    id      = src.id
    unit_nr = unit.target.nr
  }
}
`, "people.jsonl": lines(`{"id":"u1","kind":"unit"}`, `{"id":"p1","kind":"person","unit":"u1"}`, `{"id":"p2","kind":"person"}`)})
	b.rows(db, "CREATE TABLE units(nr INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT UNIQUE)")
	b.rows(db, "INSERT INTO units VALUES (41, 'other')")
	b.wantRun(engine.Options{}, "units succeeded: created 1, skipped 2", "people succeeded: created 2, skipped 1")
	b.wantRows(db, "SELECT id, unit_nr FROM people ORDER BY 1", "p1|42", "p2|NULL")
	b.wantRun(engine.Options{}, "units succeeded: unchanged 1, skipped 2", "people succeeded: unchanged 2, skipped 1")
}

func TestDeletesByScopeProtectAndMatch(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": head + `
source "file" "people" {
  path = "people.jsonl"
  key  = ["id"]
}
sink "sql" "people" {
  connection = connection.sqlite.db
  table      = "people"
  key        = ["ext"]
  match      = ["email"]
}
pipeline "people" {
  from = source.file.people
  into = sink.sql.people
  map {
    ext   = src.id
    email = lower(src.email)
  }
  deletes {
    scope   = "target"
    protect = expr("bool(target.protected)")
  }
}
`, "people.jsonl": lines(`{"id":"1","email":"A@x.example"}`, `{"id":"2","email":"b@x.example"}`)})
	b.rows(db, "CREATE TABLE people(nr INTEGER PRIMARY KEY, ext TEXT UNIQUE, email TEXT, protected INTEGER DEFAULT 0)")
	b.rows(db, "INSERT INTO people(nr, ext, email, protected) VALUES (1,NULL,'a@x.example',0),(2,NULL,'desk@x.example',1),(3,NULL,'old@x.example',0)")
	const query = "SELECT nr, ext, email FROM people ORDER BY nr"
	b.wantRun(engine.Options{}, "people succeeded: created 1, updated 1, deleted 1, protected 1")
	b.wantRows(db, query, "1|1|a@x.example", "2|NULL|desk@x.example", "4|2|b@x.example")
	b.wantRun(engine.Options{}, "people succeeded: unchanged 2, protected 1")
	b.rows(db, "UPDATE people SET protected=1 WHERE ext='2'")
	b.write("people.jsonl", lines(`{"id":"1","email":"A@x.example"}`))
	b.wantRun(engine.Options{}, "people succeeded: unchanged 1, protected 2")
	b.wantRows(db, query, "1|1|a@x.example", "2|NULL|desk@x.example", "4|2|b@x.example")
}

func TestKeysThatTheTargetCannotTellApart(t *testing.T) {
	b := newBench(t, map[string]string{"main.hcl": people, "people.jsonl": lines(`{"id":"abc","first":"Ann"}`, `{"id":"x","first":"Bob"}`)})
	b.rows(db, "CREATE TABLE people(id TEXT COLLATE NOCASE PRIMARY KEY, name TEXT)")
	b.wantRun(engine.Options{}, "people succeeded: created 2")
	b.write("people.jsonl", lines(`{"id":"ABC","first":"Ann"}`, `{"id":"x","first":"Bob"}`))
	b.wantRun(engine.Options{}, "people succeeded: created 1, unchanged 1")
	b.wantRows(db, "SELECT lower(id), name FROM people ORDER BY 1", "abc|Ann", "x|Bob")
	b.write("people.jsonl", lines(`{"id":"ABC","first":"Ann"}`, `{"id":"x","first":"Bob"}`, `{"id":"X","first":"Xena"}`))
	b.wantRun(engine.Options{}, "people partial: unchanged 2, failed 1")
	b.wantRows(db, "SELECT lower(id), name FROM people ORDER BY 1", "abc|Ann", "x|Bob")
}
