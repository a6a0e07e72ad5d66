package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

// byKey finds rows by a column.
func byKey(rows []dataset.Row, column string) map[string]dataset.Row {
	found := map[string]dataset.Row{}
	for _, row := range rows {
		found[dataset.Text(row[column])] = row
	}
	return found
}

// words joins the columns of a row that are not empty.
func words(row dataset.Row, columns ...string) string {
	var parts []string
	for _, c := range columns {
		parts = append(parts, dataset.Text(row[c]))
	}
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

func lower(v any) string { return strings.ToLower(dataset.Text(v)) }

// cells gives columns of a row as text.
func cells(row dataset.Row, columns ...string) []string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = dataset.Text(row[c])
	}
	return list
}

// instant is the moment of a time on a clock in Amsterdam, in UTC.
func instant(wall time.Time) string {
	zone, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		return err.Error()
	}
	return time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone).UTC().Format(time.RFC3339)
}

// rows are those of a query in a database of the demo's folder.
func (d *Demo) rows(ctx context.Context, database, query string) ([][]string, error) {
	_, rows, err := d.sqlite(ctx, database, query)
	return rows, err
}

// equal tells how two sets of rows differ; nil: they hold the same.
func equal(what string, want, got [][]string) error {
	missing, excess := minus(want, got), minus(got, want)
	switch {
	case len(missing) > 0:
		return fmt.Errorf("%s should hold %s", what, strings.Join(missing[0], " | "))
	case len(excess) > 0:
		return fmt.Errorf("%s should not hold %s", what, strings.Join(excess[0], " | "))
	case len(want) != len(got):
		return fmt.Errorf("%s should hold %d rows, and not %d", what, len(want), len(got))
	}
	return nil
}

// minus gives the rows of a that b does not have.
func minus(a, b [][]string) [][]string {
	have := map[string]bool{}
	for _, row := range b {
		have[strings.Join(row, "\x00")] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(row []string) bool { return have[strings.Join(row, "\x00")] })
}
