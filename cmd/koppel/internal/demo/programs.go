package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"koppel/internal/sql"
)

// curl calls the control API: curl [-X METHOD] [-d BODY] URL, where {a,b} in the
// URL makes several calls. The answers to what changes nothing are its output.
func (d *Demo) curl(ctx context.Context, args []string) (string, error) {
	method, body, address := "", "", ""
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-X" && i+1 < len(args):
			i++
			method = args[i]
		case args[i] == "-d" && i+1 < len(args):
			i++
			body = args[i]
		default:
			address = args[i]
		}
	}
	if method == "" {
		method = http.MethodGet
		if body != "" {
			method = http.MethodPost
		}
	}
	var out strings.Builder
	for _, one := range expand(address) {
		answer, err := d.call(ctx, method, one, body)
		if err != nil {
			return out.String(), err
		}
		if method == http.MethodGet {
			out.WriteString(answer)
		}
	}
	return out.String(), nil
}

var alternatives = regexp.MustCompile(`\{([^{}]*)\}`)

// expand gives the addresses that a pattern such as a/{b,c} stands for.
func expand(pattern string) []string {
	m := alternatives.FindStringSubmatchIndex(pattern)
	if m == nil {
		return []string{pattern}
	}
	var all []string
	for one := range strings.SplitSeq(pattern[m[2]:m[3]], ",") {
		all = append(all, pattern[:m[0]]+one+pattern[m[1]:])
	}
	return all
}

func (d *Demo) call(ctx context.Context, method, address, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return "", err
	}
	answer, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(answer)))
	}
	return string(answer), nil
}

// sqlite3 shows the rows of a query in columns: sqlite3 [-column] DB QUERY.
func (d *Demo) sqlite3(ctx context.Context, args []string) (string, error) {
	if args[0] == "-column" {
		args = args[1:]
	}
	if len(args) != 2 {
		return "", errors.New("sqlite3 takes a database and a statement")
	}
	head, rows, err := d.sqlite(ctx, args[0], args[1])
	if err != nil || len(head) == 0 {
		return "", err
	}
	return table(head, rows), nil
}

// sqlite runs a statement in a database of the demo's folder, which it makes
// where it is missing, and gives the names of its columns and its rows, null as
// empty text.
func (d *Demo) sqlite(ctx context.Context, database, statement string) (head []string, rows [][]string, err error) {
	if statement = strings.TrimSpace(statement); statement == "" {
		return nil, nil, nil
	}
	db := sql.NewSQLite(filepath.Join(d.Dir, filepath.FromSlash(database)), database, 10*time.Second)
	conn, err := db.Open(ctx, sql.Create)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if !strings.HasPrefix(strings.ToLower(statement), "select") {
		return nil, nil, conn.Exec(statement)
	}
	columns, err := db.Dialect.Result(conn, statement, statement)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range columns {
		head = append(head, c.Name)
	}
	stmt, err := conn.Prepare(statement)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, stmt.Close()) }()
	for {
		more, err := stmt.Step()
		if err != nil || !more {
			return head, rows, err
		}
		row := make([]string, stmt.Columns())
		for i := range row {
			row[i], _ = stmt.Column(i).KeyText()
		}
		rows = append(rows, row)
	}
}

// table writes rows in columns under their names.
func table(head []string, rows [][]string) string {
	widths := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	rule := make([]string, len(head))
	for i := range rule {
		rule[i] = strings.Repeat("-", widths[i])
	}
	var out strings.Builder
	for _, row := range append([][]string{head, rule}, rows...) {
		line := ""
		for i, cell := range row {
			line += cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
		}
		out.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return out.String()
}

// cat shows a file of the demo's folder.
func (d *Demo) cat(args []string) (string, error) {
	text, err := os.ReadFile(d.path(args[0]))
	return string(text), err
}

// sed shows the lines of a file from one that begins with a word to one that
// does so with another: sed -n '/^FROM/,/^TO/p' FILE.
func (d *Demo) sed(args []string) (string, error) {
	if len(args) != 3 || args[0] != "-n" {
		return "", errors.New("sed takes -n, a range of lines and a file")
	}
	from, to, ok := strings.Cut(strings.TrimSuffix(args[1], "/p"), "/,/")
	from, to = strings.TrimPrefix(from, "/^"), strings.TrimPrefix(to, "^")
	text, err := d.cat(args[2:])
	if err != nil || !ok {
		return "", errors.Join(err, fmt.Errorf("%q is no range of lines", args[1]))
	}
	var out strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		if inside = inside || strings.HasPrefix(line, from); inside {
			out.WriteString(line)
		}
		inside = inside && !strings.HasPrefix(line, to)
	}
	return out.String(), nil
}

// appendTo adds text to the end of a file.
func (d *Demo) appendTo(name, text string) (err error) {
	f, err := os.OpenFile(d.path(name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// path gives the place of a file in the demo's folder.
func (d *Demo) path(name string) string { return filepath.Join(d.Dir, filepath.FromSlash(name)) }
