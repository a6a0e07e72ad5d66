package graph

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"koppel/internal/sandbox/dataset"
)

// A filter is a condition of $filter on users.
type filter struct {
	keep     func(dataset.Row) bool
	advanced bool // needs ConsistencyLevel: eventual and $count=true
}

// parseFilter reads a condition: eq, ne, in, startsWith, endsWith, not, and, or,
// parentheses, and a count of licences.
func parseFilter(text string) (f filter, err error) {
	p := &filterParser{rest: text}
	f.keep, err = p.or()
	f.advanced = p.advanced
	if err == nil && p.token() != "" {
		err = fmt.Errorf("syntax error at %q", p.rest)
	}
	return f, err
}

type filterParser struct {
	rest     string
	advanced bool
	depth    int
}

// token looks at the next word, sign or quoted text.
func (p *filterParser) token() string {
	p.rest = strings.TrimLeft(p.rest, " ")
	if p.rest == "" {
		return ""
	}
	if p.rest[0] == '\'' {
		for i := 1; i < len(p.rest); i++ {
			if p.rest[i] != '\'' {
				continue
			}
			if i+1 < len(p.rest) && p.rest[i+1] == '\'' {
				i++
				continue
			}
			return p.rest[:i+1]
		}
		return p.rest
	}
	if i := strings.IndexAny(p.rest, " (),'"); i > 0 {
		return p.rest[:i]
	} else if i < 0 {
		return p.rest
	}
	_, n := utf8.DecodeRuneInString(p.rest)
	return p.rest[:n]
}

func (p *filterParser) next() string {
	t := p.token()
	p.rest = p.rest[len(t):]
	return t
}

func (p *filterParser) take(word string) bool {
	if !strings.EqualFold(p.token(), word) {
		return false
	}
	p.next()
	return true
}

func (p *filterParser) want(word string) error {
	if !p.take(word) {
		return fmt.Errorf("syntax error: %q expected at %q", word, p.rest)
	}
	return nil
}

type condition = func(dataset.Row) bool

func (p *filterParser) or() (condition, error) {
	left, err := p.and()
	for err == nil && p.take("or") {
		var right condition
		if right, err = p.and(); err == nil {
			l := left
			left = func(row dataset.Row) bool { return l(row) || right(row) }
		}
	}
	return left, err
}

func (p *filterParser) and() (condition, error) {
	left, err := p.one()
	for err == nil && p.take("and") {
		var right condition
		if right, err = p.one(); err == nil {
			l := left
			left = func(row dataset.Row) bool { return l(row) && right(row) }
		}
	}
	return left, err
}

func (p *filterParser) one() (condition, error) {
	if p.depth++; p.depth > 50 {
		return nil, fmt.Errorf("the filter is too deep")
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("not"):
		p.advanced = true
		inner, err := p.one()
		return func(row dataset.Row) bool { return !inner(row) }, err
	case p.take("("):
		inner, err := p.or()
		if err == nil {
			err = p.want(")")
		}
		return inner, err
	}
	name := p.next()
	if strings.EqualFold(name, "startsWith") || strings.EqualFold(name, "endsWith") {
		return p.affix(strings.ToLower(name))
	}
	if list, ok := strings.CutSuffix(name, "/$count"); ok {
		return p.count(list)
	}
	if !slices.Contains(userProperties, name) {
		return nil, fmt.Errorf("invalid filter clause: %q is no property of a user", name)
	}
	return p.compare(name)
}

func (p *filterParser) compare(name string) (condition, error) {
	switch op := strings.ToLower(p.next()); op {
	case "eq", "ne":
		want, err := p.literal()
		p.advanced = p.advanced || op == "ne"
		return func(row dataset.Row) bool { return equal(row[name], want) == (op == "eq") }, err
	case "in":
		if err := p.want("("); err != nil {
			return nil, err
		}
		var wanted []any
		for {
			v, err := p.literal()
			if err != nil {
				return nil, err
			}
			if wanted = append(wanted, v); p.take(")") {
				break
			}
			if err := p.want(","); err != nil {
				return nil, err
			}
		}
		return func(row dataset.Row) bool {
			return slices.ContainsFunc(wanted, func(v any) bool { return equal(row[name], v) })
		}, nil
	default:
		return nil, fmt.Errorf("operator %q is not supported for %s", op, name)
	}
}

func (p *filterParser) affix(which string) (condition, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	name := p.next()
	if !slices.Contains(userProperties, name) {
		return nil, fmt.Errorf("invalid filter clause: %q is no property of a user", name)
	}
	if err := p.want(","); err != nil {
		return nil, err
	}
	want, err := p.literal()
	if err != nil {
		return nil, err
	}
	p.advanced = p.advanced || which == "endswith"
	fits := map[string]func(string, string) bool{"startswith": strings.HasPrefix, "endswith": strings.HasSuffix}[which]
	return func(row dataset.Row) bool {
		return row[name] != nil && fits(strings.ToLower(dataset.Text(row[name])), strings.ToLower(dataset.Text(want)))
	}, p.want(")")
}

// count compares the length of a list with 0.
func (p *filterParser) count(name string) (condition, error) {
	op := strings.ToLower(p.next())
	if number := p.next(); number != "0" || op != "eq" && op != "ne" || name != "assignedLicenses" {
		return nil, fmt.Errorf("only assignedLicenses/$count eq 0 and ne 0 are supported")
	}
	p.advanced = true
	return func(row dataset.Row) bool {
		list, _ := row[name].([]any)
		return (len(list) == 0) == (op == "eq")
	}, nil
}

func (p *filterParser) literal() (any, error) {
	t := p.next()
	switch {
	case len(t) > 1 && t[0] == '\'' && t[len(t)-1] == '\'':
		return strings.ReplaceAll(t[1:len(t)-1], "''", "'"), nil
	case t == "null":
		return nil, nil
	case t == "true" || t == "false":
		return t == "true", nil
	}
	return nil, fmt.Errorf("syntax error: a value expected at %q", t+p.rest)
}

// equal compares without regard to case, as the directory does.
func equal(have, want any) bool {
	if have == nil || want == nil {
		return have == nil && want == nil
	}
	return strings.EqualFold(dataset.Text(have), dataset.Text(want))
}
