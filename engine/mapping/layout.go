package mapping

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// A layout is read letter by letter: a run of one letter is a field, text
// between single quotes and everything else stands for itself.

// nextToken cuts the next field or literal off a layout. verbatim tells which;
// ok is false for a quote that does not end.
func nextToken(layout []byte) (token, rest []byte, verbatim, ok bool) {
	c := layout[0]
	switch {
	case c == '\'':
		return quoted(layout)
	case !isLetter(c):
		n := 1
		for n < len(layout) && layout[n] != '\'' && !isLetter(layout[n]) {
			n++
		}
		return layout[:n], layout[n:], true, true
	}
	n := 1
	for n < len(layout) && layout[n] == c {
		n++
	}
	return layout[:n], layout[n:], false, true
}

// quoted cuts text between quotes off; two quotes inside are one.
func quoted(layout []byte) (token, rest []byte, verbatim, ok bool) {
	var out []byte
	for i := 1; i < len(layout); i++ {
		if layout[i] != '\'' {
			out = append(out, layout[i])
			continue
		}
		if i+1 < len(layout) && layout[i+1] == '\'' {
			out = append(out, '\'')
			i++
			continue
		}
		return out, layout[i+1:], true, true
	}
	return nil, nil, true, false
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

const (
	openQuote   = "the layout has a quote that does not end"
	unknownPart = "the layout has a part that is no date format: "
)

// layoutFault makes a fault of what is wrong with a layout; the part of the
// layout that the problem quotes is left out where the layout is sensitive.
func layoutFault(problem string) *fault {
	f := newFault(CodeConvert, problem)
	if strings.HasPrefix(problem, unknownPart) {
		f.plain = strings.TrimSuffix(unknownPart, ": ")
	}
	return f
}

// layoutProblem says what is wrong with a layout; empty when nothing is.
func layoutProblem(layout []byte) string {
	for len(layout) > 0 {
		token, rest, verbatim, ok := nextToken(layout)
		if !ok {
			return openQuote
		}
		if _, known := goLayout(string(token)); !verbatim && !known {
			return unknownPart + strconv.Quote(string(token))
		}
		layout = rest
	}
	return ""
}

// appendLayout appends t in a layout.
func appendLayout(dst, layout []byte, t time.Time, zoned bool) ([]byte, error) {
	for len(layout) > 0 {
		token, rest, verbatim, ok := nextToken(layout)
		if !ok {
			return dst, newFault(CodeConvert, openQuote)
		}
		if layout = rest; verbatim {
			dst = append(dst, token...)
			continue
		}
		if token[0] == 'Z' && !zoned {
			return dst, newFault(CodeConvert, "the layout has an offset but the date has none")
		}
		form, ok := goLayout(string(token))
		if !ok {
			return dst, layoutFault(unknownPart + strconv.Quote(string(token)))
		}
		dst = appendField(dst, form, t)
	}
	return dst, nil
}

func appendField(dst []byte, form string, t time.Time) []byte {
	if form == hourAlone {
		return strconv.AppendInt(dst, int64(t.Hour()), 10)
	}
	if form == namedOffset {
		if _, offset := t.Zone(); offset == 0 {
			return append(dst, "UTC"...)
		}
		form = "-0700"
	}
	return t.AppendFormat(dst, form)
}

// Forms that package time has no layout for.
const (
	hourAlone   = "hour without a leading zero"
	namedOffset = "UTC or the offset"
)

// goLayout gives the layout of package time for a field.
func goLayout(token string) (string, bool) {
	switch token {
	case "YYYY":
		return "2006", true
	case "YY":
		return "06", true
	case "MMMM":
		return "January", true
	case "MMM":
		return "Jan", true
	case "MM":
		return "01", true
	case "M":
		return "1", true
	case "DD":
		return "02", true
	case "D":
		return "2", true
	case "EEEE":
		return "Monday", true
	case "EEE":
		return "Mon", true
	}
	return goTimeLayout(token)
}

func goTimeLayout(token string) (string, bool) {
	switch token {
	case "hh":
		return "15", true
	case "h":
		return hourAlone, true
	case "HH":
		return "03", true
	case "H":
		return "3", true
	case "AA":
		return "PM", true
	case "aa":
		return "pm", true
	case "mm":
		return "04", true
	case "m":
		return "4", true
	case "ss":
		return "05", true
	case "s":
		return "5", true
	case "ZZZZZ":
		return "-07:00", true
	case "ZZZZ":
		return "-0700", true
	case "ZZZ":
		return namedOffset, true
	case "Z":
		return "Z07:00", true
	}
	return "", false
}

// A reading collects the fields of a date that is parsed.
type reading struct {
	year, month, day, hour, minute, second int
	half                                   int // 0: 24 hours, 1: am, 2: pm
	m                                      moment
}

// parseLayout reads s in a layout. fault says why it is none; it is empty when
// all is well.
func parseLayout(s, layout []byte) (m moment, fault string) {
	r := reading{year: -1, month: 1, day: 1}
	for len(layout) > 0 {
		token, rest, verbatim, ok := nextToken(layout)
		if !ok {
			return m, openQuote
		}
		if layout = rest; verbatim {
			if !bytes.HasPrefix(s, token) {
				return m, "the text does not have the layout"
			}
			s = s[len(token):]
			continue
		}
		if s, ok, fault = r.field(string(token), s); fault != "" {
			return m, fault
		} else if !ok {
			return m, "the text does not have the layout"
		}
	}
	if len(s) > 0 {
		return m, "the text goes on behind the layout"
	}
	return r.moment()
}

func (r *reading) moment() (moment, string) {
	switch {
	case r.year < 0:
		return r.m, "the layout has no year"
	case r.half > 0 && (r.hour < 1 || r.hour > 12):
		return r.m, "the text is no date that exists"
	case r.half == 1 && r.hour == 12:
		r.hour = 0
	case r.half == 2 && r.hour < 12:
		r.hour += 12
	}
	if !isDay(r.year, r.month, r.day) || r.hour > 23 || r.minute > 59 || r.second > 59 {
		return r.m, "the text is no date that exists"
	}
	r.m.wall = time.Date(r.year, time.Month(r.month), r.day, r.hour, r.minute, r.second, 0, time.UTC)
	return r.m, ""
}

// field reads one field off s.
func (r *reading) field(token string, s []byte) (rest []byte, ok bool, fault string) {
	if _, known := goLayout(token); !known {
		return nil, false, unknownPart + strconv.Quote(token)
	}
	switch token[0] {
	case 'h', 'H', 'm', 's', 'A', 'a', 'Z':
		r.m.hasTime = true
	}
	switch token {
	case "YYYY":
		rest, ok = digitsInto(&r.year, s, 4, 4)
	case "YY":
		rest, ok = digitsInto(&r.year, s, 2, 2)
		r.year += 2000
		if r.year >= 2069 {
			r.year -= 100
		}
	case "MMMM", "MMM":
		rest, ok = r.monthName(s, token == "MMM")
	case "EEEE", "EEE":
		rest, ok = weekday(s, token == "EEE")
	case "AA", "aa":
		rest, ok = r.halfDay(s)
	case "ZZZZZ", "ZZZZ", "ZZZ", "Z":
		rest, ok = r.zone(s)
	default:
		least := len(token)
		rest, ok = digitsInto(r.target(token[0]), s, least, 2)
		if token[0] == 'H' && r.half == 0 {
			r.half = 1
		}
	}
	return rest, ok, ""
}

func (r *reading) target(c byte) *int {
	switch c {
	case 'M':
		return &r.month
	case 'D':
		return &r.day
	case 'h', 'H':
		return &r.hour
	case 'm':
		return &r.minute
	}
	return &r.second
}

func digitsInto(to *int, s []byte, least, most int) ([]byte, bool) {
	n := min(countDigits(s), most)
	if n < least {
		return s, false
	}
	v, _ := number2(s, 0, n)
	*to = v
	return s[n:], true
}

func (r *reading) monthName(s []byte, short bool) ([]byte, bool) {
	for m := time.January; m <= time.December; m++ {
		if rest, ok := cutName(s, m.String(), short); ok {
			r.month = int(m)
			return rest, true
		}
	}
	return s, false
}

func weekday(s []byte, short bool) ([]byte, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if rest, ok := cutName(s, d.String(), short); ok {
			return rest, true
		}
	}
	return s, false
}

func cutName(s []byte, name string, short bool) ([]byte, bool) {
	if short {
		name = name[:3]
	}
	if len(s) >= len(name) && bytes.EqualFold(s[:len(name)], []byte(name)) {
		return s[len(name):], true
	}
	return s, false
}

func (r *reading) halfDay(s []byte) ([]byte, bool) {
	if len(s) < 2 || s[1]|0x20 != 'm' {
		return s, false
	}
	switch s[0] | 0x20 {
	case 'a':
		r.half = 1
	case 'p':
		r.half = 2
	default:
		return s, false
	}
	return s[2:], true
}

func (r *reading) zone(s []byte) ([]byte, bool) {
	if bytes.HasPrefix(s, []byte("UTC")) {
		r.m.hasZone, r.m.zulu = true, true
		return s[3:], true
	}
	n := 0
	for n < len(s) && n < 6 && (n == 0 || s[n] == ':' || '0' <= s[n] && s[n] <= '9') {
		n++
	}
	if n == 0 || s[0] == 'Z' || s[0] == 'z' {
		n = min(n, 1)
	}
	return s[n:], n > 0 && r.m.readOffset(s[:n])
}
