package view

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// Formatted is what `koppel fmt --json` prints.
type Formatted struct {
	FormatVersion string   `json:"format_version" doc:"version of this output"`
	Changed       []string `json:"changed" doc:"files that were not in canonical form"`
}

// WriteDiff shows two versions of a file as a unified diff.
func WriteDiff(out *bufio.Writer, name string, before, after []byte, s Style) error {
	p := s.painter()
	for _, line := range strings.SplitAfter(string(diff.Diff(name, before, name+" (formatted)", after)), "\n") {
		text := Clean(strings.TrimSuffix(line, "\n"))
		switch {
		case line == "":
			continue
		case strings.HasPrefix(line, "+"):
			text = p.Green(text)
		case strings.HasPrefix(line, "-"):
			text = p.Red(text)
		}
		if _, err := fmt.Fprintln(out, text); err != nil {
			return fmt.Errorf("write a diff: %w", err)
		}
	}
	return nil
}
