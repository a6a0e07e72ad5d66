package file_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/sinks/file"
	sources "koppel/sources/file"
)

var report = record.Shape{Pipeline: `pipeline.staff["a/b"]`, Fields: []record.Field{
	{Name: "name", Send: true}, {Name: "n", Send: true}, {Name: "secret"}, {Name: "on", Type: "date", Send: true},
	{Name: "as text", Type: "string", Send: true}, {Name: "ok", Send: true}, {Name: "tags", Send: true},
}}

var reported = []string{
	`{"name":"=1+1","n":12.50,"secret":"x","on":"2026-03-01","as text":"2026-03-01","ok":true,"tags":["a",{"b":1}]}`,
	`{"name":"Zoë & <b>\"😀\"\nline\u0001 _x0041_","n":123456789012345,"on":"2026-03-01T08:00:00Z","as text":"007","ok":false}`,
	`{"name":" -x ","n":1234567890123456,"on":"1899-12-31","as text":"","ok":null,"tags":null}`,
	`{"name":"-5","n":-0.000001,"on":"2026-02-30"}`,
	`{}`,
}

func writeReport(t *testing.T, shape record.Shape, bodies ...string) (dir string, content []byte) {
	t.Helper()
	dir = t.TempDir()
	s := openSink(t, dir, shape, file.Config{Path: connectortest.Text("p.xlsx"), Formulas: "guard"})
	if err := replace(t.Context(), s, bodies...); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "p.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, b
}

func TestSheetHoldsTypedCells(t *testing.T) {
	_, content := writeReport(t, report, reported...)
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := z.Open("xl/worksheets/sheet1.xml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("><row", ">\n<row", "><c ", ">\n<c ", "</sheetData>", "\n</sheetData>").Replace(string(got))
	const golden = "testdata/report.xml"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text); diff != "" {
		t.Errorf("sheet (-want +got):\n%s", diff)
	}
}

func TestSheetIsReadAgain(t *testing.T) {
	dir, content := writeReport(t, report, reported...)
	config := sources.Kind().Config().(*sources.Config)
	config.Path = "p.xlsx"
	s, err := sources.Kind().Open(t.Context(), config, connector.Env{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	rec, err := connectortest.Read(t.Context(), s)
	if err != nil || !rec.Complete() {
		t.Fatalf("%v %v", err, rec.Errs())
	}
	var got []string
	for _, r := range rec.All() {
		got = append(got, string(r))
	}
	want := []string{
		`{"name":"=1+1","n":12.5,"on":"2026-03-01","as text":"2026-03-01","ok":true,"tags":"[\"a\",{\"b\":1}]"}`,
		`{"name":"Zoë & <b>\"😀\"\nline\u0001 _x0041_","n":123456789012345,"on":"2026-03-01T08:00:00","as text":"007","ok":false,"tags":null}`,
		`{"name":" -x ","n":"1234567890123456","on":"1899-12-31","as text":null,"ok":null,"tags":null}`,
		`{"name":"-5","n":-0.000001,"on":"2026-02-30","as text":null,"ok":null,"tags":null}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	f, err := excelize.OpenReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if diff := cmp.Diff([]string{"staff a b"}, f.GetSheetList()); diff != "" {
		t.Errorf("sheets (-want +got):\n%s", diff)
	}
	shown := map[string]string{"A2": "=1+1", "B2": "12.5", "C2": "2026-03-01", "C3": "2026-03-01 08:00:00", "D3": "007", "E2": "TRUE"}
	for cell, want := range shown {
		if got, err := f.GetCellValue("staff a b", cell); got != want || err != nil {
			t.Errorf("%s shows %q, want %q: %v", cell, got, want, err)
		}
	}
	if formula, err := f.GetCellFormula("staff a b", "A2"); formula != "" || err != nil {
		t.Errorf("the text %q is a formula: %v", formula, err)
	}
}

func TestSheetOfManyRows(t *testing.T) {
	shape := record.Shape{Fields: []record.Field{{Name: "id", Send: true}}}
	var bodies []string
	for i := range 2500 {
		bodies = append(bodies, fmt.Sprintf(`{"id":%d}`, i))
	}
	_, content := writeReport(t, shape, bodies...)
	got := sheetRows(string(content))
	if diff := cmp.Diff(bodies, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestSheetProblems(t *testing.T) {
	long := record.Shape{Fields: []record.Field{{Name: "note", Send: true}}}
	dir := t.TempDir()
	s := openSink(t, dir, long, file.Config{Path: connectortest.Text("p.xlsx")})
	err := replace(t.Context(), s, `{"note":"x"}`, `{"note":"`+strings.Repeat("x", 32768)+`"}`)
	if err == nil || !strings.Contains(err.Error(), `record 2: the text of "note" has 32768 characters, and a cell holds 32767`) {
		t.Errorf("a text that is too long: %v", err)
	}
	if files, _ := os.ReadDir(dir); len(files) > 0 {
		t.Errorf("what was given up stays: %v", files)
	}
	for path, shape := range map[string]record.Shape{"p.xlsx": {Open: true}, "p.xlsx.gz": long} {
		config := file.Kind().Config().(*file.Config)
		config.Path = connectortest.Text(path)
		if _, err := file.Kind().Open(t.Context(), config, connector.Env{Dir: dir, Shape: shape}); err == nil {
			t.Errorf("%s of %+v is opened", path, shape)
		}
	}
}

func TestCSVGuardsFormulas(t *testing.T) {
	shape := record.Shape{Fields: []record.Field{{Name: "v", Send: true}}}
	tests := map[string]string{
		`"=1+1"`: "'=1+1", `"@x"`: "'@x", `"-x"`: "'-x", `"+31 6"`: "'+31 6", `"\t=1"`: "\"'\t=1\"", `"\r=1"`: "\"'\r=1\"", `"\n=1"`: "\"'\n=1\"",
		`"=\"a\""`: `"'=""a"""`, `"-"`: "'-", `"-1-1"`: "'-1-1", `"-1,5,"`: `"'-1,5,"`,
		`"+31612345678"`: "+31612345678", `"-5"`: "-5", `"-1.5"`: "-1.5", `-5`: "-5", `"a=1"`: "a=1", `""`: `""`, `"'"`: "'", `["=1"]`: `"[""=1""]"`,
	}
	for value, want := range tests {
		for formulas, want := range map[string]string{"guard": want, "keep": strings.Replace(want, "'", "", 1)} {
			if value == `"'"` {
				want = "'"
			}
			dir := t.TempDir()
			s := openSink(t, dir, shape, file.Config{Path: connectortest.Text("p.csv"), Formulas: formulas})
			if err := replace(t.Context(), s, `{"v":`+value+`}`); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff("v\n"+want+"\n", content(t, dir, "p.csv")); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", value, formulas, diff)
			}
		}
	}
}
