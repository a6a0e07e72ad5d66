package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"koppel/internal/view"

	"github.com/spf13/cobra"
)

// release is the version that this source is, or is on the way to.
const release = "0.1.0"

func (a *app) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  koppel version\n  koppel version --json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := builtVersion()
			if a.json {
				return view.WriteJSON(a.out, v)
			}
			_, err := fmt.Fprintln(a.out, v.Text())
			return err
		},
	}
}

// builtVersion says what this binary is.
func builtVersion() view.Version {
	return view.NewVersion(version(), revision(), runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
}

// version is the binary's version: that of the module when it was built from a
// tag.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	v := strings.TrimPrefix(info.Main.Version, "v")
	if v == "" || v == "(devel)" || strings.HasPrefix(v, "0.0.0-") || strings.Contains(v, "+dirty") {
		return release
	}
	return v
}

// revision names the commit that the binary was built from; empty: not known.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	rev, dirty := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = " and changes"
		}
	}
	if len(rev) > 12 {
		rev = rev[:12]
	}
	if rev == "" {
		return ""
	}
	return rev + dirty
}
