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
			if err := check(cmd, args); err != nil {
				return wrong("%w\nUsage: %s", a.argumentError(cmd, args, err), cmd.UseLine())
			}
			return nil
		}
	}
	verb.Flags().SortFlags = false
	for _, inner := range verb.Commands() {
		a.prepare(inner)
	}
}

// argumentError says which argument a verb does not take, and what was
// probably meant.
func (a *app) argumentError(cmd *cobra.Command, args []string, err error) error {
	if !strings.HasPrefix(err.Error(), "unknown command") {
		return err
	}
	if cmd.HasSubCommands() {
		return unknownVerb(cmd, args[0])
	}
	text := fmt.Sprintf("%s takes no arguments, and %q is one", cmd.CommandPath(), args[0])
	if info, err := os.Stat(a.at(args[0])); err == nil && info.IsDir() {
		text += "; the project's folder is named with -C: koppel -C " + args[0] + " " + cmd.Name()
	}
	return wrong("%s", text)
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
