package afas

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"koppel/internal/sandbox/dataset"
)

// A test compares one column with a value.
type test struct {
	at    int
	op    string
	value any    // typed, for comparisons
	text  string // as given, without %
}

type keep func(v *view, cells []any) bool

// filter reads filterfieldids, filtervalues and operatortypes, or filterjson:
// an OR of lists that are each an AND.
func (s *System) filter(g *getConnector, q url.Values) (keep, error) {
	var anyOf [][]test
	var err error
	if text := q.Get("filterjson"); text != "" {
		anyOf, err = s.filterJSON(g, text)
	} else if q.Get("filterfieldids") != "" {
		anyOf, err = s.filterLists(g, q)
	}
	if err != nil {
		return nil, err
	}
	return func(v *view, cells []any) bool {
		if len(anyOf) == 0 {
			return true
		}
		return slices.ContainsFunc(anyOf, func(all []test) bool {
			return !slices.ContainsFunc(all, func(t test) bool { return !t.holds(cells[t.at]) })
		})
	}, nil
}

// filterLists reads the three parallel lists, in which a comma is AND and a
// semicolon, the outer of the two, is OR.
func (s *System) filterLists(g *getConnector, q url.Values) ([][]test, error) {
	split := func(text string) [][]string {
		var groups [][]string
		for group := range strings.SplitSeq(text, ";") {
			groups = append(groups, strings.Split(group, ","))
		}
		return groups
	}
	fields, values := split(q.Get("filterfieldids")), split(q.Get("filtervalues"))
	ops := make([][]string, len(fields))
	for i := range fields {
		ops[i] = slices.Repeat([]string{"1"}, len(fields[i]))
	}
	if text := q.Get("operatortypes"); text != "" {
		ops = split(text)
	}
	if len(values) != len(fields) || len(ops) != len(fields) {
		return nil, unexpectedProblem()
	}
	var anyOf [][]test
	for i, group := range fields {
		if len(values[i]) != len(group) || len(ops[i]) != len(group) {
			return nil, unexpectedProblem()
		}
		var all []test
		for k, field := range group {
			t, err := s.newTest(g, field, ops[i][k], values[i][k])
			if err != nil {
				return nil, err
			}
			all = append(all, t)
		}
		anyOf = append(anyOf, all)
	}
	return anyOf, nil
}

// some is a list that AFAS also takes as its only element.
type some[T any] []T

func (l *some[T]) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]T)(l))
	}
	*l = make([]T, 1)
	return json.Unmarshal(text, &(*l)[0])
}

func (s *System) filterJSON(g *getConnector, text string) ([][]test, error) {
	var body struct {
		Filters struct {
			Filter some[struct {
				Field some[struct {
					ID    string `json:"@FieldId"`
					Op    string `json:"@OperatorType"`
					Value string `json:"#text"`
				}]
			}]
		}
	}
	if err := json.Unmarshal([]byte(text), &body); err != nil || len(body.Filters.Filter) == 0 {
		return nil, unexpectedProblem()
	}
	var anyOf [][]test
	for _, f := range body.Filters.Filter {
		var all []test
		for _, field := range f.Field {
			t, err := s.newTest(g, field.ID, field.Op, field.Value)
			if err != nil {
				return nil, err
			}
			all = append(all, t)
		}
		anyOf = append(anyOf, all)
	}
	return anyOf, nil
}

func (s *System) newTest(g *getConnector, field, op, value string) (test, error) {
	t := test{at: g.find(field), op: op, text: strings.ToLower(strings.Trim(value, "%"))}
	if t.at < 0 {
		return t, noField(field)
	}
	switch op {
	case "1", "2", "3", "4", "5", "7":
	case "6", "8", "9", "10", "11", "12", "13", "14", "15":
		return t, nil
	default:
		return t, unexpectedProblem()
	}
	c := s.column(g, g.columns[t.at])
	if c.Type == dataset.Time && strings.HasSuffix(value, "Z") {
		return t, unexpectedProblem()
	}
	c.Length = 0
	var err error
	if t.value, err = c.Convert(value); err != nil {
		return t, unexpectedProblem()
	}
	if d, ok := t.value.(dataset.Decimal); ok && strings.TrimRight(d.String(), "0.") != strings.TrimRight(value, "0.") {
		return t, unexpectedProblem()
	}
	return t, nil
}

// holds compares a cell. Null is only ever empty or not empty, as in SQL; text
// is compared without regard to case, as SQL Server's collations do.
func (t test) holds(cell any) bool {
	text := strings.ToLower(shown(cell))
	switch t.op {
	case "8":
		return text == ""
	case "9":
		return text != ""
	}
	if cell == nil {
		return false
	}
	switch t.op {
	case "6", "15":
		return strings.Contains(text, t.text)
	case "10":
		return strings.HasPrefix(text, t.text)
	case "11":
		return !strings.Contains(text, t.text)
	case "12":
		return !strings.HasPrefix(text, t.text)
	case "13":
		return strings.HasSuffix(text, t.text)
	case "14":
		return !strings.HasSuffix(text, t.text)
	}
	n := dataset.Compare(fold(cell), fold(t.value))
	switch t.op {
	case "1":
		return n == 0
	case "2":
		return n >= 0
	case "3":
		return n <= 0
	case "4":
		return n > 0
	case "5":
		return n < 0
	}
	return n != 0
}

func fold(v any) any {
	if s, ok := v.(string); ok {
		return strings.ToLower(s)
	}
	return v
}

func shown(v any) string {
	if t, ok := v.(time.Time); ok {
		return t.Round(time.Second).Format("2006-01-02T15:04:05")
	}
	return dataset.Text(v)
}

func parseForm(body []byte) (url.Values, error) { return url.ParseQuery(string(body)) }
