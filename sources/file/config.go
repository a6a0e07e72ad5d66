// Package file is the source kind "file": records from JSON, JSON Lines and
// CSV files.
package file

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"

	"koppel/engine/connector"
)

// Config holds the arguments of a source of this kind.
type Config struct {
	Path      string            `hcl:"path" doc:"a file, or a pattern with * ? [] {} and **; a plain path is one partition, a pattern has one per file"`
	Format    string            `hcl:"format,optional" oneof:"json jsonl csv xml xlsx list" doc:"what the file holds; default: by its extension"`
	Records   connector.Program `hcl:"records,optional" doc:"json: jq that gives the records of the document; default: the elements of the array, or the object itself"`
	Delimiter string            `hcl:"delimiter,optional" doc:"csv: the character between cells; default: the one of comma, semicolon and tab that the header has"`
	Encoding  string            `hcl:"encoding,optional" doc:"such as utf-8 (the default), utf-16, windows-1252; a byte order mark in the file decides before it"`
}

// Kind defines the source kind "file".
func Kind() connector.Kind[connector.Source] {
	return connector.Define("file",
		"Records from JSON, JSON Lines or CSV files, also compressed with gzip.",
		Config{Encoding: "utf-8"}, open)
}

func open(_ context.Context, c Config, env connector.Env) (connector.Source, error) {
	s, err := newSource(c, env.Dir)
	if err != nil {
		return nil, err
	}
	if s.rereadable() {
		return &rereader{source: s}, nil
	}
	return s, nil
}

// Validate checks the arguments against each other.
func (c *Config) Validate() error {
	_, err := newSource(*c, "")
	return err
}

func newSource(c Config, dir string) (*source, error) {
	s := &source{dir: dir, path: c.Path, records: c.Records}
	if c.Path == "" {
		return nil, &connector.FieldError{Field: "path", Problem: "is empty"}
	}
	if isPattern(c.Path) && !doublestar.ValidatePathPattern(c.Path) {
		return nil, &connector.FieldError{Field: "path", Problem: "is not a valid pattern"}
	}
	var err error
	if s.format, err = format(c.Format, c.Path); err != nil {
		return nil, err
	}
	if s.delimiter, err = delimiter(c, s.format); err != nil {
		return nil, err
	}
	if s.encoding, err = charset(c.Encoding); err != nil {
		return nil, err
	}
	if c.Records != nil && s.format != "json" {
		return nil, &connector.FieldError{Field: "records", Problem: "applies to format json only, not to " + s.format}
	}
	return s, nil
}

// format is the configured format, or the one that the extension stands for.
func format(configured, path string) (string, error) {
	f := configured
	if f == "" {
		name := strings.TrimSuffix(strings.ToLower(path), ".gz")
		f = name[strings.LastIndexAny(name, "./\\")+1:]
	}
	switch f {
	case "json", "jsonl", "csv":
		return f, nil
	case "ndjson":
		return "jsonl", nil
	case "tsv":
		return "csv", nil
	case "xml", "xlsx", "list":
		return "", &connector.FieldError{Field: "format", Problem: fmt.Sprintf("%q is not in this version of Koppel", f)}
	}
	if configured == "" {
		return "", &connector.FieldError{Field: "format", Problem: "can't be told from the name of the file", Hint: `say format = "json", "jsonl" or "csv"`}
	}
	return "", &connector.FieldError{Field: "format", Problem: fmt.Sprintf("%q is unknown", f), Hint: `one of "json", "jsonl" and "csv"`}
}

// delimiter is the configured one; 0: the header tells.
func delimiter(c Config, format string) (byte, error) {
	switch {
	case c.Delimiter == "":
		return 0, nil
	case format != "csv":
		return 0, &connector.FieldError{Field: "delimiter", Problem: "applies to format csv only, not to " + format}
	case c.Delimiter == `\t` || strings.EqualFold(c.Delimiter, "tab"):
		return '\t', nil
	case len(c.Delimiter) != 1 || c.Delimiter[0] >= utf8.RuneSelf || strings.Contains("\"\r\n\x00", c.Delimiter):
		return 0, &connector.FieldError{Field: "delimiter", Problem: "must be one ASCII character other than a quote or a line end"}
	}
	return c.Delimiter[0], nil
}

// charset finds the encoding of that name; nil is UTF-8.
func charset(name string) (encoding.Encoding, error) {
	if name == "" || strings.EqualFold(name, "utf-8") || strings.EqualFold(name, "utf8") {
		return nil, nil
	}
	e, err := htmlindex.Get(name)
	if err != nil || e == encoding.Replacement {
		return nil, &connector.FieldError{Field: "encoding", Problem: fmt.Sprintf("%q is unknown", name), Hint: "such as utf-8, utf-16, windows-1252, iso-8859-15"}
	}
	return e, nil
}

func isPattern(path string) bool { return strings.ContainsAny(path, "*?[{") }
