package dsl

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A textTemplate is a text with names in braces: {src.x}, {key}. Doubled
// braces are literal ones, and so is a brace before anything that is not such
// a name.
type textTemplate struct {
	source string
	parts  []templatePart
}

// A templatePart is a literal text, or a name to fill in.
type templatePart struct{ literal, name string }

var templateName = regexp.MustCompile(`^\{((?:src|record|item)(?:\.[^{}\s.]+)+|key|id|op|page|cursor|today|now|from|to|topic|pipeline)\}`)

// parseTemplate reads a template; every text is one.
func parseTemplate(text string) *textTemplate {
	t := &textTemplate{source: text}
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			t.parts = append(t.parts, templatePart{literal: literal.String()})
			literal.Reset()
		}
	}
	for rest := text; rest != ""; {
		if strings.HasPrefix(rest, "{{") || strings.HasPrefix(rest, "}}") {
			literal.WriteByte(rest[0])
			rest = rest[2:]
			continue
		}
		if m := templateName.FindStringSubmatch(rest); m != nil {
			flush()
			t.parts = append(t.parts, templatePart{name: m[1]})
			rest = rest[len(m[0]):]
			continue
		}
		literal.WriteByte(rest[0])
		rest = rest[1:]
	}
	flush()
	return t
}

// Source is the template as it was written.
func (t *textTemplate) Source() string { return t.source }

// Fill puts the values in; null is nothing. The values must be escaped for
// where they stand.
func (t *textTemplate) Fill(values func(name string) (any, bool)) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			b.WriteString(p.literal)
			continue
		}
		value, ok := values(p.name)
		if !ok {
			return "", fmt.Errorf("fill in the template: there is no value for {%s}", p.name)
		}
		text, err := templateText(value)
		if err != nil {
			return "", fmt.Errorf("fill in {%s}: %w", p.name, err)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

func templateText(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case json.Number:
		return v.String(), nil
	}
	return "", fmt.Errorf("a %T has no text", value)
}
