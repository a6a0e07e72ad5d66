package cli

import (
	"github.com/agext/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// nearestFlag gives the flag of a verb that a wrong name is close to; empty
// when none is.
func nearestFlag(cmd *cobra.Command, name string) string {
	best, at := "", len(name)/3+2
	look := func(f *pflag.Flag) {
		if d := levenshtein.Distance(name, f.Name, nil); d < at && !f.Hidden {
			best, at = f.Name, d
		}
	}
	cmd.Flags().VisitAll(look)
	cmd.InheritedFlags().VisitAll(look)
	return best
}
