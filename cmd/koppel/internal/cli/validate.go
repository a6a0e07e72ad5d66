package cli

import (
	"fmt"
	"slices"

	"koppel/dsl"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

func (a *app) validateVerb() *cobra.Command {
	remote := false
	cmd := &cobra.Command{
		Use:   "validate",
		Short: "Check the files, offline",
		Long: `Validate checks all files of the project in one go: syntax, names, types,
references and programs. It needs no network and no credentials, and writes nothing.
With --remote it also asks the systems: whether they answer and accept the credentials,
and whether they have the connectors, tables and fields that the project names.`,
		Example: "  koppel validate\n  koppel -C reception validate --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := a.options(offline)
			if err != nil {
				return err
			}
			p, problems := dsl.Load(cmd.Context(), o)
			if remote && !problems.HasErrors() {
				found, err := a.remote(cmd.Context(), p)
				if err != nil {
					return err
				}
				problems = append(problems, found...)
				problems.Sort()
			}
			return a.reportValidity(p, problems)
		},
	}
	cmd.Flags().BoolVar(&remote, "remote", false, "also compare fields with live metadata")
	return cmd
}

// reportValidity prints the problems of a project and judges it.
func (a *app) reportValidity(p *dsl.Project, problems dsl.Diagnostics) error {
	code := exitDone
	if problems.HasErrors() {
		code = exitWrong
	}
	if onlyUnreachable(problems) {
		code = exitUnreachable
	}
	if a.json {
		if err := view.WriteJSON(a.out, view.NewValidation(problems)); err != nil {
			return err
		}
		return silent(code)
	}
	if a.quiet {
		problems = errorsOf(problems)
	}
	if err := a.writeDiagnostics(p, problems); err != nil {
		return err
	}
	if code == exitDone {
		_, err := fmt.Fprintln(a.out, view.Validity(p, len(problems)))
		return err
	}
	return silent(code)
}

// onlyUnreachable tells whether nothing is wrong but that systems do not answer.
func onlyUnreachable(all dsl.Diagnostics) bool {
	list := errorsOf(all)
	return len(list) > 0 && !slices.ContainsFunc(list, func(d dsl.Diagnostic) bool { return d.Code != "unreachable" })
}

// errorsOf leaves the warnings out.
func errorsOf(all dsl.Diagnostics) dsl.Diagnostics {
	var list dsl.Diagnostics
	for _, d := range all {
		if d.Severity == dsl.Error {
			list = append(list, d)
		}
	}
	return list
}
