package mapping

import (
	"time"
	_ "time/tzdata" // zones are the same on every machine
)

func timeFunctions() []Function {
	return []Function{
		{Name: "date", Params: []string{"x"}, Min: 1, Max: 1, run: date, text: true,
			Doc:      "The ISO date of an ISO date or date-time, as it is written.",
			Examples: []Example{{`date("2024-05-01T10:00:00Z")`, `"2024-05-01"`}}},
		{Name: "datetime", Params: []string{"x", "zone"}, Min: 1, Max: 2, run: datetime, text: true,
			Doc:      "The UTC date-time, ending in Z, of an ISO date-time with an offset, or of a local one in a zone. With a zone a Z in x is ignored, as AFAS means it.",
			Examples: []Example{{`datetime("2024-05-01T10:00:00+02:00")`, `"2024-05-01T08:00:00Z"`}, {`datetime("2024-05-01T10:00:00Z", "Europe/Amsterdam")`, `"2024-05-01T08:00:00Z"`}}},
		{Name: "parsedate", Params: []string{"x", "layout", "zone"}, Min: 2, Max: 3, run: parsedate, text: true,
			Doc:      "The ISO date, or the UTC date-time when the layout has a time, of a text in a layout of formatdate's letters.",
			Examples: []Example{{`parsedate("31-12-2024", "DD-MM-YYYY")`, `"2024-12-31"`}}},
		{Name: "formatdate", Params: []string{"layout", "x", "zone"}, Min: 2, Max: 3, run: formatdate, text: true,
			Doc:      "An ISO date or date-time in a layout, as in Terraform: YYYY YY MMMM MMM MM M DD D EEEE EEE hh h HH H AA aa mm m ss s ZZZZZ ZZZZ ZZZ Z and 'quoted' text; in a zone when one is given.",
			Examples: []Example{{`formatdate("DD-MM-YYYY", "2024-05-01")`, `"01-05-2024"`}, {`formatdate("hh:mm", "2024-05-01T10:00:00Z", "Europe/Amsterdam")`, `"12:00"`}}},
	}
}

// A moment is an ISO date or date-time as it is written.
type moment struct {
	wall     time.Time // the written fields, as if in UTC
	hasTime  bool
	hasZone  bool
	zulu     bool
	offset   int // seconds east of UTC, with hasZone
	fraction []byte
}

// readMoment reads an ISO date, or a date and a time behind a T or a space,
// with or without seconds, a fraction, and an offset.
func readMoment(s []byte) (m moment, ok bool) {
	y, ok1 := number2(s, 0, 4)
	mo, ok2 := number2(s, 5, 2)
	d, ok3 := number2(s, 8, 2)
	if !ok1 || !ok2 || !ok3 || s[4] != '-' || s[7] != '-' || !isDay(y, mo, d) {
		return m, false
	}
	if s = s[10:]; len(s) == 0 {
		m.wall = time.Date(y, time.Month(mo), d, 0, 0, 0, 0, time.UTC)
		return m, true
	}
	h, ok1 := number2(s, 1, 2)
	mi, ok2 := number2(s, 4, 2)
	if s[0] != 'T' && s[0] != 't' && s[0] != ' ' || !ok1 || !ok2 || s[3] != ':' {
		return m, false
	}
	sec := 0
	if s = s[6:]; len(s) > 0 && s[0] == ':' {
		if sec, ok1 = number2(s, 1, 2); !ok1 {
			return m, false
		}
		if s = s[3:]; len(s) > 1 && (s[0] == '.' || s[0] == ',') {
			n := countDigits(s[1:])
			if n == 0 {
				return m, false
			}
			m.fraction, s = s[1:1+n], s[1+n:]
		}
	}
	if h > 23 || mi > 59 || sec > 59 {
		return m, false
	}
	m.hasTime = true
	m.wall = time.Date(y, time.Month(mo), d, h, mi, sec, 0, time.UTC)
	return m, m.readOffset(s)
}

func (m *moment) readOffset(s []byte) bool {
	if len(s) == 0 {
		return true
	}
	m.hasZone = true
	if s[0] == 'Z' || s[0] == 'z' {
		m.zulu = true
		return len(s) == 1
	}
	h, ok := number2(s, 1, 2)
	if !ok || s[0] != '+' && s[0] != '-' {
		return false
	}
	rest, mi := s[3:], 0
	if len(rest) > 0 && rest[0] == ':' {
		if rest = rest[1:]; len(rest) == 0 {
			return false
		}
	}
	if len(rest) > 0 {
		if mi, ok = number2(rest, 0, 2); !ok || len(rest) != 2 {
			return false
		}
	}
	m.offset = h*3600 + mi*60
	if s[0] == '-' {
		m.offset = -m.offset
	}
	return h < 24 && mi < 60
}

