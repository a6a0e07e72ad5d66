package view

import (
	"bufio"
	"fmt"
	"strings"
)

// DemoReport is what `koppel demo --json` prints: what was done and proved.
type DemoReport struct {
	FormatVersion string     `json:"format_version" doc:"version of this output"`
	Dir           string     `json:"dir" doc:"the folder with the couplings and what they made"`
	Control       string     `json:"control" doc:"address of the control API of the simulated systems"`
	Passed        bool       `json:"passed" doc:"whether all was as the demo says"`
	Seconds       float64    `json:"seconds" doc:"how long it took"`
	Steps         []DemoStep `json:"steps" doc:"the steps that were told, in order"`
}

// DemoStep is one step of a demo.
type DemoStep struct {
	Title    string        `json:"title" doc:"what it is about"`
	Commands []DemoCommand `json:"commands" doc:"the command lines, in order"`
	Proved   []string      `json:"proved" doc:"what was checked at the systems and the targets"`
}

// DemoCommand is a command line that was carried out.
type DemoCommand struct {
	Command string `json:"command" doc:"as a person would type it, in dir"`
	Exit    int    `json:"exit" doc:"its exit code"`
}

// A Demo tells a person what a demonstration does, command by command.
type Demo struct {
	out   *bufio.Writer
	paint Painter
	close bool // the next command stands right below what was written last
}

// NewDemo writes to out.
func NewDemo(out *bufio.Writer, s Style) *Demo { return &Demo{out: out, paint: s.painter()} }

// Intro says what is about to be seen: the folder of the couplings, and names
// and addresses of the systems.
func (d *Demo) Intro(dir string, systems [][2]string) {
	d.out.WriteString(`Koppel keeps one system in step with another: it reads both, shows the difference record
by record, and writes only that. This demo couples simulated systems on this machine, with
made-up persons, by the ready couplings of the folder pipelines:

`)
	for _, s := range systems {
		fmt.Fprintf(d.out, "  %s   %s\n", pad(s[0], 13), Clean(s[1]))
	}
	fmt.Fprintf(d.out, `
All commands run in the folder

  %s

and can be typed by hand. curl changes the simulated systems; its answers to changes are
left out. A line with %s says what was compared with the systems themselves.
`, Clean(dir), d.paint.Green("✓"))
	_ = d.out.Flush()
}

// Title begins a step.
func (d *Demo) Title(number int, title string) {
	d.out.WriteString("\n" + d.paint.Bold(fmt.Sprintf("%d. %s", number, title)) + "\n")
	d.close = false
	_ = d.out.Flush()
}

// Say explains, in lines that are broken already.
func (d *Demo) Say(text string) {
	d.out.WriteString("\n" + text + "\n")
	d.close = true
	_ = d.out.Flush()
}

// Command shows the command line that is carried out next.
func (d *Demo) Command(command string) {
	if !d.close {
		d.out.WriteByte('\n')
	}
	d.out.WriteString(d.paint.Green("$ "+command) + "\n")
	_ = d.out.Flush()
}

// Output shows what a command printed, a little to the right, and an exit code
// that is not 0 with its meaning.
func (d *Demo) Output(text string, code int) {
	text = strings.TrimRight(text, "\n")
	if d.close = text == "" && code == 0; !d.close {
		for line := range strings.Lines(text + "\n") {
			if line != "\n" {
				d.out.WriteString("  ")
			}
			d.out.WriteString(line)
		}
	}
	if code != 0 {
		d.out.WriteString("  " + d.paint.Dim(fmt.Sprintf("exit code %d: %s", code, exitMeaning(code))) + "\n")
	}
	_ = d.out.Flush()
}

// exitMeaning says what an exit code means.
func exitMeaning(code int) string {
	for _, c := range ExitCodes() {
		if c[0] == fmt.Sprint(code) {
			return c[1]
		}
	}
	return "unknown"
}

// Proved says what a check found to be so.
func (d *Demo) Proved(claim string) {
	d.out.WriteString("\n" + d.paint.Green("✓") + " " + Clean(claim) + "\n")
	d.close = false
	_ = d.out.Flush()
}

// Result says what was shown, where it lies and how to go on; running: the
// systems run until an interrupt, else they are gone.
func (d *Demo) Result(r DemoReport, port int, running bool) {
	commands, proved := 0, 0
	for _, s := range r.Steps {
		commands += len(s.Commands)
		proved += len(s.Proved)
	}
	fmt.Fprintf(d.out, "\n%s\n\n", d.paint.Bold(fmt.Sprintf("%d commands and %d checks in %.1f seconds; all was as the demo says.", commands, proved, r.Seconds)))
	fmt.Fprintf(d.out, "The couplings and what they made are in %s. Go on from there:\n\n", Clean(r.Dir))
	if running {
		d.out.WriteString("  The simulated systems run until Ctrl-C. In another terminal:\n")
	} else {
		serve := "koppel sandbox"
		if port != firstPort {
			serve += fmt.Sprintf(" --port %d", port)
		}
		fmt.Fprintf(d.out, "  %s\n      starts the systems again, as they were at first; in another terminal:\n", d.paint.Green("$ "+serve))
	}
	for _, next := range [][2]string{
		{"cd " + shellWord(r.Dir), ""},
		{"koppel -C afas-employees-to-directory plan", "what the coupling would do now"},
		{"koppel -C afas-employees-to-directory explain employees 0001005", "one person through every stage"},
	} {
		d.out.WriteString("  " + d.paint.Green("$ "+next[0]) + "\n")
		if next[1] != "" {
			d.out.WriteString("      " + next[1] + "\n")
		}
	}
	_ = d.out.Flush()
}

// firstPort is the port that the verb sandbox takes by itself.
const firstPort = 7400
