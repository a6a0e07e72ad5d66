package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	startRuns    = 20
	manySources  = 100
	manyRecords  = 10_000
	manyCoupling = 1_000
)

// smallTasks measures start, validation and many pipelines.
func (b *bench) smallTasks() error {
	log.Print("start, validate, many pipelines")
	version := b.start("`koppel version`", 30*time.Millisecond)
	for range startRuns {
		u, err := run(b.dir, b.koppel, "version")
		if err != nil {
			return err
		}
		version.koppel = append(version.koppel, u)
	}
	for _, v := range []struct {
		n      int
		within time.Duration
	}{{1, 60 * time.Millisecond}, {manyCoupling, time.Second}} {
		dir, err := b.couplings(v.n, "people.jsonl")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		r := b.start(fmt.Sprintf("`koppel validate`, couplings: %d", v.n), v.within)
		for range b.runs {
			u, err := run(dir, b.koppel, "validate")
			if err != nil {
				return err
			}
			r.koppel = append(r.koppel, u)
		}
	}
	return b.unchanged()
}

// start adds the result of what does not depend on the number of records.
func (b *bench) start(title string, within time.Duration) *result {
	r := &result{title: title, must: must{wall: within}}
	b.starts = append(b.starts, r)
	return r
}

// unchanged plans pipelines whose records are all as before.
func (b *bench) unchanged() error {
	data, err := b.make(manyRecords, false)
	if err != nil {
		return err
	}
	dir, err := b.couplings(manySources, data)
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := run(dir, b.koppel, "run", "--quiet"); err != nil {
		return err
	}
	r := b.start(fmt.Sprintf("`koppel plan`, %d pipelines of %d unchanged records", manySources, manyRecords), 0)
	r.records = manySources * manyRecords
	for range b.runs {
		u, err := run(dir, b.koppel, "plan", "--quiet")
		if err != nil {
			return err
		}
		r.koppel = append(r.koppel, u)
	}
	return nil
}

// couplings writes a project of n pipelines, each with a source and a sink.
func (b *bench) couplings(n int, input string) (string, error) {
	dir := filepath.Join(b.dir, fmt.Sprintf("run-many-%d", n))
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	var text strings.Builder
	text.WriteString("connection \"sqlite\" \"db\" { path = \"people.db\" }\n")
	for i := range n {
		fmt.Fprintf(&text, coupling, i, input)
	}
	return dir, os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(text.String()), 0o644)
}

const coupling = `
source "file" "people%[1]d" {
  path = %[2]q
  key  = ["id"]
}

sink "sql" "people%[1]d" {
  connection = connection.sqlite.db
  table      = "people%[1]d"
}

pipeline "people%[1]d" {
  from  = source.file.people%[1]d
  into  = sink.sql.people%[1]d
  where = expr("src.active && !src.blocked")
  map {
    id       = src.id
    email    = lower(src.mail)
    fullName = words(src.givenName, src.prefix, src.surname)
    contract = expr("src.fte >= 1 ? 'full-time' : 'part-time'")
  }
}
`
