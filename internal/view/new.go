package view

import (
	"bufio"
	"fmt"
)

// NewProject is what `koppel new --json` prints.
type NewProject struct {
	FormatVersion string   `json:"format_version" doc:"version of this output"`
	Dir           string   `json:"dir" doc:"the project's folder"`
	Files         []string `json:"files" doc:"that were written, relative to it"`
}

// WriteText says what was made and what comes next.
func (n NewProject) WriteText(out *bufio.Writer) error {
	dir := Clean(n.Dir)
	for _, f := range n.Files {
		fmt.Fprintf(out, "  %s/%s\n", dir, f)
	}
	_, err := fmt.Fprintf(out, "\nNext:\n  koppel -C %s test\n  koppel -C %s plan\n  koppel -C %s run\n", dir, dir, dir)
	return err
}
