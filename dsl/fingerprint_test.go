package dsl

import (
	"bytes"
	"crypto/sha256"
	"os"
	"strings"
	"testing"
)

const fingerprinted = `
locals { used = "u" }
variable "kind" { default = "k" }
variable "salt" {
  sensitive = true
  default   = "pepper"
}
source "file" "a" {
  path    = "a.json"
  key     = ["id"]
  format  = "json"
  token   = "t"
  timeout = "10s"
  records = jq(".[] | select(.x == $var.kind)")
  deleted = expr("src.gone == true")
  headers = { a = "1", b = "2" }
}
pipeline "p" {
  from  = source.file.a
  where = expr("src.a == local.used")
  map {
    id   = src.id
    hash = sha256(var.salt)
  }
  guard { deletes = 5 }
}
`

// TestFingerprint changes one thing of a project and says whose fingerprint
// must change with it.
func TestFingerprint(t *testing.T) {
	before := loadText(t, fingerprinted)
	seal := func(b []byte) []byte { sum := sha256.Sum256(b); return sum[:] }
	for _, test := range []struct {
		name, old, new   string
		source, pipeline bool
	}{
		{"white space and a comment", `path    = "a.json"`, "# c\npath = \"a.json\"", false, false},
		{"order of arguments", "  key     = [\"id\"]\n  format  = \"json\"", "  format = \"json\"\n  key = [\"id\"]", false, false},
		{"order of members", `{ a = "1", b = "2" }`, `{ b = "2", a = "1" }`, false, false},
		{"secret", `token   = "t"`, `token = "other"`, false, false},
		{"timeout", `"10s"`, `"20s"`, false, false},
		{"guard", "deletes = 5", "deletes = 6", false, false},
		{"path", `"a.json"`, `"b.json"`, true, false},
		{"value of a map", `b = "2"`, `b = "3"`, true, false},
		{"constant of a program", `default = "k"`, `default = "l"`, true, false},
		{"deleted", "src.gone", "src.away", true, false},
		{"condition", "src.a ==", "src.a !=", false, true},
		{"local that is read", `used = "u"`, `used = "v"`, false, true},
		{"local that is not read", `used = "u"`, "used = \"u\"\n  other = 1", false, false},
		{"sensitive value", `"pepper"`, `"salt"`, false, true},
		{"field", "id   = src.id", "id   = src.key", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(fingerprinted, test.old, test.new, 1)
			if text == fingerprinted {
				t.Fatalf("%q is not in the project", test.old)
			}
			if strings.Contains(test.new, "\n  other") {
				text = strings.Replace(text, "locals { used = \"u\"\n  other = 1 }", "locals {\n  used = \"u\"\n  other = 1\n}", 1)
			}
			after := loadText(t, text)
			if got := !bytes.Equal(before.Sources["source.file.a"].Fingerprint, after.Sources["source.file.a"].Fingerprint); got != test.source {
				t.Errorf("the source's fingerprint changed: %v, want %v", got, test.source)
			}
			a, b := before.Pipelines["pipeline.p"], after.Pipelines["pipeline.p"]
			if got := !bytes.Equal(a.Identify(seal), b.Identify(seal)); got != test.pipeline {
				t.Errorf("the pipeline's fingerprint changed: %v, want %v", got, test.pipeline)
			}
		})
	}
}

func TestFingerprintReadsFiles(t *testing.T) {
	load := func(program string) *Project {
		return loadText(t, `
source "file" "a" {
  path = "a.json"
  key  = ["id"]
}
pipeline "p" {
  from = source.file.a
  map  = jq_file("map.jq")
}`, func(o *Options) { writeFile(t, o.Dir+"/map.jq", program) })
	}
	a, b := load("{a: .a}"), load("{a: .b}")
	if bytes.Equal(a.Pipelines["pipeline.p"].Fingerprint, b.Pipelines["pipeline.p"].Fingerprint) {
		t.Error("the fingerprint is the same with another program in the file")
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
