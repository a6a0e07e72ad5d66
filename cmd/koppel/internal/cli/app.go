// Package cli is the command line: one file a verb.
package cli

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"koppel/internal/view"

	"golang.org/x/term"
)

// An app is what every verb has at hand: the flags of every verb, and the
// world.
type app struct {
	dir       string
	vars      []string
	varFiles  []string
	json      bool
	noColor   bool
	quiet     bool
	logLevel  string
	logFormat string

	in      io.Reader
	out     *bufio.Writer
	err     io.Writer
	environ func(string) (string, bool)
	now     func() time.Time
	verb    string          // as the user gave it: koppel state mv
	stopped <-chan struct{} // closed by an interrupt; nil: never

	outTerminal, errTerminal, inTerminal bool
	width, height                        int // of the terminal; 0: none
}

// newApp looks at the world that the process runs in.
func newApp() *app {
	a := &app{in: os.Stdin, out: bufio.NewWriterSize(os.Stdout, 64<<10), err: os.Stderr, environ: os.LookupEnv, now: time.Now}
	a.outTerminal = term.IsTerminal(int(os.Stdout.Fd()))
	a.errTerminal = term.IsTerminal(int(os.Stderr.Fd()))
	a.inTerminal = term.IsTerminal(int(os.Stdin.Fd()))
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil && a.width == 0 {
			a.width, a.height = w, h
		}
	}
	return a
}

func (a *app) env(name string) string {
	v, _ := a.environ(name)
	return v
}

// inCI tells that nobody looks at the terminal.
func (a *app) inCI() bool {
	ci := a.env("CI")
	return ci != "" && ci != "0" && ci != "false"
}

// colors tells whether output to a terminal may be coloured.
func (a *app) colors(terminal bool) bool {
	return terminal && !a.noColor && a.env("NO_COLOR") == "" && a.env("TERM") != "dumb" && !a.json
}

// interactive tells whether a person can be asked.
func (a *app) interactive() bool {
	if !a.inTerminal || a.inCI() {
		return false
	}
	w, done, err := a.terminal()
	if err == nil {
		done()
	}
	return err == nil && w != nil
}

// terminal is where a person sees a question: stderr, or the terminal of the
// process when stderr goes elsewhere.
func (a *app) terminal() (w io.Writer, done func(), err error) {
	if a.errTerminal {
		return a.err, func() {}, nil
	}
	f, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open the terminal: %w", err)
	}
	return f, func() { _ = f.Close() }, nil
}

// style is how results are shown to people.
func (a *app) style() view.Style {
	s := view.Style{Color: a.colors(a.outTerminal), Quiet: a.quiet}
	if a.outTerminal {
		s.Width, s.Height = a.width, a.height
	}
	return s
}

// log makes the logger that the flags ask for.
func (a *app) log() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.logLevel)); err != nil {
		return nil, wrong("--log-level %q is none of debug, info, warn, error", a.logLevel)
	}
	o := &slog.HandlerOptions{Level: level}
	switch a.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(a.err, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(a.err, o)), nil
	}
	return nil, wrong("--log-format %q is neither text nor json", a.logFormat)
}

// note says something beside the result, on stderr.
func (a *app) note(text string) {
	if !a.quiet {
		_, _ = io.WriteString(a.err, view.Clean(text)+"\n")
	}
}

// ask puts a question to a person; only yes is yes. An interrupt is a no.
func (a *app) ask(question string) bool {
	w, done, err := a.terminal()
	if err != nil {
		return false
	}
	defer done()
	_, _ = io.WriteString(w, question+" ")
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.in).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		return strings.EqualFold(strings.TrimSpace(line), "yes")
	case <-a.stopped:
		return false
	}
}
