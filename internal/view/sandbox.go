package view

import (
	"bufio"
	"fmt"
	"strings"
)

// Sandbox is what `koppel sandbox --json` prints once all systems are running.
type Sandbox struct {
	FormatVersion string          `json:"format_version" doc:"version of this output"`
	Control       string          `json:"control" doc:"address of the control API"`
	Systems       []SandboxSystem `json:"systems" doc:"the simulated systems"`
}

// SandboxSystem is one simulated system.
type SandboxSystem struct {
	Name        string            `json:"name" doc:"afas, alleyoop, rest, soap, graph, smtp or xpert"`
	About       string            `json:"about" doc:"what it simulates"`
	URL         string            `json:"url" doc:"the url of a connection block"`
	Credentials map[string]string `json:"credentials" doc:"what gets in, by name"`
	Connection  string            `json:"connection" doc:"a connection block for a project"`
}

// Write shows the systems as a file of a project, to be read or to be saved.
func (s Sandbox) Write(out *bufio.Writer, style Style) error {
	paint := style.painter()
	fmt.Fprintf(out, "%s\n", paint.Bold("# Simulated systems, running on this machine only until they are interrupted (Ctrl-C)."))
	fmt.Fprintf(out, "# Change data, inject faults, see what was received: %s\n", Clean(s.Control))
	for _, system := range s.Systems {
		fmt.Fprintf(out, "\n%s\n%s\n", paint.Bold("# "+Clean(system.About)), strings.TrimRight(CleanLines(system.Connection), "\n"))
	}
	return out.Flush()
}
