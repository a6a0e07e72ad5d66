package file_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/sources/file"
)

// asElements writes an element per record and member.
func asElements(t testing.TB, records []string) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<p:people xmlns:p=\"urn:people\">\n")
	for _, r := range records {
		b.WriteString("<person>")
		record.Members([]byte(r), func(name string, raw []byte) bool {
			text, _ := record.Text(raw)
			switch record.KindOf(raw) {
			case record.Null:
				fmt.Fprintf(&b, `<%s i:nil="true" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"/>`, name)
				return true
			case record.Number:
				text = string(raw)
			}
			fmt.Fprintf(&b, "<p:%s>", name)
			if err := xml.EscapeText(&b, []byte(text)); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "</p:%s>", name)
			return true
		})
		b.WriteString("</person>\n")
	}
	b.WriteString("</p:people>\n")
	return b.Bytes()
}

// asSheet writes a sheet by another hand than Koppel's.
func asSheet(t testing.TB, records []string) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	w, err := f.NewStreamWriter("Sheet1")
	if err != nil {
		t.Fatal(err)
	}
	var header []any
	record.Members([]byte(connectortest.Records(1, true)[0]), func(name string, _ []byte) bool {
		header = append(header, name)
		return true
	})
	for i, r := range append([]string{""}, records...) {
		row := header
		if i > 0 {
			row = cellsOf(r)
		}
		if err := w.SetRow("A"+strconv.Itoa(i+1), row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func cellsOf(body string) []any {
	var row []any
	record.Members([]byte(body), func(_ string, raw []byte) bool {
		var v any
		if text, _ := record.Text(raw); record.KindOf(raw) == record.String {
			v = text
		} else if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			v = n
		} else if f, err := strconv.ParseFloat(string(raw), 64); err == nil {
			v = f
		} else if string(raw) != "null" {
			v = string(raw) == "true"
		}
		row = append(row, v)
		return true
	})
	return row
}

// asCells is what is left of records in XLSX: null for empty text.
func asCells(records []string) []string {
	out := make([]string, len(records))
	for i, r := range records {
		out[i] = strings.ReplaceAll(r, `"empty":""`, `"empty":null`)
	}
	return out
}

// asFiles makes a file for each record, and wants the list of them.
func asFiles(t testing.TB, records []string) connectortest.Origin {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "drop"), 0o777); err != nil {
		t.Fatal(err)
	}
	modified := time.Date(2026, 2, 1, 8, 30, 0, 999e6, time.FixedZone("", 3600))
	o := connectortest.Origin{Config: file.Kind().Config(), Env: connector.Env{Dir: dir}, Canaries: []string{dir}, Want: []string{}}
	for i, r := range records {
		name := fmt.Sprintf("é%04d.tar.GZ", i)
		write(t, dir, "drop/"+name, []byte(r))
		if err := os.Chtimes(filepath.Join(dir, "drop", name), modified, modified); err != nil {
			t.Fatal(err)
		}
		o.Want = append(o.Want, fmt.Sprintf(`{"path":"drop/%s","name":"%s","ext":"gz","size":%d,"modified":"2026-02-01T07:30:00Z","sha256":"%x"}`,
			name, name, len(r), sha256.Sum256([]byte(r))))
	}
	c := o.Config.(*file.Config)
	c.Path, c.Format = "drop", "list"
	return o
}

func TestConformanceOfLists(t *testing.T) {
	connectortest.Source(t, connectortest.SourceSuite{
		Kind:       file.Kind(),
		Page:       20,
		Flat:       true,
		NeverEmpty: true,
		Setup:      asFiles,
		Faults: []connectortest.Fault{
			{Name: "broken link", Setup: func(t testing.TB, records []string, place int) (connectortest.Origin, bool) {
				o := asFiles(t, records)
				name := filepath.Join(o.Env.Dir, "drop", fmt.Sprintf("é%04d.tar.GZ", place))
				if place == len(records) {
					return o, false
				}
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink("nowhere", name); err != nil {
					t.Fatal(err)
				}
				return o, true
			}},
			{Name: "gone", Setup: func(t testing.TB, records []string, place int) (connectortest.Origin, bool) {
				o := asFiles(t, records)
				o.Config.(*file.Config).Path = []string{"gone", "gone/*", "drop/*.pdf", "drop/**/x*"}[place%4]
				return o, place < 4
			}},
		},
		Wrong: []connectortest.Wrong{
			{Name: "records", Change: func(c any) { c.(*file.Config).Records = constant("x") }, Want: "records"},
			{Name: "header", Change: func(c any) { c.(*file.Config).Header = 1 }, Want: "header"},
			{Name: "encoding", Change: func(c any) { c.(*file.Config).Encoding = "utf-16" }, Want: "encoding"},
		},
	})
}
