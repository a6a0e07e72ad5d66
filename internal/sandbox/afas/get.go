package afas

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"koppel/internal/sandbox/dataset"
)

// get answers a read of a GetConnector.
func (s *System) get(c *call) {
	g, ok := s.listed(c)
	if !ok {
		return
	}
	rows, skip, take, err := s.page(c, g, c.Request.URL.Query())
	if err != nil {
		s.fail(c.Exchange, err)
		return
	}
	var buf bytes.Buffer
	if s.o.Version < 7 {
		fmt.Fprintf(&buf, "{\n\"skip\": %d,\n\"take\": %d,\n\"rows\": [", skip, take)
	} else {
		fmt.Fprintf(&buf, `{"skip":%d,"take":%d,"rows":[`, skip, take)
	}
	for i, row := range rows {
		if i > 0 {
			buf.WriteByte(',')
		}
		buf.Write(row.json)
	}
	buf.WriteString("]}")
	c.Header().Set("Content-Type", "application/json; charset=utf-8")
	c.Call.Rows = len(rows)
	_, _ = c.Write(buf.Bytes())
}

// getByPath is the older form: /connectors/{id}/{fields}/{values}.
func (s *System) getByPath(c *call) {
	q := c.Request.URL.Query()
	q.Set("filterfieldids", c.Request.PathValue("fields"))
	q.Set("filtervalues", c.Request.PathValue("values"))
	q.Del("operatortypes")
	c.Request.URL.RawQuery = q.Encode()
	s.get(c)
}

// listed finds the connector of a call; false: the call was refused.
func (s *System) listed(c *call) (*getConnector, bool) {
	g := s.getter(c.Request.PathValue("connector"))
	switch {
	case g == nil || g.unlisted:
		s.notListed(c, "GetConnector")
	case g.blocked:
		s.fail(c.Exchange, generalProblem("This GetConnector definition is blocked.", "Deze GetConnector-definitie is geblokkeerd."))
	default:
		return g, true
	}
	return nil, false
}

// notListed refuses a connector that is not in the app connector.
func (s *System) notListed(c *call, kind string) {
	if s.o.Unlisted == http.StatusUnauthorized {
		c.empty(http.StatusUnauthorized)
		return
	}
	s.fail(c.Exchange, generalProblem(
		"This %s is not supported for this app or the user is not authorised.",
		"Deze %s wordt niet ondersteund of de gebruiker is niet geautoriseerd.", kind))
}

// page gives the rows that a query asks for.
func (s *System) page(c *call, g *getConnector, q url.Values) (rows []*viewRow, skip, take int, err error) {
	if skip, take, err = paging(q); err != nil {
		return nil, 0, 0, err
	}
	keep, err := s.filter(g, q)
	if err != nil {
		return nil, 0, 0, err
	}
	order, err := g.order(q.Get("orderbyfieldids"))
	if err != nil {
		return nil, 0, 0, err
	}
	v := s.view(g)
	for i, row := range s.sorted(v, order, q.Get("orderbyfieldids")) {
		if c.rights.sees(i, row) && keep(v, row.cells) {
			rows = append(rows, row)
		}
	}
	if skip >= 0 {
		rows = rows[min(skip, len(rows)):]
		rows = rows[:min(max(take, 1), len(rows))]
	}
	if len(rows)*len(g.columns) >= maxCells {
		return nil, 0, 0, &problem{unexpected, "Out of memory", "Out of memory"}
	}
	return rows, skip, take, nil
}

// paging reads skip and take, with the defaults and odd ends of Profit: -1 and
// -1 is everything, take 0 gives one row.
func paging(q url.Values) (skip, take int, err error) {
	skip, take = 0, 100
	if n, err := strconv.Atoi(q.Get("skip")); err == nil && n >= -1 {
		skip = n
	}
	if text := q.Get("take"); text != "" {
		if take, err = strconv.Atoi(text); err != nil || take < 0 && skip != -1 {
			return 0, 0, unexpectedProblem()
		}
	}
	return skip, take, nil
}

// sees tells whether the row authorisation of a user shows a row.
func (r rights) sees(_ int, row *viewRow) bool {
	if r.oneIn <= 1 {
		return r.oneIn == 1
	}
	sum := 0
	for _, b := range []byte(dataset.Text(row.cells[0])) {
		sum = sum*31 + int(b)
	}
	return sum%r.oneIn == 0
}

// A sortField is a column that rows are sorted by.
type sortField struct {
	at   int
	down bool
}

// order reads orderbyfieldids.
func (g *getConnector) order(text string) ([]sortField, error) {
	if text == "" {
		return nil, nil
	}
	var list []sortField
	for name := range strings.SplitSeq(text, ",") {
		f := sortField{}
		name, f.down = strings.CutPrefix(name, "-")
		bare, quoted := strings.CutPrefix(name, "['")
		bare, closed := strings.CutSuffix(bare, "']")
		switch {
		case quoted && closed:
			name = bare
		case strings.ContainsAny(name, ". "):
			return nil, generalProblem("Invalid Index field", "Invalid Index field")
		}
		if f.at = g.find(name); f.at < 0 {
			return nil, noField(name)
		}
		list = append(list, f)
	}
	return list, nil
}

func noField(name string) *problem {
	return generalProblem("Field '%s' not found in connector.", "Veld '%s' niet gevonden in de connector.", name)
}

func (o sortField) compare(a, b *viewRow) int {
	n := dataset.Compare(a.cells[o.at], b.cells[o.at])
	if o.down {
		return -n
	}
	return n
}

func compareRows(order []sortField, a, b *viewRow) int {
	for _, o := range order {
		if n := o.compare(a, b); n != 0 {
			return n
		}
	}
	return 0
}

// sorted gives all rows in the order asked for. What that order leaves open,
// all of it where nothing was asked, comes another way at every call.
func (s *System) sorted(v *view, order []sortField, name string) []*viewRow {
	s.mu.Lock()
	s.turn++
	r := dataset.Rand(s.o.Seed+s.turn, "order")
	rows, ok := v.sorted[name]
	if !ok {
		rows = slices.Clone(v.rows)
		slices.SortStableFunc(rows, func(a, b *viewRow) int { return compareRows(order, a, b) })
		v.sorted[name] = rows
	}
	s.mu.Unlock()
	rows = slices.Clone(rows)
	for start := 0; start < len(rows); {
		end := start + 1
		for end < len(rows) && compareRows(order, rows[start], rows[end]) == 0 {
			end++
		}
		shuffle(r, rows[start:end])
		start = end
	}
	return rows
}

func shuffle(r *rand.Rand, rows []*viewRow) {
	if len(rows) > 1 {
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
}
