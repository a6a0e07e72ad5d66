package file

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"koppel/engine/record"
)

// A book is an XLSX file (ECMA-376) with one sheet, on its way out: what is
// written to it goes into the sheet. Nothing of it stands in a temporary file.
type book struct {
	io.Writer
	archive *zip.Writer
}

const (
	relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	mainSpace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
	partType  = "application/vnd.openxmlformats-officedocument.spreadsheetml."
	xmlStart  = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
)

// The cell formats, by their place in cellXfs.
const (
	plainStyle = iota
	headerStyle
	dateStyle
	datetimeStyle
	literalStyle // text that would be a formula when it is typed again
)

func newBook(w io.Writer, sheet string) (*book, error) {
	b := &book{archive: zip.NewWriter(w)}
	for _, p := range []struct{ name, text string }{
		{"[Content_Types].xml", `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">` +
			`<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + partType + `sheet.main+xml"/>` +
			`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + partType + `worksheet+xml"/>` +
			`<Override PartName="/xl/styles.xml" ContentType="` + partType + `styles+xml"/></Types>`},
		{"_rels/.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
			`<Relationship Id="rId1" Type="` + relations + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns="` + mainSpace + `" xmlns:r="` + relations + `"><sheets><sheet name="` + string(appendXML(nil, sheet)) +
			`" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">` +
			`<Relationship Id="rId1" Type="` + relations + `/worksheet" Target="worksheets/sheet1.xml"/>` +
			`<Relationship Id="rId2" Type="` + relations + `/styles" Target="styles.xml"/></Relationships>`},
		{"xl/styles.xml", `<styleSheet xmlns="` + mainSpace + `"><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/>` +
			`<numFmt numFmtId="165" formatCode="yyyy\-mm\-dd\ hh:mm:ss"/></numFmts>` +
			`<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>` +
			`<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>` +
			`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>` +
			`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="5">` +
			`<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>` +
			`<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
			`<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>` +
			`<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" quotePrefix="1"/></cellXfs>` +
			`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`},
		{"xl/worksheets/sheet1.xml", ""},
	} {
		part, err := b.archive.CreateHeader(&zip.FileHeader{Name: p.name, Method: zip.Deflate})
		if err != nil {
			return nil, err
		}
		if b.Writer = part; p.text == "" {
			continue
		}
		if _, err := io.WriteString(part, xmlStart+p.text); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// Close ends the archive.
func (b *book) Close() error { return b.archive.Close() }

// sheetName makes the name of a sheet of a pipeline's address: at most 31
// characters, without those that names of sheets can't have.
func sheetName(address string) string {
	name := strings.TrimPrefix(address, "pipeline.")
	name = strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`[]:*?/\"'`, r) {
			return ' '
		}
		return r
	}, name)
	name = strings.Join(strings.Fields(name), " ")
	for utf16Length([]byte(name)) > 31 {
		_, n := utf8.DecodeLastRuneInString(name)
		name = strings.TrimSpace(name[:len(name)-n])
	}
	if name == "" {
		return "Sheet1"
	}
	return name
}

const (
	maxRows     = 1 << 20
	maxColumns  = 1 << 14
	maxText     = 32767 // characters of a cell, in UTF-16
	sampleRows  = 1000
	sampleBytes = 4 << 20
	maxWidth    = 60
)

// A sheet writes the rows of one sheet: a bold header in a row that stays, with
// a filter over all rows. The widths of the columns stand before the rows, so
// the first rows are kept until they have told them.
type sheet struct {
	*layout
	columns []string // letters
	widths  []int
	kept    []byte
	keeping bool
	text    []byte
}

func newSheet(l *layout, shape record.Shape) (*sheet, error) {
	if shape.Open || len(l.fields) == 0 {
		return nil, errors.New("an xlsx file needs fields that are known")
	}
	if len(l.fields) > maxColumns {
		return nil, fmt.Errorf("there are %d fields, and a sheet has %d columns", len(l.fields), maxColumns)
	}
	s := &sheet{layout: l, keeping: true}
	for i := range l.fields {
		s.columns = append(s.columns, columnName(i))
	}
	s.widths = make([]int, len(l.fields))
	return s, nil
}

func columnName(i int) string {
	var letters []byte
	for n := i + 1; n > 0; n = (n - 1) / 26 {
		letters = append([]byte{byte('A' + (n-1)%26)}, letters...)
	}
	return string(letters)
}

func (s *sheet) start(dst []byte) []byte {
	s.kept = append(s.kept[:0], `<row r="1">`...)
	for i, f := range s.fields {
		// Room for the button of the filter.
		s.widen(i, utf8.RuneCountInString(f.name)+3)
		s.kept = s.appendText(s.kept, i, 1, headerStyle, []byte(f.name))
	}
	s.kept = append(s.kept, `</row>`...)
	return dst
}

func (s *sheet) widen(column, characters int) {
	s.widths[column] = min(max(s.widths[column], characters), maxWidth)
}

func (s *sheet) ordered() encoder { return s }

func (s *sheet) record(dst, body []byte, n int) ([]byte, error) {
	row := n + 2
	if row > maxRows {
		return dst, fmt.Errorf("there are more records than the %d rows of a sheet", maxRows-1)
	}
	if err := s.scan.Scan(body); err != nil {
		return dst, fmt.Errorf("lay out a record: %w", err)
	}
	if !s.keeping {
		return s.row(dst, row)
	}
	var err error
	if s.kept, err = s.row(s.kept, row); err != nil {
		return dst, err
	}
	if n+1 >= sampleRows || len(s.kept) > sampleBytes {
		dst = s.release(dst)
	}
	return dst, nil
}

// release writes what stands before the rows, and those that were kept.
func (s *sheet) release(dst []byte) []byte {
	dst = append(dst, xmlStart+`<worksheet xmlns="`+mainSpace+`"><sheetViews><sheetView workbookViewId="0">`+
		`<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><cols>`...)
	for i, width := range s.widths {
		number := strconv.Itoa(i + 1)
		dst = append(dst, `<col min="`+number+`" max="`+number+`" width="`+strconv.Itoa(max(width, 8)+2)+`" customWidth="1"/>`...)
	}
	dst = append(append(dst, `</cols><sheetData>`...), s.kept...)
	s.keeping, s.kept = false, nil
	return dst
}

func (s *sheet) end(dst []byte, n int) []byte {
	if s.keeping {
		dst = s.release(dst)
	}
	last := s.columns[len(s.columns)-1] + strconv.Itoa(n+1)
	return append(dst, `</sheetData><autoFilter ref="A1:`+last+`"/></worksheet>`...)
}
