// Package file is the source kind "file": records from JSON, JSON Lines, CSV,
// XML and XLSX files, and lists of files.
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
	"koppel/internal/xmlrecord"
)

// Config holds the arguments of a source of this kind.
type Config struct {
	Path      string            `hcl:"path" doc:"a file, or a pattern with * ? [] {} and **; a plain path is one partition, a pattern has one per file; list: also a folder, always one partition"`
	Format    string            `hcl:"format,optional" oneof:"json jsonl csv xml xlsx list" doc:"what the file holds; default: by its extension; list: the files themselves are the records"`
	Records   connector.Program `hcl:"records,optional" doc:"json: jq that gives the records of the document (default: the elements of the array, or the object itself); xml: an XPath of names, *, / and // with conditions on attributes (default: the elements below the root); xlsx: the name of the sheet (default: the first that is not hidden)"`
	Delimiter string            `hcl:"delimiter,optional" doc:"csv: the character between cells; default: the one of comma, semicolon and tab that the header has"`
	Header    int               `hcl:"header,optional" doc:"xlsx: the number of the row with the names of the columns; default: the first row that is not empty"`
	Encoding  string            `hcl:"encoding,optional" doc:"json, jsonl, csv, xml: such as utf-8 (the default), utf-16, windows-1252; a byte order mark in the file decides before it, what an XML document declares after it"`
}

// Kind defines the source kind "file".
func Kind() connector.Kind[connector.Source] {
	return connector.Define("file",
		"Records from JSON, JSON Lines, CSV, XML or XLSX files, the first four also compressed with gzip; or a list of files: path, name, ext, size, modified and sha256.",
		Config{Encoding: "utf-8"}, open)
}

func open(_ context.Context, c Config, env connector.Env) (connector.Source, error) {
	s, err := newSource(c, env.Dir)
	if err != nil {
		return nil, err
	}
	if s.spool = env.Spool; s.selector == nil && c.Records != nil && s.format != "json" {
		return nil, notText(s.format)
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
	if err := s.check(c); err != nil {
		return nil, err
	}
	return s, s.selection(c.Records)
}

// check refuses arguments that the format has no use for.
func (s *source) check(c Config) error {
	switch {
	case c.Records != nil && s.format != "json" && s.format != "xml" && s.format != "xlsx":
		return &connector.FieldError{Field: "records", Problem: "applies to the formats json, xml and xlsx, not to " + s.format}
	case c.Header != 0 && s.format != "xlsx":
		return &connector.FieldError{Field: "header", Problem: "applies to format xlsx only, not to " + s.format}
	case c.Header < 0 || c.Header > maxRows:
		return &connector.FieldError{Field: "header", Problem: fmt.Sprintf("is no number of a row, which are from 1 to %d", maxRows)}
	case s.encoding != nil && (s.format == "xlsx" || s.format == "list"):
		return &connector.FieldError{Field: "encoding", Problem: "applies to text, not to format " + s.format}
	}
	s.header = c.Header
	return nil
}

// selection takes the text that records is for XML and XLSX. A value that is
// not known yet is left out.
func (s *source) selection(records connector.Program) error {
	if s.format == "xml" {
		s.elements = xmlrecord.Children()
	}
	if records == nil || s.format == "json" {
		return nil
	}
	outputs, err := records.Run(context.Background(), nil)
	if err != nil || len(outputs) != 1 || outputs[0] == nil {
		return nil
	}
	text, ok := outputs[0].(string)
	if !ok || text == "" {
		return notText(s.format)
	}
	if s.selector = &text; s.format == "xml" {
		s.elements, err = xmlrecord.Parse(text, nil)
	}
	return err
}

func notText(format string) error {
	hint := `records = "/Employees/Employee"`
	if format == "xlsx" {
		hint = `records = "Sheet1"`
	}
	return &connector.FieldError{Field: "records", Problem: "is not a text, which format " + format + " needs", Hint: "such as " + hint}
}

// format is the configured format, or the one that the extension stands for.
func format(configured, path string) (string, error) {
	f := configured
	if f == "" {
		name := strings.TrimSuffix(strings.ToLower(path), ".gz")
		f = name[strings.LastIndexAny(name, "./\\")+1:]
	}
	switch f {
	case "json", "jsonl", "csv", "xml", "xlsx":
		return f, nil
	case "list":
		if configured != "" {
			return f, nil
		}
	case "xlsm":
		return "xlsx", nil
	case "ndjson":
		return "jsonl", nil
	case "tsv":
		return "csv", nil
	}
	if configured == "" {
		return "", &connector.FieldError{Field: "format", Problem: "can't be told from the name of the file", Hint: `say format = "json", "jsonl", "csv", "xml", "xlsx" or "list"`}
	}
	return "", &connector.FieldError{Field: "format", Problem: fmt.Sprintf("%q is unknown", f), Hint: `one of "json", "jsonl", "csv", "xml", "xlsx" and "list"`}
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
