package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

// TestLinks checks that what the guides refer to is there.
func TestLinks(t *testing.T) {
	var guides []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/reference/*.md", "pipelines/*/*.md"} {
		found, err := filepath.Glob(filepath.Join("..", "..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		guides = append(guides, found...)
	}
	count := 0
	for _, guide := range guides {
		text, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			count++
			if _, err := os.Stat(filepath.Join(filepath.Dir(guide), m[1])); err != nil {
				t.Errorf("%s refers to %s: %v", strings.TrimPrefix(guide, "../../"), m[1], err)
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d links were found", count)
	}
}
