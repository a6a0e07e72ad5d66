package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"koppel/dsl"
	"koppel/internal/view"

	"github.com/spf13/cobra"
)

// A formatRequest is what the flags of fmt ask for.
type formatRequest struct{ check, diff bool }

func (a *app) fmtVerb() *cobra.Command {
	var r formatRequest
	cmd := &cobra.Command{
		Use:   "fmt [FILE … | -]",
		Short: "Bring files into canonical form",
		Long: `Fmt rewrites the project's *.hcl files, or the ones named, in canonical form;
comments and programs stay as they are. With - it formats stdin to stdout.`,
		Example: "  koppel fmt\n  koppel fmt --check --diff\n  koppel fmt - < main.hcl",
		RunE:    func(_ *cobra.Command, args []string) error { return a.format(args, r) },
	}
	cmd.Flags().BoolVar(&r.check, "check", false, "write nothing; exit 3 when a file is not in canonical form")
	cmd.Flags().BoolVar(&r.diff, "diff", false, "show what would change, and write nothing")
	return cmd
}

func (a *app) format(args []string, r formatRequest) error {
	if slices.Contains(args, "-") {
		if len(args) > 1 {
			return wrong("- stands alone")
		}
		return a.formatInput(r)
	}
	files, err := a.formatFiles(args)
	if err != nil {
		return err
	}
	out := view.Formatted{FormatVersion: view.FormatVersion, Changed: []string{}}
	var problems dsl.Diagnostics
	sources := map[string][]byte{}
	for _, name := range files {
		path := a.at(name)
		src, err := os.ReadFile(path)
		if err != nil {
			return wrong("read a file to format: %w", err)
		}
		formatted, found := dsl.Format(name, src)
		problems, sources[name] = append(problems, found...), src
		if found.HasErrors() || bytes.Equal(src, formatted) {
			continue
		}
		out.Changed = append(out.Changed, name)
		if err := a.rewrite(path, name, src, formatted, r); err != nil {
			return err
		}
	}
	return a.reportFormat(out, problems, sources, r)
}

// rewrite replaces a file, or shows the difference.
func (a *app) rewrite(path, name string, src, formatted []byte, r formatRequest) error {
	if r.diff && !a.json {
		if err := view.WriteDiff(a.out, view.Clean(name), src, formatted, a.style()); err != nil {
			return err
		}
	}
	if r.check || r.diff {
		return nil
	}
	return replaceFile(path, formatted)
}

func (a *app) reportFormat(out view.Formatted, problems dsl.Diagnostics, sources map[string][]byte, r formatRequest) error {
	if err := problems.Write(a.err, sources, a.colors(a.errTerminal), 0); err != nil {
		return err
	}
	if a.json {
		if err := view.WriteJSON(a.out, out); err != nil {
			return err
		}
	} else if !r.diff {
		for _, name := range out.Changed {
			fmt.Fprintln(a.out, view.Clean(name))
		}
	}
	if problems.HasErrors() || r.check && len(out.Changed) > 0 {
		return silent(exitWrong)
	}
	return nil
}

// formatFiles lists the files to format: the ones named, or all *.hcl files of
// the project's folder.
func (a *app) formatFiles(args []string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return nil, wrong("read the project's folder: %w", err)
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && strings.HasSuffix(e.Name(), ".hcl") {
			files = append(files, e.Name())
		}
	}
	if len(files) == 0 {
		return nil, wrong("there are no *.hcl files in %s", a.dir)
	}
	return files, nil
}

// formatInput formats stdin to stdout.
func (a *app) formatInput(r formatRequest) error {
	src, err := io.ReadAll(a.in)
	if err != nil {
		return fmt.Errorf("read stdin: %w", err)
	}
	formatted, problems := dsl.Format("stdin", src)
	out := view.Formatted{FormatVersion: view.FormatVersion, Changed: []string{}}
	switch {
	case problems.HasErrors():
	case !bytes.Equal(src, formatted):
		out.Changed = append(out.Changed, "stdin")
	}
	if r.diff && len(out.Changed) > 0 && !a.json {
		if err := view.WriteDiff(a.out, "stdin", src, formatted, a.style()); err != nil {
			return err
		}
	}
	if !r.check && !r.diff && !problems.HasErrors() && !a.json {
		if _, err := a.out.Write(formatted); err != nil {
			return fmt.Errorf("write the formatted text: %w", err)
		}
		out.Changed = nil
	}
	return a.reportFormat(out, problems, map[string][]byte{"stdin": src}, r)
}

// replaceFile replaces a file at once: whoever reads it sees the old or the
// new one. Its permissions stay.
func replaceFile(path string, content []byte) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".koppel-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}
