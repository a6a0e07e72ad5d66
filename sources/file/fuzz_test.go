package file_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/sources/file"
)

// readBytes reads content as a file of that name.
func readBytes(t *testing.T, dir, name string, content []byte) *connectortest.Part {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o666); err != nil {
		t.Fatal(err)
	}
	config := file.Kind().Config().(*file.Config)
	config.Path = name
	s, err := file.Kind().Open(context.Background(), config, connector.Env{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := connectortest.Read(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	part := rec.ByName[""]
	if part.Complete == (part.Err != nil) {
		t.Errorf("complete is %v, and the error is %v", part.Complete, part.Err)
	}
	return part
}

// plain tells whether the file is read as it is, not as gzip or UTF-16.
func plain(b []byte) bool {
	for _, mark := range []string{"\x1f\x8b", "\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(b, []byte(mark)) {
			return false
		}
	}
	return true
}

func texts(records [][]byte) []string {
	list := make([]string, len(records))
	for i, r := range records {
		list[i] = string(r)
	}
	return list
}

func FuzzJSONL(f *testing.F) {
	for _, s := range []string{"", "\n", "{}\n", "{}", "{}\r\n\n{\"a\":1}\n", "\xef\xbb\xbf{}\n{", "x\n \t\ny"} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		if !plain(b) {
			readBytes(t, dir, "p.jsonl", b)
			return
		}
		got := readBytes(t, dir, "p.jsonl", b)
		text, whole := strings.CutSuffix(strings.TrimPrefix(string(b), "\xef\xbb\xbf"), "\n")
		lines := strings.Split(text, "\n")
		if last := lines[len(lines)-1]; !whole && record.Valid([]byte(last), record.Limits{}) != nil {
			lines = lines[:len(lines)-1]
		}
		want := []string{}
		for _, l := range lines {
			if strings.Trim(l, " \t\r\v\f") != "" && len(bytes.TrimSpace([]byte(l))) > 0 {
				want = append(want, l)
			}
		}
		if diff := cmp.Diff(want, texts(got.Records)); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
		if complete := whole && len(want) > 0; got.Complete != complete {
			t.Errorf("complete is %v, not %v: %v", got.Complete, complete, got.Err)
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{"", "[]", "[{}]", "{}", " [{\"a\":\"]\\\"\"} ,\n{\"b\":[{}]}]\n", "[{}", "[{},]", "[{}{}]", "[{\"a\":[1}]]", "[{}]x", "\xef\xbb\xbf[]"} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		got := readBytes(t, dir, "p.json", b)
		if !plain(b) {
			return
		}
		doc := bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
		want, good := documentRecords(doc)
		sound := true
		for _, r := range got.Records {
			sound = sound && record.Valid(r, record.Limits{}) == nil
		}
		switch {
		case good && !got.Complete:
			t.Errorf("a good document is not complete: %v", got.Err)
		case good:
			if diff := cmp.Diff(want, bodies(t, got.Records)); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		case got.Complete && sound:
			t.Errorf("a document that is not good gives a complete read of %d records", len(got.Records))
		}
	})
}

// documentRecords is the slow way: the whole document is checked and decoded.
func documentRecords(doc []byte) ([]string, bool) {
	if record.Valid(doc, record.Limits{}) != nil {
		return nil, false
	}
	list := []json.RawMessage{doc}
	if record.KindOf(bytes.TrimLeft(doc, " \t\r\n")) == record.List {
		list = nil
		if json.Unmarshal(doc, &list) != nil {
			return nil, false
		}
	}
	want := []string{}
	for _, raw := range list {
		if record.KindOf(bytes.TrimLeft(raw, " \t\r\n")) != record.Object {
			return nil, false
		}
		b, err := record.AppendBody(nil, raw)
		if err != nil {
			return nil, false
		}
		want = append(want, string(b))
	}
	return want, true
}

func bodies(t *testing.T, records [][]byte) []string {
	t.Helper()
	list := []string{}
	for _, r := range records {
		b, err := record.AppendBody(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(b))
	}
	return list
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"", "a\n", "a,b\n1,2\n", "a;b\r\n\"1;\",\r\n", "a\tb\n\"x\ny\"\t\"\"\"\"\n", "a,b\n1\n", "a,a\n", "a\n\"", "a\r1\r", "a,b\n1,2", "\"a\"\n\"\"\n\n1\n"} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		got := readBytes(t, dir, "p.csv", b)
		for _, r := range got.Records {
			if err := record.Valid(r, record.Limits{}); err != nil {
				t.Errorf("%q: %v", r, err)
			}
		}
		if !plain(b) || !got.Complete {
			return
		}
		want, ok := tableRecords(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), ',', ';', '\t')
		if !ok {
			t.Fatalf("no reading of the table gives records, and the read is complete")
		}
		for _, w := range want {
			if cmp.Equal(w, plainLineEnds(bodies(t, got.Records))) {
				return
			}
		}
		t.Errorf("the records are %q, not one of %q", got.Records, want)
	})
}

