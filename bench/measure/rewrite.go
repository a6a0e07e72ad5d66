package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
)

// The marks between which the tables stand in a Markdown file.
const (
	tableBegin = "<!-- measured: begin -->\n"
	tableEnd   = "<!-- measured: end -->"
)

var errMarks = errors.New("the marks of the table are not there")

// rewrite puts text between the marks of a file.
func rewrite(path, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, found := bytes.Cut(old, []byte(tableBegin))
	_, tail, ended := bytes.Cut(rest, []byte(tableEnd))
	if !found || !ended {
		return fmt.Errorf("rewrite %s: %w", path, errMarks)
	}
	return os.WriteFile(path, slices.Concat(head, []byte(tableBegin+"\n"+text+"\n\n"+tableEnd), tail), 0o644)
}
