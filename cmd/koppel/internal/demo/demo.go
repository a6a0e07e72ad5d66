// Package demo walks through the ready couplings on simulated systems, with the
// command lines that a person would type, and checks what each step claims
// against what the systems and targets hold.
package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"koppel/internal/sandbox"
	"koppel/internal/view"
)

// Options of a demo.
type Options struct {
	// Dir is the folder that the couplings are written into; it is empty.
	Dir string
	// Koppel carries out the verb of an argument list without an interrupt
	// from a terminal, and gives what it prints and its exit code.
	Koppel func(ctx context.Context, args []string) (text string, code int)
	// Shell carries out a command line in Dir; nil: the demo does so by itself,
	// without any other program.
	Shell func(ctx context.Context, line string) (text string, code int, err error)
	// Tell shows what happens.
	Tell *view.Demo
	Now  func() time.Time
}

// A Demo is a story that is being told: the couplings in a folder, and the
// systems that they couple.
type Demo struct {
	Options
	Box *sandbox.Sandbox
	// Port is that of the sandbox's control API.
	Port int

	kept map[string][][]string // rows that a later check compares with, by name
	http *http.Client
}

// Start starts the simulated systems and writes the couplings, ready to run
// against them.
func Start(ctx context.Context, o Options) (*Demo, error) {
	d := &Demo{Options: o, kept: map[string][][]string{}, http: &http.Client{Transport: &http.Transport{}}}
	if d.Shell == nil {
		d.Shell = d.do
	}
	if err := d.listen(ctx); err != nil {
		return nil, err
	}
	if err := d.write(ctx); err != nil {
		return nil, errors.Join(err, d.Stop(ctx))
	}
	return d, nil
}

// ports are tried for the control API, one after the other; the systems listen
// on those that follow. The first is that of the verb sandbox.
var ports = []int{7400, 7420, 7440, 7460, 7480, 7500, 7520, 7540, 7560, 7580}

// listen starts the systems on the first ports that are free: on steady ports
// the couplings also find a sandbox that is started later.
func (d *Demo) listen(ctx context.Context) (err error) {
	for _, d.Port = range ports {
		if d.Box, err = sandbox.Start(ctx, sandbox.Options{Port: d.Port, Now: d.Now}); !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return fmt.Errorf("start the simulated systems: none of the ports from %d to %d is free: %w", ports[0], ports[len(ports)-1]+10, err)
}

// Stop ends the systems at once; what is in the folder stays.
func (d *Demo) Stop(ctx context.Context) error {
	d.http.CloseIdleConnections()
	var errs []error
	for _, s := range d.Box.Systems() {
		errs = append(errs, s.Server.Down()) // connections that verbs left open are not waited for
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(append(errs, d.Box.Stop(ctx))...)
}

// A Step is one part of the story.
type Step struct {
	Title string
	Acts  []Act
}

// An Act is said, then done, then checked; any of these may be missing. Text in
// braces, such as {employees}, stands for a fact; see facts.
type Act struct {
	Say string
	// Do is a command line. Exit is how it must end, and Shows what it must
	// print, white space apart.
	Do    string
	Exit  int
	Shows []string
	// Check compares what the systems and the targets hold. It gives the claim
	// that it proved, which is shown unless it is empty.
	Check func(context.Context, *Demo) (claim string, err error)
}

// Walk tells a story. The first thing that is not as the story says ends it
// with an error; the report then says so too.
func (d *Demo) Walk(ctx context.Context, steps []Step) (view.DemoReport, error) {
	report := view.DemoReport{FormatVersion: view.FormatVersion, Dir: d.Dir, Control: d.Box.ControlURL(), Steps: []view.DemoStep{}}
	started := d.Now()
	d.introduce()
	var err error
	for i, step := range steps {
		d.Tell.Title(i+1, step.Title)
		told := view.DemoStep{Title: step.Title, Commands: []view.DemoCommand{}, Proved: []string{}}
		for _, act := range step.Acts {
			if err = d.act(ctx, &told, act); err != nil {
				err = fmt.Errorf("step %d of the demo: %w", i+1, err)
				break
			}
		}
		report.Steps = append(report.Steps, told)
		if err != nil {
			break
		}
	}
	report.Passed, report.Seconds = err == nil, d.Now().Sub(started).Seconds()
	return report, err
}

func (d *Demo) act(ctx context.Context, told *view.DemoStep, act Act) error {
	facts := d.facts()
	if act.Say != "" {
		d.Tell.Say(fill(act.Say, facts))
	}
	if act.Do != "" {
		line := fill(act.Do, facts)
		d.Tell.Command(line)
		text, code, err := d.Shell(ctx, line)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		d.Tell.Output(text, code)
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
		told.Commands = append(told.Commands, view.DemoCommand{Command: line, Exit: code})
		if err := act.judge(text, code, facts); err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	if act.Check == nil {
		return nil
	}
	claim, err := act.Check(ctx, d)
	if err != nil || claim == "" {
		return err
	}
	told.Proved = append(told.Proved, claim)
	d.Tell.Proved(claim)
	return nil
}

// judge compares what a command printed with what the story says.
func (act Act) judge(text string, code int, facts map[string]string) error {
	if code != act.Exit {
		return fmt.Errorf("it ended with exit code %d instead of %d", code, act.Exit)
	}
	printed := strings.Join(strings.Fields(colours.ReplaceAllString(text, "")), " ")
	for _, want := range act.Shows {
		if want = fill(want, facts); !strings.Contains(printed, want) {
			return fmt.Errorf("it did not print %q", want)
		}
	}
	return nil
}

// colours are what a terminal is told beside the text.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

var factName = regexp.MustCompile(`\{[a-z][a-z0-9 ]*\}`)

// fill puts facts in the place of their names. A name that there is none of
// stays, and then nothing prints it.
func fill(text string, facts map[string]string) string {
	return factName.ReplaceAllStringFunc(text, func(name string) string {
		if fact, ok := facts[name[1:len(name)-1]]; ok {
			return fact
		}
		return name
	})
}

// introduce says what is about to happen, and where.
func (d *Demo) introduce() {
	var systems [][2]string
	for _, s := range d.Box.Systems() {
		if slices.Contains([]string{"afas", "alleyoop", "graph", "smtp"}, s.Name) {
			title, _, _ := strings.Cut(s.About, ":")
			title, _, _ = strings.Cut(title, " (")
			systems = append(systems, [2]string{title, s.URL})
		}
	}
	d.Tell.Intro(d.Dir, systems)
}
