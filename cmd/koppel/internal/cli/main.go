package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"koppel/internal/view"

	"github.com/spf13/cobra"
)

// Main runs the verb that args name and returns the exit code. A second
// interrupt ends the process.
func Main(args []string) int {
	log.SetOutput(io.Discard) // net/http writes what servers send there, also bodies
	a := newApp()
	ctx, stop := interruptible(a.err)
	defer stop()
	a.stopped = ctx.Done()
	return a.run(ctx, args)
}

// run runs a verb and reports how it failed.
func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if flushErr := a.out.Flush(); err == nil && flushErr != nil && !errors.Is(flushErr, syscall.EPIPE) {
		err = fmt.Errorf("write the output: %w", flushErr)
	}
	var own *exitError
	if err == nil || errors.As(err, &own) && own.err == nil {
		return exitOf(err)
	}
	a.complain(reasonOf(err))
	return exitOf(err)
}

// complain reports an error.
func (a *app) complain(message string) {
	p := view.Painter(a.colors(a.errTerminal))
	_, _ = io.WriteString(a.err, p.Red("Error:")+" "+view.CleanLines(message)+"\n")
}

// interruptible ends the context at the first SIGINT or SIGTERM, so that what
// runs drains, and the process at the second.
func interruptible(err io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			case sig := <-signals:
				if n > 0 {
					os.Exit(128 + int(sig.(syscall.Signal)))
				}
				cancel()
				_, _ = io.WriteString(err, "\nStopping after what is being written now; interrupt again to stop at once.\n")
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel()
	}
}

// root is the command with all verbs.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "koppel",
		Short: "Keep systems in step with each other, as files declare it",
		Long: `Koppel reads sources, maps their records and brings targets in step, as the
*.hcl files of a folder declare it. A plan shows what would change; a run changes it.`,
		Example: `  koppel new reception        a starter project
  koppel validate             are the files right?
  koppel plan                 what would change
  koppel run                  change it`,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs,
		RunE: helpOrUnknown,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			a.verb = cmd.CommandPath()
			_, err := a.log()
			return err
		},
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.dir, "chdir", "C", ".", "the project's folder, `DIR`; files on the command line are relative to it")
	f.StringArrayVar(&a.vars, "var", nil, "value of a variable, as `NAME=VALUE`; may be given several times")
	f.StringArrayVar(&a.varFiles, "var-file", nil, "`FILE` with values of variables; may be given several times")
	f.BoolVar(&a.json, "json", false, "print one JSON object instead of text")
	f.BoolVar(&a.noColor, "no-color", false, "no colours")
	f.BoolVar(&a.quiet, "quiet", false, "no progress, no warnings, no hints")
	f.StringVar(&a.logLevel, "log-level", "warn", "`LEVEL` of the log on stderr: debug, info, warn or error")
	f.StringVar(&a.logFormat, "log-format", "text", "`FORM` of the log: text or json")
	root.SetFlagErrorFunc(a.flagError)
	for _, verb := range a.verbs() {
		a.prepare(verb)
		root.AddCommand(verb)
	}
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	a.prepareAdded(root)
	root.Version = builtVersion().Text()
	root.SetVersionTemplate("{{.Version}}\n")
	return root
}

// verbs are the verbs, in the order of the help.
func (a *app) verbs() []*cobra.Command {
	first := []*cobra.Command{
		a.demoVerb(), a.sandboxVerb(), a.newVerb(), a.validateVerb(), a.fmtVerb(), a.testVerb(), a.planVerb(), a.showVerb(), a.applyVerb(), a.runVerb(), a.serveVerb(), a.pauseVerb(), a.resumeVerb(),
	}
	last := []*cobra.Command{a.discoverVerb(), a.graphVerb(), a.evalVerb(), a.docsVerb(), a.versionVerb()}
	return slices.Concat(first, a.inspectVerbs(), last)
}

// flagError answers an unknown flag with what was probably meant.
func (a *app) flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "unknown flag: --"); ok {
		if near := nearestFlag(cmd, name); near != "" {
			text += "; did you mean --" + near + "?"
		}
	}
	if strings.HasPrefix(text, "unknown shorthand flag") && cmd.Name() == "eval" {
		text += "; a program that begins with \"-\" comes after \"--\": koppel eval jq -- PROGRAM"
	}
	return wrong("%s\n`%s --help` lists the flags", text, cmd.CommandPath())
}
