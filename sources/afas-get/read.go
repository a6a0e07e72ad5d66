package afasget

import (
	"bytes"
	"fmt"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/afas"
)

// A reading is one try to read all rows that a filter lets through.
type reading struct {
	s      *source
	out    connector.Reader
	g      *afas.GetConnector
	filter afas.Or
	delta  bool
	covers connector.Interval
	take   int
	byKey  bool // pages go by the first column of the key, not by number
	scan   *afas.Scanner
	latest []string // the latest time in each cursor column
	limit  string   // when the read began: no cursor goes beyond
	buf    []byte
	gather []byte

	page []row // of the page read last
	// ahead are the keys of rows that were read and are still to come once more,
	// after a step back, unless they were deleted.
	ahead map[string]bool
	twice string // a key that several rows have
	count int    // rows that were handed over
}

// A row is what is remembered of one row of a page.
type row struct {
	key   string // of all key columns, as they stand in the row
	first string // the value of the first key column, for a filter
	null  bool   // that column is empty
}

// begin starts the partition.
func (s *source) begin(out connector.Reader, g *afas.GetConnector) (*reading, error) {
	r := &reading{
		s: s, out: out, g: g, filter: s.config.filter(g), take: s.config.PageSize, limit: afas.Local(g.Asked),
		byKey: byKey(g.Field(s.env.Key[0])), ahead: map[string]bool{},
	}
	if r.take == 0 {
		r.take = pageSize(g)
	}
	columns := s.env.Key
	if inc := s.config.Incremental; inc != nil {
		columns = append(columns[:len(columns):len(columns)], inc.Cursor...)
		r.latest = make([]string, len(inc.Cursor))
	}
	r.scan = afas.NewScanner(columns)
	return r, r.beginPart()
}

// beginPart finds out whether the read is a full one or goes on from a cursor.
func (r *reading) beginPart() error {
	mode := connector.Full
	if r.s.config.Incremental != nil {
		mode = connector.WholeDelta
	}
	c, err := r.out.Begin("", mode)
	if err != nil {
		return err
	}
	if len(c) > 0 {
		earlier, ok := decodeCursor(c, len(r.latest))
		if ok {
			r.delta, r.latest = true, earlier
			r.filter = r.filter.And(r.s.since(earlier))
			return nil
		}
		if _, err := r.out.Begin("", connector.Full); err != nil {
			return err
		}
	}
	window, covers := r.s.window()
	r.filter, r.covers = r.filter.And(window), covers
	return nil
}

// byKey tells whether pages can go by a column: filters compare it as it is
// shown. Times are shown rounded, and decimals may be.
func byKey(f *afas.GetField) bool { return f.Type == "int" || f.Type == "string" }

// pageSize is how many rows one call asks for.
func pageSize(g *afas.GetConnector) int {
	n := max((mostCells-1)/len(g.Fields), 2)
	for _, f := range g.Fields {
		if f.Type == "blob" {
			return min(n, heavyRows)
		}
	}
	return n
}

// next is the cursor from which the next read goes on.
func (r *reading) next() connector.Cursor { return encodeCursor(r.latest) }

// takeIn checks the rows of a page, notes their keys and times, and gives those
// that were not read before. back says that the page began inside of the one
// before it.
func (r *reading) takeIn(page *afas.Page, back bool) ([]byte, error) {
	before := make(map[string]int, len(r.page))
	for _, one := range r.page {
		before[one.key]++
	}
	for key := range r.ahead {
		before[key]++
	}
	rows := make([]row, len(page.Rows))
	seen := make(map[string]int, len(page.Rows))
	fresh := make([]bool, len(page.Rows))
	for i, line := range page.Rows {
		if err := r.scan.Scan(line); err != nil {
			return nil, fmt.Errorf("read GetConnector %q: row %d of a page: %w", r.s.config.Connector, i+1, err)
		}
		one, err := r.row()
		if err != nil {
			return nil, err
		}
		rows[i] = one
		seen[one.key]++
		if fresh[i] = seen[one.key] > before[one.key]; fresh[i] && seen[one.key] > 1 && r.twice == "" {
			r.twice = shown(one.key)
		}
		if err := r.noteTimes(); err != nil {
			return nil, err
		}
	}
	if back {
		for _, one := range r.page {
			r.ahead[one.key] = true
		}
	}
	for key := range seen {
		delete(r.ahead, key)
	}
	r.page = rows
	for _, is := range fresh {
		if is {
			r.count++
		}
	}
	return r.lines(page, fresh), nil
}

// row gives what is remembered of the row that was scanned last.
func (r *reading) row() (row, error) {
	var one row
	key := r.gather[:0]
	for i, name := range r.s.env.Key {
		raw := r.scan.At(i)
		if raw == nil {
			return one, fmt.Errorf("read GetConnector %q: a row has no column %q, which key names", r.s.config.Connector, name)
		}
		if i > 0 {
			key = append(key, '/')
		}
		key = append(key, raw...)
		if i == 0 {
			var ok bool
			one.first, ok = record.Text(raw)
			one.null = !ok
		}
	}
	one.key, r.gather = string(key), key
	return one, nil
}

// shown is a key without the marks of JSON.
func shown(key string) string { return strings.ReplaceAll(key, `"`, "") }

// noteTimes raises the latest times to those of the row that was scanned last.
func (r *reading) noteTimes() error {
	for i := range r.latest {
		raw := r.scan.At(len(r.s.env.Key) + i)
		if record.KindOf(raw) != record.String {
			continue
		}
		text, _ := bytes.CutSuffix(raw[1:len(raw)-1], []byte("Z"))
		if string(text) <= r.latest[i] {
			continue
		}
		if _, ok := afas.ParseShown(string(text)); !ok {
			return fmt.Errorf("read GetConnector %q: column %q, which cursor names, holds %q, which is no time", r.s.config.Connector, r.s.config.Incremental.Cursor[i], text)
		}
		// What changes while the read goes on may be behind a page that was read
		// already: the cursor stays before it.
		r.latest[i] = max(r.latest[i], min(string(text), r.limit))
	}
	return nil
}

// lines gives the fresh rows of a page.
func (r *reading) lines(page *afas.Page, fresh []bool) []byte {
	first, last, count := -1, -1, 0
	for i, is := range fresh {
		if is {
			if first < 0 {
				first = i
			}
			last = i
			count++
		}
	}
	if count == 0 {
		return nil
	}
	if count == last-first+1 {
		return page.Lines[page.Start[first] : page.Start[last]+len(page.Rows[last])+1]
	}
	var some []byte
	for i, is := range fresh {
		if is {
			some = append(append(some, page.Rows[i]...), '\n')
		}
	}
	return some
}

// checkReplaced finds columns whose field is gone from Profit: they show the
// same text in every row, which must not be taken for data.
func (r *reading) checkReplaced(page *afas.Page) error {
	const text = `"(replaced)"`
	if !bytes.Contains(page.Lines, []byte(text)) {
		return nil
	}
	var gone []string
	for _, f := range r.g.Fields {
		all := true
		for _, line := range page.Rows {
			if all = all && string(record.Member(line, f.ID)) == text; !all {
				break
			}
		}
		if all {
			gone = append(gone, fmt.Sprintf("%q", f.ID))
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return fmt.Errorf("read GetConnector %q: column %s shows \"(replaced)\" in every row: the field behind it no longer exists in Profit; give the column another field or take it out of the GetConnector",
		r.s.config.Connector, strings.Join(gone, ", "))
}
