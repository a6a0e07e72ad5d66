package file_test

import (
	archive "archive/zip"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"koppel/engine/connector"
	"koppel/sources/file"
)

// parts are those of an XLSX file, each whole.
type parts map[string]string

const declaration = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"

// workbookOf makes a file with the rows as its one sheet.
func workbookOf(rows string) parts {
	return parts{
		"_rels/.rels": `<Relationships><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml": `<workbook xmlns:r="urn:r"><workbookPr date1904="0"/><sheets><sheet name="Hidden" sheetId="1" state="hidden" r:id="rId2"/>` +
			`<sheet name="Blad 1" sheetId="2" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="rId1" Type="http://x/worksheet" Target="/xl/worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId2" Type="http://x/worksheet" Target="worksheets/sheet2.xml"/>` +
			`<Relationship Id="rId3" Type="http://x/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId4" Type="http://x/styles" Target="styles.xml"/></Relationships>`,
		"xl/worksheets/sheet1.xml": `<worksheet><cols><col/></cols><sheetData>` + rows + `</sheetData><mergeCells><mergeCell ref="A1:B1"/></mergeCells></worksheet>`,
		"xl/worksheets/sheet2.xml": `<worksheet><sheetData><row><c t="inlineStr"><is><t>secret</t></is></c></row></sheetData></worksheet>`,
		"xl/sharedStrings.xml": `<sst><si><t>a</t></si><si><r><rPr/><t xml:space="preserve">rich </t></r><r><t>te_x000D_xt</t></r><rPh><t>phonetic</t></rPh></si>` +
			`<si><t/></si><si><t>_x005F_x0041__xD83D__xDE00__xD83D__xZZZZ_</t></si></sst>`,
		"xl/styles.xml": `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[$-413]d\ mmmm\ yyyy;@"/><numFmt numFmtId="165" formatCode="mm:ss.0"/>` +
			`<numFmt numFmtId="166" formatCode="0.00&quot; days&quot;;[Red]-0.00"/><numFmt numFmtId="167" formatCode="[h]:mm"/><numFmt numFmtId="168" formatCode="yyyy\-mm\-dd\ hh:mm:ss.000"/></numFmts>` +
			`<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="20"/><xf numFmtId="164"/>` +
			`<xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="167"/><xf numFmtId="168"/></cellXfs></styleSheet>`,
	}
}

func (p parts) with(name, text string) parts {
	p[name] = text
	return p
}

