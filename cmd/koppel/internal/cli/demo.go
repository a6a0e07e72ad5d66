package cli

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"koppel/cmd/koppel/internal/view"

	"github.com/spf13/cobra"
)

// demoProject is the sample project: what it couples, and three exports of its
// source, of three days.
//
//go:embed demo
var demoProject embed.FS

func (a *app) demoVerb() *cobra.Command {
	dir, keep := "", false
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show on sample data what koppel does, in a few seconds",
		Long: `Demo writes a small sample project into a folder and works on it with the very
commands that a person would type: plan, apply, a change at the source, plan, apply,
and a source that lost most of its records. It needs nothing but this program.`,
		Example: "  koppel demo\n  koppel demo --dir sample     keep the project in a folder of your own",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), dir, keep) },
	}
	cmd.Flags().StringVar(&dir, "dir", "", "a new or empty `FOLDER` for the project, which stays; default: a temporary one")
	cmd.Flags().BoolVar(&keep, "keep", false, "keep the temporary folder")
	return cmd
}

// demo makes the sample project and walks through it.
func (a *app) demo(ctx context.Context, dir string, keep bool) (err error) {
	if a.json {
		return wrong("demo is for people and has no JSON")
	}
	if dir == "" {
		if dir, err = os.MkdirTemp("", "koppel-demo-"); err != nil {
			return fmt.Errorf("make a folder for the demo: %w", err)
		}
		if !keep {
			defer os.RemoveAll(dir)
		}
	} else {
		keep = true
		if err := emptyDir(dir); err != nil {
			return err
		}
	}
	if err := writeDemo(dir); err != nil {
		return fmt.Errorf("write the sample project: %w", err)
	}
	d := &demo{app: a, dir: dir, tell: view.NewDemo(a.out, a.style())}
	if err := d.walk(ctx); err != nil {
		return err
	}
	d.tell.Result(dir, keep)
	return nil
}

// emptyDir makes a folder, or takes one that has nothing in it.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return wrong("make the folder of --dir: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return wrong("look into the folder of --dir: %w", err)
	}
	if len(entries) > 0 {
		return wrong("%s is not empty; the demo takes a new or an empty folder", dir)
	}
	return nil
}

func writeDemo(dir string) error {
	sub, err := fs.Sub(demoProject, "demo")
	if err != nil {
		return err
	}
	return os.CopyFS(dir, sub)
}

// A demo is a walk through the sample project.
type demo struct {
	app  *app
	dir  string
	tell *view.Demo
}

// A demoStep is what is said, then done, and the exit code that it ends with.
type demoStep struct {
	title, text string
	commands    []string
	code        int
}

var demoSteps = []demoStep{
	{title: "A coupling is a folder with files",
		text:     "main.hcl couples people.csv, with names from departments.csv, to a SQLite table.",
		commands: []string{"cat main.hcl", "cp exports/monday.csv people.csv", "koppel test"}},
	{title: "A plan shows every change before anything is written",
		text:     "Mobile numbers are marked as sensitive: they are never shown.",
		commands: []string{"koppel plan --out monday.plan"}},
	{title: "Exactly that plan is applied",
		commands: []string{"koppel apply monday.plan"}},
	{title: "The next day the source has changed",
		text:     "Field by field, with the cause. A delete is planned only because the export was read to its end.",
		commands: []string{"cp exports/tuesday.csv people.csv", "koppel plan --out tuesday.plan", "koppel apply tuesday.plan"}},
	{title: "Then the source loses most of its records",
		text:     "The export broke off after seven people. The guard holds the deletes: nothing is written.",
		commands: []string{"cp exports/wednesday.csv people.csv", "koppel run"}, code: exitHeld},
	{title: "What is held waits for someone to look",
		commands: []string{"koppel held list"}},
	{title: "The export is right again, and nothing is held any more",
		commands: []string{"cp exports/tuesday.csv people.csv", "koppel run"}},
}

func (d *demo) walk(ctx context.Context) error {
	for i, step := range demoSteps {
		d.tell.Title(i+1, step.title, step.text)
		for n, command := range step.commands {
			want := exitDone
			if n == len(step.commands)-1 {
				want = step.code
			}
			if err := d.do(ctx, command, want); err != nil {
				return err
			}
		}
	}
	return nil
}

// do carries out one command line as a shell in the project's folder would.
func (d *demo) do(ctx context.Context, command string, want int) error {
	d.tell.Command(command)
	args := strings.Fields(command)
	switch args[0] {
	case "cat":
		text, err := os.ReadFile(filepath.Join(d.dir, args[1]))
		if err != nil {
			return fmt.Errorf("show a file of the demo: %w", err)
		}
		d.tell.Output(string(text))
		return nil
	case "cp":
		text, err := os.ReadFile(filepath.Join(d.dir, args[1]))
		if err == nil {
			err = os.WriteFile(filepath.Join(d.dir, args[2]), text, 0o644)
		}
		if err != nil {
			return fmt.Errorf("copy a file of the demo: %w", err)
		}
		return nil
	}
	text, code := d.koppel(ctx, args[1:])
	d.tell.Output(text)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if code != want {
		return fmt.Errorf("%s ended with exit code %d instead of %d", command, code, want)
	}
	return nil
}

// koppel runs a verb as a process in the project's folder would, without a
// terminal to ask on, and gives its output and exit code. Of the environment it
// sees only what is about showing.
func (d *demo) koppel(ctx context.Context, args []string) (string, int) {
	var text bytes.Buffer
	inner := *d.app
	inner.dir, inner.vars, inner.varFiles, inner.quiet = "", nil, nil, false
	inner.in, inner.out, inner.err = strings.NewReader(""), bufio.NewWriter(&text), &text
	inner.inTerminal, inner.errTerminal = false, false
	inner.environ = func(name string) (string, bool) {
		if slices.Contains([]string{"NO_COLOR", "TERM"}, name) {
			return d.app.environ(name)
		}
		return "", false
	}
	args = append([]string{"-C", d.dir}, args...)
	if d.app.noColor {
		args = append(args, "--no-color")
	}
	code := inner.run(ctx, args)
	return strings.ReplaceAll(text.String(), d.dir+string(filepath.Separator), ""), code
}
