package file

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"koppel/engine/record"
)

const (
	maxRows    = 1 << 20
	maxColumns = 1 << 14
)

// A grid reads the cells of one sheet, row by row, and hands over a record for
// each row below the header that is not empty. A row that can't be used is
// left out and makes the read incomplete.
type grid struct {
	book      *workbook
	h         *handover
	sheet     string
	headerRow int // 0: the first that is not empty

	names [][]byte // `"name":` by column; nil: the column has no name
	named bool
	lines []byte

	row    int // from 1
	values []cellValue
	cell   gridCell
	inside bool // of the rows
	bad    *problem
	badN   int
	rowBad error
}

type cellValue struct {
	json []byte // empty: the cell is
	set  bool
}

// A gridCell is the cell that is being read.
type gridCell struct {
	column  int // from 0; -1: none
	kind    string
	style   int
	value   []byte
	formula bool
	in      string // the element whose text is the value
	inline  richText
}

func (g *grid) token(t xml.Token, p *xmlPart) error {
	switch t := t.(type) {
	case xml.StartElement:
		return g.open(t, p)
	case xml.CharData:
		if g.cell.in == "v" {
			g.cell.value = append(g.cell.value, t...)
		}
		g.cell.inline.token(t)
	case xml.EndElement:
		g.cell.inline.token(t)
		return g.close(t.Name.Local)
	}
	return nil
}

func (g *grid) open(e xml.StartElement, p *xmlPart) error {
	switch e.Name.Local {
	case "sheetData":
		g.inside, g.cell.column = true, -1
	case "row":
		if !g.inside {
			return nil
		}
		p.next()
		return g.startRow(attribute(e, "r"))
	case "c":
		if g.inside {
			return g.startCell(e)
		}
	case "f":
		g.cell.formula, g.cell.in = true, ""
	case "v":
		g.cell.in = "v"
	default:
		g.cell.inline.token(e)
	}
	return nil
}

func (g *grid) close(name string) error {
	switch name {
	case "v", "f":
		g.cell.in = ""
	case "c":
		if g.inside {
			g.endCell()
		}
	case "row":
		if g.inside {
			return g.endRow()
		}
	case "sheetData":
		g.inside = false
	case "worksheet":
		return g.verdict()
	}
	return nil
}

func (g *grid) startRow(number string) error {
	row := g.row + 1
	if number != "" {
		n, err := strconv.Atoi(number)
		if err != nil || n < row || n > maxRows {
			return g.problem("row %q stands behind row %d", number, g.row)
		}
		row = n
	}
	g.row, g.rowBad = row, nil
	for i := range g.values {
		g.values[i] = cellValue{g.values[i].json[:0], false}
	}
	g.cell.column = -1
	return nil
}

func (g *grid) startCell(e xml.StartElement) error {
	c := &g.cell
	column := c.column + 1
	*c = gridCell{value: c.value[:0], kind: "n", inline: richText{text: c.inline.text[:0]}}
	for _, a := range e.Attr {
		switch a.Name.Local {
		case "r":
			var row int
			if column, row = position(a.Value); row != g.row || column < 0 {
				return g.problem("a cell of row %d names its place %q", g.row, a.Value)
			}
		case "t":
			c.kind = a.Value
		case "s":
			c.style, _ = strconv.Atoi(a.Value)
		}
	}
	if column >= maxColumns {
		return g.problem("row %d has more than %d columns", g.row, maxColumns)
	}
	for len(g.values) <= column {
		g.values = append(g.values, cellValue{})
	}
	if g.values[column].set {
		return g.problem("cell %s stands twice", cellName(column, g.row))
	}
	c.column, g.values[column].set = column, true
	return nil
}

func (g *grid) endCell() {
	v := &g.values[g.cell.column]
	var err error
	if v.json, err = g.book.appendCell(v.json, &g.cell); err != nil {
		g.rowBad = errors.Join(g.rowBad, fmt.Errorf("cell %s: %w", cellName(g.cell.column, g.row), err))
		v.json = append(v.json[:0], "null"...) // not an empty cell
	}
}