// number2 reads n digits at s[at:].
func number2(s []byte, at, n int) (int, bool) {
	if len(s) < at+n {
		return 0, false
	}
	v := 0
	for _, c := range s[at : at+n] {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
}

func isDay(y, m, d int) bool {
	if m < 1 || m > 12 || d < 1 || d > 31 {
		return false
	}
	return d <= 28 || time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Day() == d
}

func isISODate(s []byte) bool {
	m, ok := readMoment(s)
	return ok && !m.hasTime
}

func isISODateTime(s []byte) bool {
	m, ok := readMoment(s)
	return ok && m.hasTime && m.hasZone
}

func date(e *Evaluator, args []val) (val, error) {
	s := args[0].b
	if _, ok := readMoment(s); !ok {
		return null(), noDate(args[0])
	}
	return text(s[:10]), nil
}

func noDate(v val) error {
	return about(CodeConvert, "the text is no ISO date or date-time; parsedate reads other layouts", v)
}

func datetime(e *Evaluator, args []val) (val, error) {
	m, ok := readMoment(args[0].b)
	if !ok {
		return null(), noDate(args[0])
	}
	zone, err := e.zoneArgument(args, 1)
	if err != nil {
		return null(), err
	}
	t, err := m.instant(zone, args[0])
	if err != nil {
		return null(), err
	}
	start := len(e.arena)
	e.arena = appendUTC(e.arena, t, m.fraction)
	return text(e.cut(start)), nil
}

// instant is the point in time of a moment; with a zone a Z counts as no
// offset.
func (m *moment) instant(zone *time.Location, v val) (time.Time, error) {
	var t time.Time
	switch {
	case zone == nil && !m.hasZone:
		return t, about(CodeConvert, "the time has no offset; name the zone that it is in", v)
	case zone == nil || m.hasZone && !m.zulu:
		t = m.wall.Add(-time.Duration(m.offset) * time.Second)
	default:
		t = local(m.wall, zone)
	}
	if year := t.UTC().Year(); year < 0 || year > 9999 {
		// Its text would neither be ISO nor compare in the order of time.
		return t, about(CodeConvert, "the date-time lies outside of the years 0 to 9999 in UTC", v)
	}
	return t, nil
}

// local is the instant at which clocks in a zone show wall. What they show
// twice is the first; what they skip is moved on by what was skipped.
func local(wall time.Time, zone *time.Location) time.Time {
	at := func(offset int) time.Time { return wall.Add(-time.Duration(offset) * time.Second) }
	_, before := wall.Add(-24 * time.Hour).In(zone).Zone()
	_, after := wall.Add(24 * time.Hour).In(zone).Zone()
	for _, offset := range []int{before, after} {
		if _, o := at(offset).In(zone).Zone(); o == offset {
			return at(offset)
		}
	}
	return at(before)
}

// appendUTC appends a date-time ending in Z.
func appendUTC(dst []byte, t time.Time, fraction []byte) []byte {
	dst = t.UTC().AppendFormat(dst, "2006-01-02T15:04:05")
	for len(fraction) > 0 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	if len(fraction) > 0 {
		dst = append(append(dst, '.'), fraction...)
	}
	return append(dst, 'Z')
}

// zoneArgument reads the IANA zone in args[i]; nil when there is none.
func (e *Evaluator) zoneArgument(args []val, i int) (*time.Location, error) {
	if i >= len(args) {
		return nil, nil
	}
	name := stringOf(args[i].b)
	if z, ok := e.zones[name]; ok {
		return z, nil
	}
	z, err := loadZone(name)
	if err != nil {
		return nil, about(CodeConvert, err.Error(), args[i])
	}
	if e.zones == nil || len(e.zones) > 1000 {
		e.zones = map[string]*time.Location{}
	}
	e.zones[string(args[i].b)] = z
	return z, nil
}

// loadZone finds an IANA zone.
func loadZone(name string) (*time.Location, error) {
	if name != "" && name != "Local" {
		if z, err := time.LoadLocation(name); err == nil {
			return z, nil
		}
	}
	return nil, newFault(CodeConvert, "no zone has that name; write one such as Europe/Amsterdam")
}

func formatdate(e *Evaluator, args []val) (val, error) {
	m, ok := readMoment(args[1].b)
	if !ok {
		return null(), noDate(args[1])
	}
	zone, err := e.zoneArgument(args, 2)
	if err != nil {
		return null(), err
	}
	t := m.shown(zone)
	start := len(e.arena)
	e.arena, err = appendLayout(e.arena, args[0].b, t, m.hasZone || zone != nil)
	if err != nil {
		return null(), err
	}
	return text(e.cut(start)), e.grow(len(e.arena) - start)
}

// shown is the moment on clocks in a zone, or as it is written without one. A
// date alone stays the date it is.
func (m *moment) shown(zone *time.Location) time.Time {
	offset := time.FixedZone("", m.offset)
	if m.zulu {
		offset = time.UTC
	}
	switch {
	case zone == nil && !m.hasZone:
		return m.wall
	case zone == nil:
		return m.wall.Add(-time.Duration(m.offset) * time.Second).In(offset)
	case m.hasZone:
		return m.wall.Add(-time.Duration(m.offset) * time.Second).In(zone)
	}
	return local(m.wall, zone).In(zone)
}

func parsedate(e *Evaluator, args []val) (val, error) {
	m, problem := parseLayout(args[0].b, args[1].b)
	if problem != "" {
		f := layoutFault(problem)
		f.value, f.hasValue = args[0], true
		return null(), f
	}
	zone, err := e.zoneArgument(args, 2)
	if err != nil {
		return null(), err
	}
	start := len(e.arena)
	if !m.hasTime {
		e.arena = m.wall.AppendFormat(e.arena, "2006-01-02")
		return text(e.cut(start)), nil
	}
	t, err := m.instant(zone, args[0])
	if err != nil {
		return null(), err
	}
	e.arena = appendUTC(e.arena, t, nil)
	return text(e.cut(start)), nil
}
