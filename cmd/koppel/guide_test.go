package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestGuides carries out the commands of the guides in order, as a reader
// would, and compares what they print.
func TestGuides(t *testing.T) {
	for _, name := range []string{"README.md", "docs/tutorial.md", "docs/language.md"} {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("..", "..", name))
			if err != nil {
				t.Fatal(err)
			}
			g := &guide{t: t, dir: t.TempDir(), name: name}
			for _, b := range blocks(string(text)) {
				g.follow(b)
			}
			if g.commands < 5 {
				t.Errorf("only %d commands were found", g.commands)
			}
		})
	}
}

// A block is one fenced block of Markdown. A comment before it, such as
// <!-- file: main.hcl -->, makes it the text of a file.
type block struct {
	line       int
	info, file string
	lines      []string
}

var fileComment = regexp.MustCompile(`^<!-- file: (\S+) -->$`)

func blocks(text string) []block {
	var out []block
	file, open := "", false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "```") && !open:
			out = append(out, block{line: i + 1, info: strings.TrimPrefix(line, "```"), file: file})
			file, open = "", true
		case line == "```":
			open = false
		case open:
			b := &out[len(out)-1]
			b.lines = append(b.lines, line)
		default:
			if m := fileComment.FindStringSubmatch(line); m != nil {
				file = m[1]
			}
		}
	}
	return out
}

// A guide is followed in a folder of its own.
type guide struct {
	t         *testing.T
	dir, name string
	commands  int
}

func (g *guide) follow(b block) {
	g.t.Helper()
	switch {
	case b.file != "":
		path := filepath.Join(g.dir, b.file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			g.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(strings.Join(b.lines, "\n")+"\n"), 0o644); err != nil {
			g.t.Fatal(err)
		}
	case b.info == "console":
		for i := 0; i < len(b.lines); {
			command, ok := strings.CutPrefix(b.lines[i], "$ ")
			if !ok {
				g.t.Fatalf("%s:%d: a console block begins with a command", g.name, b.line)
			}
			end := i + 1
			for end < len(b.lines) && !strings.HasPrefix(b.lines[end], "$ ") {
				end++
			}
			g.do(command, b.lines[i+1:end], fmt.Sprintf("%s:%d", g.name, b.line+i+1))
			i = end
		}
	}
}

var exitComment = regexp.MustCompile(`\s+# exit code (\d+)$`)

// instead says what stands for commands that need the source tree: the program
// is there already, and the tests are running.
var instead = map[string]string{
	"go run ./cmd/koppel demo": "koppel demo --no-color",
	"go install ./cmd/koppel":  "koppel version",
	"go test ./...":            "true",
}

func (g *guide) do(command string, want []string, place string) {
	g.t.Helper()
	g.commands++
	code := 0
	if m := exitComment.FindStringSubmatch(command); m != nil {
		code, _ = strconv.Atoi(m[1])
		command = strings.TrimSuffix(command, m[0])
	}
	if dir, ok := strings.CutPrefix(command, "cd "); ok {
		g.dir = filepath.Join(g.dir, dir)
		return
	}
	if other, ok := instead[command]; ok {
		command = other
	}
	program := strings.Fields(command)[0]
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("KOPPEL_CI") != "" || program == "koppel" {
			g.t.Fatalf("%s: %v", place, err)
		}
		g.t.Logf("%s: not carried out: %v", place, err)
		return
	}
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = g.dir
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		g.t.Fatalf("%s: %v", place, err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code {
		g.t.Fatalf("%s: %s ended with %d, not %d\n%s", place, command, got, code, out)
	}
	if missing := notPrinted(want, string(out)); missing != "" {
		g.t.Errorf("%s: %s did not print, in its place,\n%s\nbut\n%s", place, command, missing, out)
	}
}

// notPrinted gives the first wanted lines that the output does not have next.
// A line … stands for any lines; white space, ids, times and durations may
// differ.
func notPrinted(want []string, out string) string {
	got := looseLines(strings.Split(out, "\n"))
	wanted := looseLines(want)
	if len(wanted) == 0 {
		return ""
	}
	for skip := false; ; skip = true {
		n := slices.Index(wanted, "…")
		part := wanted
		if n >= 0 {
			part = wanted[:n]
		}
		at := indexLines(got, part, skip, n < 0)
		if at < 0 {
			return strings.Join(part, "\n")
		}
		if n < 0 {
			return ""
		}
		got, wanted = got[at+len(part):], wanted[n+1:]
	}
}

// indexLines finds part in lines: at their start, or anywhere when lines may be
// skipped; and at their end, when nothing may follow.
func indexLines(lines, part []string, skip, last bool) int {
	for at := 0; at+len(part) <= len(lines) && (at == 0 || skip); at++ {
		end := at + len(part)
		if slices.Equal(lines[at:end], part) && (!last || end == len(lines) || len(part) == 0) {
			return at
		}
	}
	return -1
}

func looseLines(lines []string) []string {
	var out []string
	for _, line := range lines {
		if line = loose(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

var varying = []struct {
	pattern *regexp.Regexp
	with    string
}{
	{regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{26}\b`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?Z?`), "TIME"},
	{regexp.MustCompile(`\b\d+(\.\d+)? m?s\b`), "DURATION"},
	{regexp.MustCompile(`\s+`), " "},
}

func loose(line string) string {
	for _, v := range varying {
		line = v.pattern.ReplaceAllString(line, v.with)
	}
	return strings.TrimSpace(line)
}

func TestNotPrinted(t *testing.T) {
	for _, c := range []struct {
		want, out, missing string
	}{
		{"", "anything", ""},
		{"a\nb", "a\nb\n", ""},
		{"a", "a\nb\n", "a"},
		{"a\n…", "a\nb\n", ""},
		{"…\nb", "a\nb\n", ""},
		{"…\nc", "a\nb\n", "c"},
		{"a\nc", "a\nb\nc\n", "a\nc"},
		{"…\na\nb\n…", "a\nc\na\nb\nd", ""},
		{"…\na\n…", "b\nc", "a"},
		{"took 0.01 s", "took  2.5 s", ""},
		{"took 0.01 s", "took nothing", "took DURATION"},
	} {
		var want []string
		if c.want != "" {
			want = strings.Split(c.want, "\n")
		}
		if got := notPrinted(want, c.out); got != c.missing {
			t.Errorf("notPrinted(%q, %q) = %q, want %q", c.want, c.out, got, c.missing)
		}
	}
}

// TestGuideProjects: the blocks of a guide that stand at the margin are
// together a project.
func TestGuideProjects(t *testing.T) {
	for _, name := range []string{"alleyoop", "http", "soap"} {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", name+".md"))
		if err != nil {
			t.Fatal(err)
		}
		var project strings.Builder
		for _, b := range blocks(string(text)) {
			if b.info == "hcl" && !strings.HasPrefix(b.lines[0], " ") {
				fmt.Fprintln(&project, strings.Join(b.lines, "\n"))
			}
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(project.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("koppel", "validate")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("docs/%s.md: %v\n%s", name, err, out)
		}
	}
}
