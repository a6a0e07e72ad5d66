package cli

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"koppel/internal/view"
	"koppel/sinks"
	"koppel/sources"

	"github.com/spf13/cobra"
)

// starters are the pieces of starter projects: one per kind of source and sink.
//
//go:embed starter
var starters embed.FS

func (a *app) newVerb() *cobra.Command {
	from, to := "", ""
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "Make a commented starter project",
		Long: `New makes a folder with a small project that validates and whose tests pass: a
source, a sink, and a pipeline with tests between them.`,
		Example: "  koppel new reception\n  koppel new reception --from sql --to file",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.newProject(args[0], from, to) },
	}
	cmd.Flags().StringVar(&from, "from", "file", "`KIND` of the source: "+strings.Join(sourceKinds(), ", "))
	cmd.Flags().StringVar(&to, "to", "sql", "`KIND` of the sink: "+strings.Join(sinkKinds(), ", "))
	return cmd
}

func sourceKinds() []string {
	var names []string
	for _, k := range sources.All() {
		names = append(names, k.Name)
	}
	return names
}

func sinkKinds() []string {
	var names []string
	for _, k := range sinks.All() {
		names = append(names, k.Name)
	}
	return names
}

// newProject writes a starter project into a new or empty folder.
func (a *app) newProject(name, from, to string) error {
	text, err := starterText(from, to)
	if err != nil {
		return err
	}
	dir := inside(a.dir, name)
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return wrong("%s is there already and not empty", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the project's folder: %w", err)
	}
	files := []struct {
		name string
		text []byte
	}{{"main.hcl", text}, {".gitignore", starter("gitignore")}}
	if from == "file" {
		files = append(files, files[0])
		files[2].name, files[2].text = "employees.csv", starter("employees.csv")
	}
	made := view.NewProject{FormatVersion: view.FormatVersion, Dir: dir, Files: []string{}}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.text, 0o644); err != nil {
			return fmt.Errorf("write the project: %w", err)
		}
		made.Files = append(made.Files, f.name)
	}
	if a.json {
		return view.WriteJSON(a.out, made)
	}
	return made.WriteText(a.out)
}

// starterText is the configuration of a starter project.
func starterText(from, to string) ([]byte, error) {
	for _, piece := range []struct{ class, kind, flag string }{{"source", from, "--from"}, {"sink", to, "--to"}} {
		if starter(piece.class+"_"+piece.kind+".hcl") == nil {
			known := sourceKinds()
			if piece.class == "sink" {
				known = sinkKinds()
			}
			return nil, wrong("%s %q is none of %s", piece.flag, piece.kind, strings.Join(known, ", "))
		}
	}
	source, sink := starter("source_"+from+".hcl"), starter("sink_"+to+".hcl")
	pipeline := starter("pipeline.hcl")
	// A kind whose records are of another shape than most has a pipeline of its
	// own; that of the sink goes before that of the source.
	for _, name := range []string{"pipeline_from_" + from + ".hcl", "pipeline_into_" + to + ".hcl"} {
		if own := starter(name); own != nil {
			pipeline = own
		}
	}
	text := slices.Concat(starter("head.hcl"), source, sink, pipeline)
	names := strings.NewReplacer("@FROM@", "source."+from+"."+labelOf(source), "@TO@", "sink."+to+"."+labelOf(sink))
	return []byte(names.Replace(string(text))), nil
}

// labelOf is the name of the source or sink that a piece declares.
func labelOf(piece []byte) string {
	found := regexp.MustCompile(`(?m)^(?:source|sink) "[^"]+" "([^"]+)"`).FindSubmatch(piece)
	if found == nil {
		return ""
	}
	return string(found[1])
}

// starter gives a piece; nil when there is none.
func starter(name string) []byte {
	b, err := fs.ReadFile(starters, "starter/"+name)
	if err != nil {
		return nil
	}
	return b
}