// plainLineEnds does to records what the standard library does to cells.
func plainLineEnds(records []string) []string {
	for i, r := range records {
		records[i] = strings.ReplaceAll(r, `\r\n`, `\n`)
	}
	return records
}

// tableRecords reads a table with each delimiter by the standard library.
func tableRecords(b []byte, delimiters ...rune) (readings [][]string, ok bool) {
	if !utf8.Valid(b) {
		return nil, false
	}
	for _, d := range delimiters {
		r := csv.NewReader(bytes.NewReader(b))
		r.Comma = d
		rows, err := r.ReadAll()
		if err != nil || len(rows) == 0 {
			continue
		}
		list := []string{}
		for _, row := range rows[1:] {
			m := map[string]any{}
			for i, cell := range row {
				if m[rows[0][i]] = cell; cell == "" {
					m[rows[0][i]] = nil
				}
			}
			body, err := record.Append(nil, m)
			if err != nil {
				return nil, false
			}
			list = append(list, string(body))
		}
		readings = append(readings, list)
	}
	return readings, len(readings) > 0
}

func FuzzGzip(f *testing.F) {
	for _, s := range []string{"", "{}\n", "{\"a\":1}\n{\"a\":2}\n"} {
		packed := zip(f, s)
		f.Add(packed)
		f.Add(packed[:len(packed)-3])
		f.Add(append(packed, packed...))
		f.Add(append(packed, 'x'))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		got := readBytes(t, dir, "p.jsonl.gz", b)
		if !got.Complete {
			return
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatalf("complete, and no gzip data: %v", err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatalf("complete, and the gzip data is damaged: %v", err)
		}
		if !plain(text) {
			return
		}
		n := 0
		for _, l := range strings.Split(string(text), "\n") {
			if len(bytes.TrimSpace([]byte(l))) > 0 {
				n++
			}
		}
		if n != len(got.Records) {
			t.Errorf("complete with %d of %d records", len(got.Records), n)
		}
	})
}

func FuzzXML(f *testing.F) {
	for _, s := range []string{"", "<a/>", "<a><r>1</r><r k='2'>x<b/>y</r></a>\n", "<?xml version='1.0' encoding='latin1'?><a><r>\xeb</r></a>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a><r><![CDATA[<]]></r>", "<a/><a/>", "<a:b xmlns:a='u'><a:c/></a:b>"} {
		f.Add([]byte(s))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		got := readBytes(t, dir, "p.xml", b)
		for _, r := range got.Records {
			if err := record.Valid(r, record.Limits{}); err != nil {
				t.Errorf("%q: %v", r, err)
			}
		}
		if !got.Complete || !plain(b) || bytes.Contains(b, []byte("encoding")) {
			return
		}
		count, depth := 0, 0
		for d := xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))); ; {
			token, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("complete, and the document is damaged: %v", err)
			}
			switch token.(type) {
			case xml.StartElement:
				if depth++; depth == 2 {
					count++
				}
			case xml.EndElement:
				depth--
			}
		}
		if count != len(got.Records) {
			t.Errorf("complete with %d of %d records", len(got.Records), count)
		}
	})
}

// FuzzXLSX takes its input for the rows of a sheet.
func FuzzXLSX(f *testing.F) {
	for _, s := range []string{"", "<row><c t='b'><v>1</v></c></row>", headed("<c t='s'><v>1</v></c>"), headed("<c s='1'><v>46082</v></c>"), headed("<c><f>A1</f></c>"), headed("<c r='XFD2'><v>1e5</v></c>")} {
		f.Add(s, "A")
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, rows, shared string) {
		got := readBytes(t, dir, "p.xlsx", workbookOf(rows).with("xl/sharedStrings.xml", "<sst><si><t>x</t></si><si>"+shared+"</si></sst>").pack(t))
		for _, r := range got.Records {
			if err := record.Valid(r, record.Limits{}); err != nil {
				t.Errorf("%q: %v", r, err)
			}
		}
		if n := strings.Count(rows, "<row"); got.Complete && len(got.Records) >= max(n, 1) {
			t.Errorf("%d records of %d rows, one of which is the header", len(got.Records), n)
		}
	})
}
