package file_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/sinks/file"
)

func TestConformance(t *testing.T) {
	tests := []struct {
		path    string
		changes bool
		rows    func(content string) []string
	}{
		{path: "p.jsonl", rows: lines},
		{path: "p.jsonl.gz", rows: lines},
		{path: "p.json", rows: elements},
		{path: "p.xlsx", rows: sheetRows},
		{path: "changes.jsonl", changes: true, rows: replay},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			connectortest.Sink(t, connectortest.SinkSuite{
				Kind: file.Kind(),
				Setup: func(t testing.TB) connectortest.Target {
					dir := t.TempDir()
					config := file.Kind().Config().(*file.Config)
					config.Path, config.Changes = connectortest.Text(tt.path), tt.changes
					return connectortest.Target{
						Config: config,
						Env:    connector.Env{Dir: dir},
						Rows: func(t testing.TB) []string {
							if _, err := os.Stat(filepath.Join(dir, tt.path)); os.IsNotExist(err) {
								return nil
							}
							return tt.rows(content(t, dir, tt.path))
						},
					}
				},
				Wrong: []connectortest.Wrong{
					{Name: "unknown name", Change: func(c any) { c.(*file.Config).Path = connectortest.Text("{src.x}.json") }, Want: "{src.x}"},
					{Name: "formulas", Change: func(c any) { c.(*file.Config).Formulas = "keep" }, Want: "formulas"},
					{Name: "format", Change: func(c any) { c.(*file.Config).Format = "xml" }, Want: "unknown"},
				},
			})
		})
	}
}

func lines(text string) []string {
	var rows []string
	for _, l := range bytes.Split([]byte(text), []byte{'\n'}) {
		if len(l) > 0 {
			rows = append(rows, string(l))
		}
	}
	return rows
}

func elements(text string) []string {
	var rows []string
	list, _ := record.DecodeTrusted([]byte(text)).([]any)
	for _, v := range list {
		b, _ := record.Append(nil, v)
		rows = append(rows, string(b))
	}
	return rows
}

// sheetRows reads a sheet of the suite's shape by another hand.
func sheetRows(content string) []string {
	f, err := excelize.OpenReader(strings.NewReader(content))
	if err != nil {
		return []string{err.Error()}
	}
	defer f.Close()
	sheet := f.GetSheetName(0)
	table, err := f.GetRows(sheet, excelize.Options{RawCellValue: true})
	if err != nil {
		return []string{err.Error()}
	}
	var rows []string
	for i, cells := range table[1:] {
		body := []byte{'{'}
		for j, name := range table[0] {
			body = append(record.AppendString(body, name), ':')
			axis, _ := excelize.CoordinatesToCellName(j+1, i+2)
			kind, _ := f.GetCellType(sheet, axis)
			switch {
			case j >= len(cells) || cells[j] == "" && kind != excelize.CellTypeInlineString:
				body = append(body, "null"...)
			case kind == excelize.CellTypeBool:
				body = append(body, map[string]string{"1": "true", "0": "false"}[cells[j]]...)
			case kind == excelize.CellTypeInlineString && name != "amount":
				body = record.AppendString(body, cells[j])
			default:
				body = append(body, cells[j]...)
			}
			body = append(body, ',')
		}
		rows = append(rows, string(body[:len(body)-1])+"}")
	}
	return rows
}

// replay is the set that a reader of the journal ends up with.
func replay(text string) []string {
	rows := map[string]string{}
	for _, l := range lines(text) {
		key := string(record.Member([]byte(l), "key"))
		before, after := record.Member([]byte(l), "before"), record.Member([]byte(l), "after")
		if old, ok := rows[key]; ok != (record.KindOf(before) == record.Object) || ok && old != string(before) {
			return []string{`{"key":` + key + `,"problem":"before is not what stood there"}`}
		}
		if rows[key] = string(after); record.KindOf(after) != record.Object {
			delete(rows, key)
		}
	}
	var out []string
	for _, r := range rows {
		out = append(out, r)
	}
	return out
}
