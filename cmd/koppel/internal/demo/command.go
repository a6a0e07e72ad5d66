package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// A commandLine is what a shell would make of a line: words, and where the
// output goes.
type commandLine struct {
	words  []string
	append string // the file behind >>
	head   int    // lines that `| head -N` lets through; 0: all
}

// do carries out a command line as a shell in the demo's folder would, and
// gives what it prints and its exit code. It knows the programs of the story
// only.
func (d *Demo) do(ctx context.Context, line string) (text string, code int, err error) {
	c, err := parse(line)
	if err != nil {
		return "", 0, err
	}
	switch c.words[0] {
	case "koppel":
		text, code = d.koppel(ctx, c.words[1:])
	case "curl":
		text, err = d.curl(ctx, c.words[1:])
	case "sqlite3":
		text, err = d.sqlite3(ctx, c.words[1:])
	case "cat":
		text, err = d.cat(c.words[1:])
	case "sed":
		text, err = d.sed(c.words[1:])
	case "echo":
		text = strings.Join(c.words[1:], " ") + "\n"
	default:
		err = fmt.Errorf("%s is no program of the demo", c.words[0])
	}
	if err == nil && c.append != "" {
		text, err = "", d.appendTo(c.append, text)
	}
	return c.cut(text), code, err
}

// cut leaves the lines that head lets through.
func (c *commandLine) cut(text string) string {
	if c.head == 0 {
		return text
	}
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[:min(c.head, len(lines))], "")
}

// parse splits a line into words as a shell does: quotes keep white space and
// all other signs as they are.
func parse(line string) (*commandLine, error) {
	c := &commandLine{}
	var word strings.Builder
	quote, begun := rune(0), false
	for _, r := range line + " " {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote == 0 && r == ' ':
			if begun {
				c.words = append(c.words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quote != 0 || len(c.words) == 0 {
		return nil, fmt.Errorf("%q is no command line", line)
	}
	n := len(c.words)
	if n > 2 && c.words[n-2] == ">>" {
		c.append, c.words = c.words[n-1], c.words[:n-2]
	}
	if n > 3 && c.words[n-3] == "|" && c.words[n-2] == "head" {
		head, err := strconv.Atoi(strings.TrimPrefix(c.words[n-1], "-"))
		if err != nil {
			return nil, fmt.Errorf("%q: head takes a number: %w", line, err)
		}
		c.head, c.words = head, c.words[:n-3]
	}
	return c, nil
}

// koppel carries out a verb, with the folder of -C below that of the demo. What
// it prints names files as seen from there.
func (d *Demo) koppel(ctx context.Context, args []string) (string, int) {
	below := append([]string{}, args...)
	for i, arg := range args[:len(args)-1] {
		if arg == "-C" {
			below[i+1] = filepath.Join(d.Dir, args[i+1])
		}
	}
	text, code := d.Koppel(ctx, below)
	return strings.ReplaceAll(text, d.Dir+string(filepath.Separator), ""), code
}
