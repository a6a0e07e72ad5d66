// Package file is the sink kind "file": the whole set of records as one JSON,
// JSON Lines, CSV or XLSX file, or a journal of the changes.
package file

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/record"
)

// Config holds the arguments of a sink of this kind.
type Config struct {
	Path     connector.Template `hcl:"path" doc:"the file; {today} and {now} stand for the date and time of the run; .gz compresses; missing folders are made"`
	Format   string             `hcl:"format,optional" oneof:"json jsonl csv xlsx" doc:"how records are written; default: by the extension"`
	Formulas string             `hcl:"formulas,optional" oneof:"guard keep" doc:"csv: guard puts an apostrophe before text that starts with = + - @ or a control character and is no plain number, so that no spreadsheet program runs it; keep writes it as it is; xlsx holds typed text, which needs none"`
	Changes  bool               `hcl:"changes,optional" doc:"append one line {time, op, key, changed, before, after} per change instead of replacing the whole set; jsonl only"`
}

// Kind defines the sink kind "file".
func Kind() connector.Kind[connector.Sink] {
	k := connector.Define("file",
		"The whole set of records as one file, in the order of the source, replaced at once, or a journal of changes.",
		Config{Formulas: "guard"}, open)
	k.Static = connector.Traits{Deletes: true}
	return k
}

func open(_ context.Context, c Config, env connector.Env) (connector.Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	path := c.Path.Source()
	if !filepath.IsAbs(path) {
		path = filepath.Join(env.Dir, path)
	}
	identity, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the folder of %s: %w", c.Path.Source(), err)
	}
	t := target{config: c, env: env, identity: identity}
	if c.Changes {
		return newJournal(t), nil
	}
	if err := c.Fits(env.Shape); err != nil {
		return nil, err
	}
	return &whole{target: t}, nil
}

// Fits tells whether the columns of a file that has some are known.
func (c *Config) Fits(shape record.Shape) error {
	if f := formatOf(c.Format, c.Path.Source()); !c.Changes && shape.Open && (f == "csv" || f == "xlsx") {
		return &connector.FieldError{Field: "format", Problem: f + " needs fields that are known before the run, and this pipeline maps whole objects"}
	}
	return nil
}

// Validate checks the arguments against each other.
func (c *Config) Validate() error {
	if c.Path == nil || c.Path.Source() == "" {
		return &connector.FieldError{Field: "path", Problem: "is empty"}
	}
	unknown, filled := "", false
	_, err := c.Path.Fill(func(name string) (any, bool) {
		filled = true
		v, ok := clockValue(name, time.Unix(0, 0).UTC())
		if !ok {
			unknown = name
		}
		return v, ok
	})
	if unknown != "" {
		return &connector.FieldError{Field: "path", Problem: fmt.Sprintf("has no value for {%s}", unknown), Hint: "{today} and {now} are known here"}
	}
	if err != nil {
		return &connector.FieldError{Field: "path", Problem: err.Error()}
	}
	format := formatOf(c.Format, c.Path.Source())
	switch format {
	case "json", "jsonl", "csv":
	case "xlsx":
		if packed(c.Path.Source()) {
			return &connector.FieldError{Field: "path", Problem: "ends in .gz, and xlsx files are compressed already"}
		}
	case "":
		return &connector.FieldError{Field: "format", Problem: "can't be told from the name of the file", Hint: `say format = "json", "jsonl", "csv" or "xlsx"`}
	default:
		return &connector.FieldError{Field: "format", Problem: fmt.Sprintf("%q is unknown", format), Hint: `one of "json", "jsonl", "csv" and "xlsx"`}
	}
	if c.Formulas == "keep" && format != "csv" {
		return &connector.FieldError{Field: "formulas", Problem: "applies to format csv only, not to " + format}
	}
	if !c.Changes {
		return nil
	}
	switch {
	case format != "jsonl":
		return &connector.FieldError{Field: "changes", Problem: "can be written as jsonl only"}
	case packed(c.Path.Source()):
		return &connector.FieldError{Field: "changes", Problem: "can't be appended to a compressed file"}
	case filled:
		return &connector.FieldError{Field: "changes", Problem: "needs a path without {today} and {now}"}
	}
	return nil
}

// formatOf is the configured format or the one that the extension stands for;
// empty when it stands for none.
func formatOf(configured, path string) string {
	if configured != "" {
		return configured
	}
	switch filepath.Ext(strings.TrimSuffix(strings.ToLower(path), ".gz")) {
	case ".jsonl", ".ndjson":
		return "jsonl"
	case ".json":
		return "json"
	case ".csv":
		return "csv"
	case ".xlsx":
		return "xlsx"
	}
	return ""
}

func packed(path string) bool { return strings.HasSuffix(strings.ToLower(path), ".gz") }

// clockValue is the value of a name in the path. The time has no colons, which
// not every file system takes.
func clockValue(name string, now time.Time) (any, bool) {
	switch name {
	case "today":
		return now.Format(time.DateOnly), true
	case "now":
		return now.UTC().Format("20060102T150405Z"), true
	}
	return nil, false
}

// A target is what both ways of writing know of their file.
type target struct {
	config   Config
	env      connector.Env
	identity string
}

func (t *target) format() string { return formatOf(t.config.Format, t.config.Path.Source()) }

// path is the file of this run: where it is and how the user calls it.
func (t *target) path() (path, name string, err error) {
	name, err = t.config.Path.Fill(func(name string) (any, bool) { return clockValue(name, t.env.At()) })
	if err != nil {
		return "", "", fmt.Errorf("fill in path: %w", err)
	}
	if path = name; !filepath.IsAbs(path) {
		path = filepath.Join(t.env.Dir, path)
	}
	return path, name, nil
}
