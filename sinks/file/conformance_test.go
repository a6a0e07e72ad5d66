package file_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

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
