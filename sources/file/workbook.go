package file

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"koppel/engine/record"
	"koppel/internal/xmlrecord"
)

// A workbook is an opened XLSX file (ECMA-376): a zip archive of XML parts.
type workbook struct {
	parts   map[string]*zip.File
	targets map[string]string // relationship id to part
	sheets  []sheetName
	date04  bool // days count from 1904
	strings *stringTable
	styles  []numberStyle // by the index that cells name
}

type sheetName struct {
	name   string
	part   string
	hidden bool
}

// readWorkbook hands over the rows of one sheet.
func (s *source) readWorkbook(p part, h *handover) error {
	in, err := openRegular(p)
	if err != nil {
		return err
	}
	defer in.close()
	b, err := openWorkbook(in)
	if err == nil {
		b.strings = &stringTable{folder: s.spool}
		err = errors.Join(s.readSheets(b, h), b.strings.close())
	}
	if h.err != nil {
		return errStopped
	}
	var known *problem
	if errors.As(err, &known) {
		known.file = p.name
		return known
	}
	if err != nil {
		return &problem{file: p.name, text: "read it", cause: err}
	}
	return in.unchanged()
}

func (s *source) readSheets(b *workbook, h *handover) error {
	sheet, err := b.sheet(s.selector)
	if err != nil {
		return err
	}
	if err := b.readStyles(); err != nil {
		return err
	}
	if err := b.readStrings(h); err != nil {
		return err
	}
	t := &grid{book: b, h: h, sheet: sheet.name, headerRow: s.header}
	return b.each(sheet.part, t.token)
}

func openWorkbook(in *input) (*workbook, error) {
	var head [8]byte
	if _, err := in.file.ReadAt(head[:], 0); err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head[:], []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")):
		return nil, &problem{text: "it is protected by a password, or of the older kind .xls: save it as .xlsx without a password"}
	case bytes.HasPrefix(head[:], []byte{0x1f, 0x8b}):
		return nil, &problem{text: "it is compressed with gzip, which XLSX files are not read from"}
	case !bytes.HasPrefix(head[:], []byte("PK")):
		return nil, &problem{text: "it is no XLSX file"}
	}
	archive, err := zip.NewReader(in.file, in.info.Size())
	if err != nil {
		return nil, &problem{text: "the archive that an XLSX file is breaks off or is damaged", cause: err}
	}
	b := &workbook{parts: map[string]*zip.File{}, targets: map[string]string{}}
	for _, f := range archive.File {
		b.parts[strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(f.Name, `\`, "/"), "/"))] = f
	}
	return b, b.open()
}

// open finds the sheets.
func (b *workbook) open() error {
	main := ""
	err := b.relationships("", func(_, kind, target string) {
		if strings.HasSuffix(kind, "/officeDocument") {
			main = target
		}
	})
	switch {
	case err != nil:
		return err
	case main == "" || b.parts[main] == nil:
		return &problem{text: "it holds no workbook, so it is no XLSX file or not a whole one"}
	case strings.HasSuffix(main, ".bin"):
		return &problem{text: "it is a binary workbook: save it as .xlsx"}
	}
	kinds := map[string]string{}
	err = b.relationships(main, func(id, kind, target string) {
		b.targets[id] = target
		kind = path.Base(kind)
		if kinds[id] = kind; kind == "sharedStrings" || kind == "styles" {
			b.targets[kind] = target
		}
	})
	if err != nil {
		return err
	}
	return b.each(main, func(t xml.Token, _ *xmlPart) error {
		e, ok := t.(xml.StartElement)
		if !ok {
			return nil
		}
		switch e.Name.Local {
		case "workbookPr":
			b.date04 = isTrue(attribute(e, "date1904"))
		case "sheet":
			if id := attribute(e, "id"); kinds[id] == "worksheet" {
				state := attribute(e, "state")
				b.sheets = append(b.sheets, sheetName{attribute(e, "name"), b.targets[id], state != "" && state != "visible"})
			}
		}
		return nil
	})
}

// relationships gives those of a part, with their targets as names of parts.
func (b *workbook) relationships(of string, yield func(id, kind, target string)) error {
	folder, name := path.Split(of)
	part := folder + "_rels/" + name + ".rels"
	if b.parts[part] == nil {
		return nil
	}
	return b.each(part, func(t xml.Token, _ *xmlPart) error {
		e, ok := t.(xml.StartElement)
		if !ok || e.Name.Local != "Relationship" || attribute(e, "TargetMode") == "External" {
			return nil
		}
		target := attribute(e, "Target")
		if !strings.HasPrefix(target, "/") {
			target = path.Join("/", folder, target)
		}
		yield(attribute(e, "Id"), attribute(e, "Type"), strings.ToLower(strings.TrimPrefix(path.Clean(target), "/")))
		return nil
	})
}

// sheet is the one of that name, or else the first that is shown.
func (b *workbook) sheet(name *string) (sheetName, error) {
	var names []string
	for _, s := range b.sheets {
		if name == nil && !s.hidden || name != nil && strings.EqualFold(s.name, *name) {
			if b.parts[s.part] == nil {
				return s, &problem{text: fmt.Sprintf("the part of the sheet %q is missing", s.name)}
			}
			return s, nil
		}
		names = append(names, fmt.Sprintf("%q", s.name))
	}
	switch {
	case len(names) == 0:
		return sheetName{}, &problem{text: "it holds no sheet of cells"}
	case name == nil:
		return sheetName{}, &problem{text: "all its sheets are hidden; records names one: " + strings.Join(names, ", ")}
	}
	return sheetName{}, &problem{text: fmt.Sprintf("there is no sheet %q; there are %s", *name, strings.Join(names, ", "))}
}

// An xmlPart is a part that is being read.
type xmlPart struct{ text *xmlrecord.Bounded }

// next gives the budget of bytes for what comes next: one row, one text.
func (p *xmlPart) next() { p.text.Budget = record.DefaultLimits().Size }

// each gives the tokens of a part to yield. It reads to the end, where the
// archive's checksum is compared.
func (b *workbook) each(name string, yield func(xml.Token, *xmlPart) error) error {
	r, err := b.parts[name].Open()
	if err != nil {
		return &problem{text: "open the part " + name, cause: err}
	}
	defer r.Close()
	p := &xmlPart{text: &xmlrecord.Bounded{Reader: bufio.NewReaderSize(r, 64<<10)}}
	p.next()
	d := xml.NewDecoder(p.text)
	rooted := false
	for {
		t, err := d.Token()
		switch {
		case err == io.EOF && rooted:
			return nil
		case err == io.EOF:
			return &problem{text: "the part " + name + " is empty"}
		case err != nil:
			return &problem{text: "the part " + name + " is damaged", cause: err}
		}
		switch t.(type) {
		case xml.Directive:
			return &problem{text: "the part " + name + " has a document type, which XLSX files do not have"}
		case xml.StartElement:
			rooted = true
		}
		if err := yield(t, p); err != nil {
			return err
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func isTrue(text string) bool { return text == "1" || text == "true" || text == "on" }
