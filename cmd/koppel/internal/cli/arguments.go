package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// prepare makes wrong arguments of a verb end with exit 3 and its usage.
func (a *app) prepare(verb *cobra.Command) {
	if check := verb.Args; check != nil {
		verb.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			switch {
			case err == nil:
				return nil
			case !strings.HasPrefix(err.Error(), "unknown command"):
				return wrong("%w\nUsage: %s", err, cmd.UseLine())
			case cmd.HasSubCommands():
				return unknownVerb(cmd, args[0])
			}
			return a.needsNone(cmd, args[0])
		}
	}
	verb.Flags().SortFlags = false
	for _, inner := range verb.Commands() {
		a.prepare(inner)
	}
}

// needsNone says that a verb takes no arguments.
func (a *app) needsNone(cmd *cobra.Command, arg string) error {
	text := fmt.Sprintf("%s takes no arguments, and %q is one", cmd.CommandPath(), arg)
	if info, err := os.Stat(a.at(arg)); err == nil && info.IsDir() {
		text += "; the project's folder is named with -C: koppel -C " + arg + " " + cmd.Name()
	}
	return wrong("%s\nUsage: %s", text, cmd.UseLine())
}

// prepareAdded does so for the verbs that cobra adds.
func (a *app) prepareAdded(root *cobra.Command) {
	for _, c := range root.Commands() {
		switch c.Name() {
		case "completion":
			c.Args = cobra.NoArgs
			c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
			a.prepare(c)
		case "help":
			help := c.Run
			c.Run = nil
			c.RunE = func(cmd *cobra.Command, args []string) error {
				found, rest, err := root.Find(args)
				if err == nil && len(rest) > 0 {
					return unknownVerb(found, rest[0])
				}
				help(cmd, args)
				return nil
			}
		}
	}
}

// helpOrUnknown shows the help, or answers what is no verb.
func helpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return unknownVerb(cmd, args[0])
}

// unknownVerb answers what is no verb with what was probably meant.
func unknownVerb(cmd *cobra.Command, name string) error {
	text := fmt.Sprintf("there is no verb %q", name)
	if cmd.HasParent() {
		text = fmt.Sprintf("%s has no verb %q", cmd.CommandPath(), name)
	}
	// Cobra sets it only where it looks for suggestions itself.
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return wrong("%s\n`%s --help` lists the verbs", text, cmd.CommandPath())
}
