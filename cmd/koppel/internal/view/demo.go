package view

import (
	"bufio"
	"fmt"
	"strings"
)

// A Demo tells a person what a demonstration does, command by command.
type Demo struct {
	out   *bufio.Writer
	paint Painter
}

// NewDemo writes to out.
func NewDemo(out *bufio.Writer, s Style) *Demo { return &Demo{out: out, paint: s.painter()} }

// Title begins a step.
func (d *Demo) Title(number int, title, text string) {
	if number > 1 {
		d.out.WriteByte('\n')
	}
	d.out.WriteString(d.paint.Bold(fmt.Sprintf("%d. %s", number, title)) + "\n")
	if text != "" {
		d.out.WriteString("   " + text + "\n")
	}
	_ = d.out.Flush()
}

// Command shows the command line that is carried out next.
func (d *Demo) Command(command string) {
	d.out.WriteString("\n" + d.paint.Green("$ "+command) + "\n")
}

// Output shows what a command printed, a little to the right. Of very much it
// shows the beginning and the last line.
func (d *Demo) Output(text string) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if n := len(lines); n > manyLines {
		lines = append(lines[:manyLines/2:manyLines/2], fmt.Sprintf("… %d lines more …", n-manyLines/2-1), lines[n-1])
	}
	for _, line := range lines {
		if line != "" {
			d.out.WriteString("  ")
		}
		d.out.WriteString(line + "\n")
	}
	_ = d.out.Flush()
}

// manyLines are more than a person reads in a demonstration.
const manyLines = 60

// Result says where the project lies, and what to do with it.
func (d *Demo) Result(dir string, kept bool) {
	if !kept {
		d.out.WriteString("\nThat was all of it. The sample project was removed again; koppel demo --dir sample keeps it.\n")
		return
	}
	fmt.Fprintf(d.out, "\nThe result lies in %s: the directory is directory.db. Go on from there:\n", Clean(dir))
	fmt.Fprintf(d.out, "  koppel -C %s plan\n", shellWord(dir))
}
