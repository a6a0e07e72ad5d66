package file

import (
	"encoding/xml"
	"strconv"
	"strings"

	"github.com/xuri/nfp"
)

// A numberStyle says what a number with a number format is to a reader.
type numberStyle struct {
	date, time bool
	elapsed    bool // hours may go beyond a day
	fraction   bool // of seconds
}

// readStyles learns which cell formats are those of dates and times.
func (b *workbook) readStyles() error {
	if b.parts[b.targets["styles"]] == nil {
		return nil
	}
	codes := map[int]string{}
	inside := false
	return b.each(b.targets["styles"], func(t xml.Token, _ *xmlPart) error {
		switch t := t.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "numFmt":
				if id, err := strconv.Atoi(attribute(t, "numFmtId")); err == nil && !inside {
					codes[id] = attribute(t, "formatCode")
				}
			case "cellXfs":
				inside = true
			case "xf":
				if inside {
					id, _ := strconv.Atoi(attribute(t, "numFmtId"))
					b.styles = append(b.styles, styleOf(id, codes))
				}
			}
		case xml.EndElement:
			if t.Name.Local == "cellXfs" {
				inside = false
			}
		}
		return nil
	})
}

// styleOf judges a number format: by its code, or by its number where that has
// a fixed meaning (ECMA-376 part 1, 18.8.30).
func styleOf(id int, codes map[int]string) numberStyle {
	if code, ok := codes[id]; ok {
		return styleOfCode(code)
	}
	switch {
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id == 57, id == 58:
		return numberStyle{date: true}
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id == 45, id == 55, id == 56:
		return numberStyle{time: true}
	case id == 22:
		return numberStyle{date: true, time: true}
	case id == 46:
		return numberStyle{time: true, elapsed: true}
	case id == 47:
		return numberStyle{time: true, fraction: true}
	}
	return numberStyle{}
}

// styleOfCode judges the first section of a format code, which is that of
// positive numbers.
func styleOfCode(code string) numberStyle {
	var s numberStyle
	parser := nfp.NumberFormatParser()
	sections := parser.Parse(code)
	if len(sections) == 0 {
		return s
	}
	last, months := byte(0), 0 // months: m that may be minutes still
	for _, t := range sections[0].Items {
		switch t.TType {
		case nfp.TokenTypeElapsedDateTimes:
			s.time, s.elapsed, last = true, true, 'h'
		case nfp.TokenTypeZeroPlaceHolder, nfp.TokenTypeDecimalPoint:
			s.fraction = s.fraction || last == 's'
		case nfp.TokenTypeDateTimes:
			c := strings.ToLower(t.TValue)[0]
			switch {
			case c == 'h' || c == 'a':
				s.time = true
			case c == 's':
				// The m before seconds are minutes.
				s.time, months = true, max(months-1, 0)
			case c == 'm' && last == 'h':
			case c == 'm':
				months++
			default:
				s.date = true
			}
			last = c
		}
	}
	s.date = s.date || months > 0
	return s
}
