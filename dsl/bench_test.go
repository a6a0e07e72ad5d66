package dsl

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkLoad loads a project of a thousand couplings, one file each.
func BenchmarkLoad(b *testing.B) {
	o := testOptions(b.TempDir())
	for i := range 1000 {
		text := fmt.Sprintf(`
connection "sqlite" "c%[1]d" { path = "c%[1]d.db" }
source "file" "s%[1]d" {
  path = "s%[1]d.json"
  key  = ["id"]
}
sink "sql" "t%[1]d" {
  connection = connection.sqlite.c%[1]d
  table      = "people"
}
pipeline "p%[1]d" {
  from  = source.file.s%[1]d
  into  = sink.sql.t%[1]d
  where = expr("src.active && !src.blocked")
  map {
    id       = src.id
    email    = lower(src.mail)
    name     = words(src.first, src.last)
    contract = expr("src.fte >= 1 ? 'full-time' : 'part-time'")
    phones   = jq("[.phones[]? | .number]")
  }
  field "email" { type = "string" }
}
`, i)
		if err := os.WriteFile(filepath.Join(o.Dir, fmt.Sprintf("f%04d.hcl", i)), []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, diags := Load(context.Background(), o); diags.HasErrors() {
			b.Fatal(describeDiagnostics(diags[:1]))
		}
	}
}
