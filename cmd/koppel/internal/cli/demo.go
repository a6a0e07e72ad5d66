package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"koppel/cmd/koppel/internal/demo"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) demoVerb() *cobra.Command {
	dir, keep := "", false
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what koppel does, on simulated systems, in a few seconds",
		Long: `Demo starts the simulated vendor systems of the verb sandbox on this machine and runs
the ready couplings against them, with the very commands that a person would type: plan,
apply, changes at the sources, plan, apply, answers that can't be trusted, a mistake that
a guard holds. It compares what the systems and the targets hold with what it says, and
ends with exit code 1 where that differs. It needs nothing but this program; the couplings
and what they made stay in a folder.`,
		Example: "  koppel demo\n  koppel demo --dir sample     the couplings in a folder of your own\n  koppel demo --keep           the systems go on running until Ctrl-C",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), dir, keep, demo.Story()) },
	}
	cmd.Flags().StringVar(&dir, "dir", "", "a new or empty `FOLDER` for the couplings; default: a new one for temporary files")
	cmd.Flags().BoolVar(&keep, "keep", false, "let the simulated systems run on until Ctrl-C")
	return cmd
}

// demo tells a story in a folder.
func (a *app) demo(ctx context.Context, dir string, keep bool, story []demo.Step) (err error) {
	if dir, err = a.demoDir(dir); err != nil {
		return err
	}
	out := a.out
	if a.json {
		out = bufio.NewWriter(io.Discard)
	}
	tell := view.NewDemo(out, a.style())
	d, err := demo.Start(ctx, demo.Options{Dir: dir, Koppel: a.quietly, Tell: tell, Now: a.now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Stop(ctx)) }()
	report, err := d.Walk(ctx, story)
	if a.json && ctx.Err() == nil {
		err = errors.Join(err, view.WriteJSON(a.out, report))
	}
	if err != nil {
		return fmt.Errorf("%w\nWhat was made until then is in %s", err, dir)
	}
	tell.Result(report, d.Port, keep)
	if keep {
		err = a.out.Flush()
		<-ctx.Done()
	}
	return err
}

// demoDir gives an empty folder for the demo as an absolute path.
func (a *app) demoDir(dir string) (string, error) {
	if dir == "" {
		made, err := os.MkdirTemp("", "koppel-demo-")
		if err != nil {
			return "", fmt.Errorf("make a folder for the demo: %w", err)
		}
		return made, nil
	}
	dir, err := filepath.Abs(a.at(dir))
	if err != nil {
		return "", wrong("find the folder of --dir: %w", err)
	}
	return dir, emptyDir(dir)
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

// quietly runs a verb as a process would, without a terminal to ask on, and
// gives its output and exit code. Of the environment it sees only what is about
// showing.
func (a *app) quietly(ctx context.Context, args []string) (string, int) {
	var text bytes.Buffer
	inner := *a
	inner.dir, inner.vars, inner.varFiles, inner.quiet, inner.json = "", nil, nil, false, false
	inner.in, inner.out, inner.err = strings.NewReader(""), bufio.NewWriter(&text), &text
	inner.inTerminal, inner.errTerminal = false, false
	inner.width, inner.height = 0, demoLines
	inner.environ = func(name string) (string, bool) {
		if slices.Contains([]string{"NO_COLOR", "TERM"}, name) {
			return a.environ(name)
		}
		return "", false
	}
	if a.noColor {
		args = append(args, "--no-color")
	}
	code := inner.run(ctx, args)
	return text.String(), code
}

// demoLines is how high a screen the verbs of a demo see: what is longer, they
// sum up with examples.
const demoLines = 40