func (g *grid) endRow() error {
	last := -1
	for i, v := range g.values {
		if len(v.json) > 0 {
			last = i
		}
	}
	switch {
	case last < 0 || !g.named && g.row < g.headerRow:
		return nil
	case !g.named:
		return g.header(last)
	case g.rowBad == nil:
		g.rowBad = g.unnamed(last)
	}
	if g.rowBad != nil {
		if g.badN++; g.bad == nil {
			text, _, _ := strings.Cut(g.rowBad.Error(), "\n")
			g.bad = g.problem("%s", text)
		}
		return nil
	}
	return g.record()
}

// header takes the row with the names of the columns.
func (g *grid) header(last int) error {
	if g.headerRow > 0 && g.row != g.headerRow {
		return g.problem("the header row %d is empty", g.headerRow)
	}
	if g.rowBad != nil {
		return g.problem("the header row: %v", g.rowBad)
	}
	seen := map[string]int{}
	for i, v := range g.values[:last+1] {
		text, ok := record.Text(v.json)
		if !ok && len(v.json) > 0 {
			text = string(v.json)
		}
		if text = strings.TrimSpace(text); text == "" {
			g.names = append(g.names, nil)
			continue
		}
		if before, ok := seen[text]; ok {
			return g.problem("the header row names %q twice, in %s and %s", text, cellName(before, g.row), cellName(i, g.row))
		}
		seen[text] = i
		g.names = append(g.names, append(record.AppendString(nil, text), ':'))
	}
	if len(seen) == 0 {
		return g.problem("the header row %d holds no name", g.row)
	}
	g.named = true
	return nil
}

// unnamed refuses a row with a value in a column without a name.
func (g *grid) unnamed(last int) error {
	for i, v := range g.values[:last+1] {
		if len(v.json) > 0 && (i >= len(g.names) || g.names[i] == nil) {
			return fmt.Errorf("cell %s holds a value, and its column has no name in the header row; where another row is the header, header names it", cellName(i, g.row))
		}
	}
	return nil
}

func (g *grid) record() error {
	separator := byte('{')
	for i, name := range g.names {
		if name == nil {
			continue
		}
		g.lines = append(append(g.lines, separator), name...)
		if i < len(g.values) && len(g.values[i].json) > 0 {
			g.lines = append(g.lines, g.values[i].json...)
		} else {
			g.lines = append(g.lines, "null"...)
		}
		separator = ','
	}
	if g.lines = append(g.lines, '}', '\n'); len(g.lines) < chunkSize {
		return nil
	}
	return g.flush()
}

func (g *grid) flush() error {
	err := g.h.give(0, g.lines)
	g.lines = g.lines[:0]
	return err
}

// verdict judges the sheet at its end. What stands behind it in the part is
// read on, for its checksum.
func (g *grid) verdict() error {
	if err := g.flush(); err != nil {
		return err
	}
	if g.badN > 1 {
		g.bad.text += fmt.Sprintf(" (and %d further rows can't be used)", g.badN-1)
	}
	switch {
	case g.bad != nil:
		return g.bad
	case !g.named:
		return g.problem("there is no header row")
	}
	return nil
}

func (g *grid) problem(format string, args ...any) *problem {
	return &problem{text: fmt.Sprintf("sheet %q: ", g.sheet) + fmt.Sprintf(format, args...)}
}

// position reads a cell's name, such as AB12, as its column from 0 and its row
// from 1; -1 when it is none.
func position(name string) (column, row int) {
	i := 0
	for i < len(name) && i < 4 && name[i] >= 'A' && name[i] <= 'Z' {
		column = column*26 + int(name[i]-'A') + 1
		i++
	}
	row, err := strconv.Atoi(name[i:])
	if i == 0 || err != nil || column > maxColumns {
		return -1, 0
	}
	return column - 1, row
}

func cellName(column, row int) string {
	var letters []byte
	for n := column + 1; n > 0; n = (n - 1) / 26 {
		letters = append([]byte{byte('A' + (n-1)%26)}, letters...)
	}
	return string(letters) + strconv.Itoa(row)
}

// isBlank tells whether text is white space only.
func isBlank(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }
