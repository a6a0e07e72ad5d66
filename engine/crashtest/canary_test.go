package crashtest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The canaries: what must never be found outside of source and target.
const (
	canaryVar    = "canary-variable-77123"
	canarySource = "canary-source-88234"
	canaryMapped = "canary-mapped-99345"
)

const canaryProject = `
variable "salt" {
  type      = string
  sensitive = true
}
source "file" "people" {
  path      = "people.jsonl"
  key       = ["id"]
  sensitive = ["bsn", "bsn2"]
  snapshot  = %v
}
sink "journal" "people" { url = %q }
pipeline "people" {
  from = source.file.people
  into = sink.journal.people
  map {
    id     = src.id
    bsn    = src.bsn
    phone  = src.phone
    salted = words(src.id, var.salt)
    n      = number(src.n)
    m      = number(src.bsn2)
  }
  field "phone" { sensitive = true }
  guard { deletes = 1000 }
}
`

// wantSilent looks for the canaries, as they are and in usual disguises.
func wantSilent(t *testing.T, where string, b []byte) {
	t.Helper()
	for _, c := range []string{canaryVar, canarySource, canaryMapped} {
		for _, form := range []string{c, hex.EncodeToString([]byte(c)), strings.ToUpper(c), base64.StdEncoding.EncodeToString([]byte(c))[:20]} {
			if i := bytes.Index(b, []byte(form)); i >= 0 {
				t.Errorf("%s holds %s: …%q…", where, form, b[max(0, i-80):min(len(b), i+60)])
			}
		}
	}
}

// wantSilentFiles looks into every file that Koppel made.
func (p *project) wantSilentFiles() {
	p.t.Helper()
	n := 0
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, p.dir)
		if err != nil || d.IsDir() || name == "/people.jsonl" || name == "/main.hcl" {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil {
			n++
			wantSilent(p.t, name, b)
		}
		return err
	})
	if err != nil || n == 0 {
		p.t.Fatalf("%d files, %v", n, err)
	}
}

func canaryLine(id, n string, version int) string {
	return fmt.Sprintf(`{"id":%q,"bsn":"%s-%d","phone":"%s-%d","n":%q}`+"\n", id, canarySource, version, canaryMapped, version, n)
}

func TestCanary(t *testing.T) {
	for _, snapshot := range []bool{false, true} {
		t.Run(fmt.Sprintf("snapshot %v", snapshot), func(t *testing.T) {
			l, url := newLedger(t)
			p := newProject(t, fmt.Sprintf(canaryProject, snapshot, url))
			p.env = []string{"KOPPEL_VAR_salt=" + canaryVar}
			l.refuse = "3"
			for version := range 3 {
				var b strings.Builder
				b.WriteString(canaryLine("1", "x"+canaryMapped, version)) // fails with no sensitive field
				b.WriteString(canaryLine("2", "1", version))
				b.WriteString(canaryLine("3", "1", version)) // the target's words hold all of it
				b.WriteString(strings.Replace(canaryLine("4", "1", version), `"bsn":`, `"bsn2":`, 1))
				for i := range 200 {
					b.WriteString(canaryLine(fmt.Sprint(100+i), "1", version))
				}
				// Record 1's n is no sensitive field: its words are its own.
				p.write("people.jsonl", strings.ReplaceAll(b.String(), "x"+canaryMapped, "x"))
				os.Remove(p.path("a.plan"))
				said, _ := p.whole("plan")
				wantSilent(t, "plan's output", []byte(said))
				said, _ = p.kill(40*time.Millisecond, "apply")
				wantSilent(t, "output", []byte(said))
				p.wantSilentFiles()
				said, _, _ = p.try("apply")
				wantSilent(t, "apply's output", []byte(said))
				said, _ = p.whole("run")
				wantSilent(t, "run's output", []byte(said))
				if !strings.Contains(said, "3  refused") {
					t.Errorf("nothing was refused: %s", said)
				}
				p.wantSilentFiles()
			}
		})
	}
}
