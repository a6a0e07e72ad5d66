package file_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/sources/file"
)

// discard takes records and counts their bytes.
type discard struct{ n int64 }

func (d *discard) Parts([]string) error { return nil }
func (d *discard) Begin(string, connector.Mode) (connector.Cursor, error) {
	return nil, nil
}
func (d *discard) Records(_ string, _ int64, b []byte) error { d.n += int64(len(b)); return nil }
func (d *discard) Remove(string, record.Key, string) error   { return nil }
func (d *discard) End(string, connector.Cursor, connector.Interval) error {
	return nil
}
func (d *discard) Fail(_ string, err error) error { return err }

func BenchmarkRead(b *testing.B) {
	const count = 100_000
	line := `{"id":"a1b2c3d4-0000-1111-2222-%012d",` + strings.Repeat(`"field":"some text of a usual length",`, 20) + `"last":null}`
	var lines, array, table bytes.Buffer
	array.WriteByte('[')
	table.WriteString("id,a,b,c,d,e,f,g,h\n")
	for i := range count {
		fmt.Fprintf(&lines, line+"\n", i)
		if i > 0 {
			array.WriteString(",\n")
		}
		fmt.Fprintf(&array, line, i)
		fmt.Fprintf(&table, "%d,Saar,van der,Berg,saar.vandenberg@example.org,Utrecht,\"Finance, Control\",2019-02-01,\n", i)
	}
	array.WriteByte(']')
	dir := b.TempDir()
	for name, content := range map[string][]byte{"p.jsonl": lines.Bytes(), "p.json": array.Bytes(), "p.csv": table.Bytes()} {
		write(b, dir, name, content)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				d := &discard{}
				if err := openFile(b, dir, file.Config{Path: name}).Read(b.Context(), d); err != nil || d.n == 0 {
					b.Fatal(err, d.n)
				}
			}
		})
	}
}
