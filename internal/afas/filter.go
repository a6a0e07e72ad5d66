package afas

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A Condition compares one column with a value.
type Condition struct {
	Field string
	Op    string // one of Operators
	Value string
}

// An Or is a filter in the one form that AFAS takes: a list of lists that are
// ANDed, of which one must hold. Empty: all rows.
type Or [][]Condition

// And gives the filter that asks for both.
func (o Or) And(other Or) Or {
	switch {
	case len(o) == 0:
		return other
	case len(other) == 0:
		return o
	}
	var both Or
	for _, a := range o {
		for _, b := range other {
			both = append(both, slices.Concat(a, b))
		}
	}
	return both
}

// operators are the numbers of operatortypes by the names that the language
// has for them.
var operators = map[string]int{
	"=": 1, ">=": 2, "<=": 3, ">": 4, "<": 5, "contains": 6, "!=": 7, "is_empty": 8, "is_not_empty": 9, "starts_with": 10,
	"not_contains": 11, "not_starts_with": 12, "ends_with": 13, "not_ends_with": 14, "quick": 15,
}

// Operators lists the names of the comparisons, by number.
func Operators() []string {
	names := make([]string, len(operators))
	for name, n := range operators {
		names[n-1] = name
	}
	return names
}

// IsOperator tells whether a comparison has that name.
func IsOperator(name string) bool { return operators[name] > 0 }

// NeedsValue tells whether a comparison is with a value.
func NeedsValue(op string) bool { return op != "is_empty" && op != "is_not_empty" }

// longestQuery is the most characters of a query with its question mark; AFAS
// answers longer ones with 404.
const longestQuery = 2049

// A Query asks a GetConnector for rows.
type Query struct {
	Filter  Or
	OrderBy []string // columns, ascending
	Skip    int
	Take    int
}

// A LengthError says that a query is longer than AFAS takes.
type LengthError struct{ Length int }

// Error gives both lengths.
func (e *LengthError) Error() string {
	return fmt.Sprintf("the filter makes a query of %d characters, and AFAS takes %d at most; use fewer or shorter conditions", e.Length, longestQuery)
}

// Encode writes the query as it stands behind the question mark of a URL. Its
// error is a *LengthError.
func (q Query) Encode() (string, error) {
	order := make([]string, len(q.OrderBy))
	for i, field := range q.OrderBy {
		order[i] = sortName(field)
	}
	text := "skip=" + strconv.Itoa(q.Skip) + "&take=" + strconv.Itoa(q.Take) + "&orderbyfieldids=" + escape(strings.Join(order, ","))
	if len(q.Filter) > 0 {
		text += "&" + q.Filter.encode()
	}
	if len(text)+1 > longestQuery {
		return "", &LengthError{len(text) + 1}
	}
	return text, nil
}

// sortName writes a column for orderbyfieldids, which takes special characters
// in brackets only (seen by users: "Invalid Index field" without).
func sortName(field string) string {
	for _, r := range field {
		if r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return "['" + field + "']"
		}
	}
	return field
}

// encode writes a filter as lists where they say exactly what is meant, else
// as filterjson: AFAS does not say what a mix of comma and semicolon means, no
// escape exists for either in a value, and clients differ in what stands for no
// value.
func (o Or) encode() string {
	separator := ","
	if len(o) > 1 {
		separator = ";"
	}
	var fields, values, ops []string
	for _, and := range o {
		for _, c := range and {
			if c.Value == "" || strings.ContainsAny(c.Value, ",;") || strings.ContainsAny(c.Field, ",;") || len(o) > 1 && len(and) > 1 {
				return "filterjson=" + escape(o.json())
			}
			fields, values, ops = append(fields, c.Field), append(values, c.Value), append(ops, strconv.Itoa(operators[c.Op]))
		}
	}
	return "filterfieldids=" + escape(strings.Join(fields, separator)) + "&filtervalues=" + escape(strings.Join(values, separator)) +
		"&operatortypes=" + escape(strings.Join(ops, separator))
}

type jsonFilter struct {
	ID     string      `json:"@FilterId"`
	Fields []jsonField `json:"Field"`
}

type jsonField struct {
	ID   string `json:"@FieldId"`
	Op   string `json:"@OperatorType"`
	Text string `json:"#text"`
}

func (o Or) json() string {
	var body struct {
		Filters struct {
			Filter []jsonFilter `json:"Filter"`
		} `json:"Filters"`
	}
	for i, and := range o {
		f := jsonFilter{ID: "Filter " + strconv.Itoa(i+1)}
		for _, c := range and {
			f.Fields = append(f.Fields, jsonField{c.Field, strconv.Itoa(operators[c.Op]), c.Value})
		}
		body.Filters.Filter = append(body.Filters.Filter, f)
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return "" // texts always can be written
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// escape writes text for a query. Of what may stand in one as it is (RFC 3986,
// section 3.4), it leaves the most frequent characters, to save length; a
// semicolon is not one of them, as some servers part queries by it.
func escape(text string) string {
	return strings.NewReplacer("%3A", ":", "%40", "@", "%2C", ",", "%27", "'", "+", "%20").Replace(url.QueryEscape(text))
}