func (p parts) pack(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := archive.NewWriter(&b)
	for name, text := range p {
		f, err := w.Create(name)
		if err == nil && text != "" {
			_, err = f.Write([]byte(declaration + text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readSheet(t *testing.T, content []byte, c file.Config) result {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "p.xlsx", content)
	c.Path = "p.xlsx"
	return readOne(t, openFile(t, dir, c), "p.xlsx")
}

// headed is a sheet with the column v and one cell in it.
func headed(cell string) string {
	return `<row r="1"><c r="A1" t="inlineStr"><is><t>v</t></is></c></row><row r="2">` + cell + `</row>`
}

func TestReadCells(t *testing.T) {
	tests := []struct{ name, cell, want, problem string }{
		{"integer", `<c r="A2"><v>9007199254740993</v></c>`, `9007199254740993`, ""},
		{"double", `<c r="A2"><v>1.1000000000000001</v></c>`, `1.1`, ""},
		{"sum", `<c r="A2"><v>0.30000000000000004</v></c>`, `0.30000000000000004`, ""},
		{"exponent", `<c r="A2"><v>1E+06</v></c>`, `1000000`, ""},
		{"small", `<c r="A2"><v>-1.2339999999999999E-4</v></c>`, `-0.0001234`, ""},
		{"many digits", `<c r="A2"><v>3.14159265358979323846</v></c>`, `3.14159265358979323846`, ""},
		{"money", `<c r="A2" s="6"><v>12.50</v></c>`, `12.5`, ""},
		{"no number", `<c r="A2"><v>NaN</v></c>`, ``, `"NaN" is no number`},
		{"shared text", `<c r="A2" t="s"><v>0</v></c>`, `"a"`, ""},
		{"rich text", `<c r="A2" t="s"><v>1</v></c>`, `"rich te\rxt"`, ""},
		{"empty text", `<c r="A2" t="s"><v>2</v></c>`, ``, ""},
		{"escapes", `<c r="A2" t="s"><v>3</v></c>`, `"_x0041_😀_xD83D__xZZZZ_"`, ""},
		{"shared text without a number", `<c r="A2" t="s"/>`, ``, ""},
		{"shared text with an empty number", `<c r="A2" t="s"><v> </v></c>`, ``, ""},
		{"missing text", `<c r="A2" t="s"><v>4</v></c>`, ``, `there is no shared text 4`},
		{"inline text", `<c r="A2" t="inlineStr"><is><r><t>x </t></r><r><t>y</t></r></is></c>`, `"x y"`, ""},
		{"true", `<c r="A2" t="b"><v>1</v></c>`, `true`, ""},
		{"false", `<c r="A2" t="b"><v>0</v></c>`, `false`, ""},
		{"error", `<c r="A2" t="e"><f>NA()</f><v>#N/A</v></c>`, ``, `it holds the error #N/A, which is no value`},
		{"formula", `<c r="A2"><f>1+1</f><v>2</v></c>`, `2`, ""},
		{"formula of text", `<c r="A2" t="str"><f>"a"&amp;"b"</f><v>ab</v></c>`, `"ab"`, ""},
		{"formula of empty text", `<c r="A2" t="str"><f>""</f><v></v></c>`, ``, ""},
		{"formula without a value", `<c r="A2"><f>1+1</f></c>`, ``, `its formula has no stored value: open the file in a spreadsheet program and save it`},
		{"formula with an empty value", `<c r="A2"><f>1+1</f><v/></c>`, ``, `its formula has no stored value: open the file in a spreadsheet program and save it`},
		{"styled and empty", `<c r="A2" s="1"/>`, ``, ""},
		{"date", `<c r="A2" s="1"><v>46082</v></c>`, `"2026-03-01"`, ""},
		{"date with a time that is not shown", `<c r="A2" s="1"><v>46082.9999999</v></c>`, `"2026-03-01"`, ""},
		{"date by its code", `<c r="A2" s="4"><v>46082</v></c>`, `"2026-03-01"`, ""},
		{"first day", `<c r="A2" s="1"><v>1</v></c>`, `"1900-01-01"`, ""},
		{"day 59", `<c r="A2" s="1"><v>59</v></c>`, `"1900-02-28"`, ""},
		{"day 60", `<c r="A2" s="1"><v>60</v></c>`, ``, `60 is shown as a date and is none`},
		{"day 61", `<c r="A2" s="1"><v>61</v></c>`, `"1900-03-01"`, ""},
		{"day 0", `<c r="A2" s="1"><v>0</v></c>`, ``, `0 is shown as a date and is none`},
		{"last day", `<c r="A2" s="1"><v>2958465</v></c>`, `"9999-12-31"`, ""},
		{"beyond", `<c r="A2" s="1"><v>2958466</v></c>`, ``, `2.958466e+06 is shown as a date or time and is none`},
		{"negative", `<c r="A2" s="1"><v>-1</v></c>`, ``, `-1 is shown as a date or time and is none`},
		{"date and time", `<c r="A2" s="2"><v>46082.333333333336</v></c>`, `"2026-03-01T08:00:00"`, ""},
		{"date and time, rounded up", `<c r="A2" s="2"><v>46082.99999999</v></c>`, `"2026-03-02T00:00:00"`, ""},
		{"date and time with fractions", `<c r="A2" s="8"><v>46082.50000144676</v></c>`, `"2026-03-01T12:00:00.125"`, ""},
		{"time", `<c r="A2" s="3"><v>0.34375</v></c>`, `"08:15:00"`, ""},
		{"minutes", `<c r="A2" s="5"><v>1.4467592592592594E-6</v></c>`, `"00:00:00.125"`, ""},
		{"hours", `<c r="A2" s="7"><v>1.5</v></c>`, `"36:00:00"`, ""},
		{"ISO date", `<c r="A2" t="d"><v>2026-03-01T08:00:00</v></c>`, `"2026-03-01T08:00:00"`, ""},
		{"text in a date's cell", `<c r="A2" s="1" t="s"><v>0</v></c>`, `"a"`, ""},
		{"unknown kind", `<c r="A2" t="z"><v>1</v></c>`, ``, `it is of the unknown kind "z"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := readSheet(t, workbookOf(headed(tt.cell)).pack(t), file.Config{})
			want := result{Complete: true}
			if tt.want != "" {
				want.Records = []string{`{"v":` + tt.want + `}`}
			}
			if tt.problem != "" {
				want = result{Problem: `sheet "Blad 1": cell A2: ` + tt.problem}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

func text(cells ...string) string {
	var b strings.Builder
	for _, c := range cells {
		if b.WriteString("<c"); c != "" {
			fmt.Fprintf(&b, ` t="inlineStr"><is><t>%s</t></is></c>`, c)
		} else {
			b.WriteString("/>")
		}
	}
	return b.String()
}

func TestReadRows(t *testing.T) {
	tests := []struct {
		name, rows string
		config     file.Config
		want       result
	}{
		{name: "empty rows", rows: `<row r="2"/><row r="3">` + text(" id ", "n") + `</row><row/><row r="9">` + text("1") + `</row><row>` + text("", "2") + `</row>`,
			want: result{[]string{`{"id":"1","n":null}`, `{"id":null,"n":"2"}`}, true, ""}},
		{name: "header only", rows: `<row>` + text("id") + `</row>`, want: result{nil, true, ""}},
		{name: "nothing", want: result{nil, false, `sheet "Blad 1": there is no header row`}},
		{name: "header by number", rows: `<row>` + text("Title") + `</row><row>` + text("a", "b") + `</row><row r="4">` + text("id", "id2") + `</row><row>` + text("1", "2") + `</row>`,
			config: file.Config{Header: 4}, want: result{[]string{`{"id":"1","id2":"2"}`}, true, ""}},
		{name: "header by a number that is empty", rows: `<row>` + text("id") + `</row><row r="4">` + text("1") + `</row>`,
			config: file.Config{Header: 2}, want: result{nil, false, `sheet "Blad 1": the header row 2 is empty`}},
		{name: "a column without a name and values", rows: `<row>` + text("id", "", "n") + `</row><row>` + text("1", "", "2") + `</row>`,
			want: result{[]string{`{"id":"1","n":"2"}`}, true, ""}},
		{name: "a value without a name", rows: `<row>` + text("id", "", "n") + `</row><row>` + text("1", "x", "2") + `</row><row>` + text("2") + `</row><row>` + text("1", "", "2", "x") + `</row>`,
			want: result{[]string{`{"id":"2","n":null}`}, false,
				`sheet "Blad 1": cell B2 holds a value, and its column has no name in the header row; where another row is the header, header names it (and 1 further rows can't be used)`}},
		{name: "a name twice", rows: `<row>` + text("id", "n", "id ") + `</row>`, want: result{nil, false, `sheet "Blad 1": the header row names "id" twice, in A1 and C1`}},
		{name: "numbers as names", rows: `<row><c><v>2026</v></c><c t="b"><v>1</v></c></row><row>` + text("x", "y") + `</row>`, want: result{[]string{`{"2026":"x","true":"y"}`}, true, ""}},
		{name: "blank names", rows: `<row>` + text(" ") + `</row>`, want: result{nil, false, `sheet "Blad 1": the header row 1 holds no name`}},
		{name: "rows out of order", rows: `<row r="2">` + text("id") + `</row><row r="2">` + text("1") + `</row>`, want: result{nil, false, `sheet "Blad 1": row "2" stands behind row 2`}},
		{name: "cell twice", rows: `<row><c r="A1"/><c r="A1"/></row>`, want: result{nil, false, `sheet "Blad 1": cell A1 stands twice`}},
		{name: "cell of another row", rows: `<row><c r="A2"/></row>`, want: result{nil, false, `sheet "Blad 1": a cell of row 1 names its place "A2"`}},
		{name: "last column", rows: `<row><c r="XFD1" t="b"><v>1</v></c></row>`, want: result{nil, true, ""}},
		{name: "beyond the last column", rows: `<row><c r="XFE1" t="b"><v>1</v></c></row>`, want: result{nil, false, `sheet "Blad 1": a cell of row 1 names its place "XFE1"`}},
		{name: "hidden sheet by name", config: file.Config{Records: constant("HIDDEN")}, want: result{nil, true, ""}},
		{name: "no such sheet", config: file.Config{Records: constant("Sheet1")}, want: result{nil, false, `there is no sheet "Sheet1"; there are "Hidden", "Blad 1"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, readSheet(t, workbookOf(tt.rows).pack(t), tt.config)); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadWorkbooks(t *testing.T) {
	row := `<row>` + text("id") + `</row><row>` + text("1") + `</row>`
	flawed := workbookOf(row).pack(t)
	at := bytes.Index(flawed, []byte("PK\x01\x02"))
	tests := []struct {
		name    string
		content []byte
		want    result
	}{
		{"days from 1904", workbookOf(headed(`<c s="1"><v>44620</v></c>`)).with("xl/workbook.xml",
			`<workbook xmlns:r="urn:r"><workbookPr date1904="1"/><sheets><sheet name="S" r:id="rId1"/></sheets></workbook>`).pack(t), result{[]string{`{"v":"2026-03-01"}`}, true, ""}},
		{"no bytes", nil, result{nil, false, "it is no XLSX file"}},
		{"another file", []byte("<html></html>"), result{nil, false, "it is no XLSX file"}},
		{"older or protected", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1xxxx"), result{nil, false, "it is protected by a password, or of the older kind .xls: save it as .xlsx without a password"}},
		{"compressed", zip(t, "PK"), result{nil, false, "it is compressed with gzip, which XLSX files are not read from"}},
		{"without its end", flawed[:at], result{nil, false, "the archive that an XLSX file is breaks off or is damaged: zip: not a valid zip file"}},
		{"another archive", parts{"mimetype": ""}.pack(t), result{nil, false, "it holds no workbook, so it is no XLSX file or not a whole one"}},
		{"hidden sheets only", workbookOf(row).with("xl/workbook.xml", `<workbook xmlns:r="urn:r"><sheets><sheet name="S" state="veryHidden" r:id="rId1"/></sheets></workbook>`).pack(t),
			result{nil, false, `all its sheets are hidden; records names one: "S"`}},
		{"no sheets", workbookOf(row).with("xl/workbook.xml", `<workbook/>`).pack(t), result{nil, false, "it holds no sheet of cells"}},
		{"cut sheet", workbookOf("").with("xl/worksheets/sheet1.xml", `<worksheet><sheetData>`+row).pack(t),
			result{nil, false, "the part xl/worksheets/sheet1.xml is damaged: XML syntax error on line 2: unexpected EOF"}},
		{"empty sheet part", workbookOf("").with("xl/worksheets/sheet1.xml", ``).pack(t), result{nil, false, "the part xl/worksheets/sheet1.xml is empty"}},
		{"document type", workbookOf("").with("xl/worksheets/sheet1.xml", `<!DOCTYPE x [<!ENTITY y "z">]><worksheet/>`).pack(t),
			result{nil, false, "the part xl/worksheets/sheet1.xml has a document type, which XLSX files do not have"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, readSheet(t, tt.content, file.Config{})); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadWorkbookOfLibreOffice(t *testing.T) {
	read := func(c file.Config) result {
		c.Path = "loans.xlsx"
		return readOne(t, openFile(t, "testdata/office", c), "loans.xlsx")
	}
	want := result{[]string{
		`{"Id":1,"Item":"Beamer \"Zoë\" 😀\nwith bag","Lent":"2026-02-28","Due":"2026-03-01T17:30:00","Opens":"08:15:00","Hours":"36:00:05","Price":1234.1,"Share":0.125,"Back":true,"Double":2468.2}`,
		`{"Id":20000000,"Item":"007","Lent":null,"Due":null,"Opens":null,"Hours":null,"Price":0.000001,"Share":null,"Back":false,"Double":null}`,
	}, true, ""}
	if diff := cmp.Diff(want, read(file.Config{Header: 3})); diff != "" {
		t.Errorf("the sheet that is shown first (-want +got):\n%s", diff)
	}
	want = result{[]string{`{"Id":1,"Value":"a"}`}, false, `sheet "Broken": cell B3: it holds the error #DIV/0!, which is no value (and 1 further rows can't be used)`}
	if diff := cmp.Diff(want, read(file.Config{Records: constant("Broken")})); diff != "" {
		t.Errorf("a sheet with errors (-want +got):\n%s", diff)
	}
	path := "/office:document/office:body/office:spreadsheet/table:table[@table:name='Broken']/table:table-row"
	got := readOne(t, openFile(t, "testdata/office", file.Config{Path: "loans.fods", Format: "xml", Records: constant(path)}), "loans.fods")
	if diff := cmp.Diff(`{"table-cell":[{"@value-type":"float","@value":"2"},{"@formula":"of:=1/0","@value-type":"string","p":"#DIV/0!"}]}`, got.Records[2]); diff != "" {
		t.Errorf("a row of flat XML (-want +got):\n%s", diff)
	}
}

func TestReadWorkbookOfExcelize(t *testing.T) {
	f := excelize.NewFile()
	defer f.Close()
	for cell, v := range map[string]any{"A1": "k", "B1": "v", "A2": "merged", "B2": "x", "A4": 1.1, "B4": true} {
		if err := f.SetCellValue("Sheet1", cell, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.MergeCell("Sheet1", "A2", "A3"); err != nil {
		t.Fatal(err)
	}
	if err := f.SetCellValue("Sheet1", "B3", "y"); err != nil {
		t.Fatal(err)
	}
	var open, locked bytes.Buffer
	if err := f.Write(&open); err != nil {
		t.Fatal(err)
	}
	want := result{[]string{`{"k":"merged","v":"x"}`, `{"k":null,"v":"y"}`, `{"k":1.1,"v":true}`}, true, ""}
	if diff := cmp.Diff(want, readSheet(t, open.Bytes(), file.Config{})); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	if err := f.Write(&locked, excelize.Options{Password: "hush"}); err != nil {
		t.Fatal(err)
	}
	if got := readSheet(t, locked.Bytes(), file.Config{}); got.Complete || !strings.Contains(got.Problem, "password") {
		t.Errorf("a protected file: %+v", got)
	}
}

func TestRecordsOfASheetMustBeText(t *testing.T) {
	config := file.Kind().Config().(*file.Config)
	config.Path, config.Records = "p.xlsx", members("x")
	if _, err := file.Kind().Open(t.Context(), config, connector.Env{}); err == nil {
		t.Error("a program is taken for the name of a sheet")
	}
}
