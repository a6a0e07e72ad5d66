package engine

import (
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"koppel/engine/plan"
	"koppel/engine/record"
)

const mask = "‹sensitive›"

// shortValue is the length under which a value is masked only where it stands
// by itself: 12 is not masked in 2012.
const shortValue = 4

// masked takes the values of sensitive fields out of what a target said of a
// record: targets like to repeat what they refuse.
func (w *work) masked(message string, entries ...plan.Entry) string {
	if !w.s.Project.Sensitive || message == "" {
		return message
	}
	values := map[string]bool{}
	for i := range entries {
		for _, body := range [][]byte{entries[i].Before, entries[i].After} {
			for name, raw := range members(body) {
				if w.sensitive(name) {
					collectText(raw, values)
				}
			}
		}
	}
	forms := map[string]bool{}
	for text := range values {
		for _, form := range []string{text, jsonInner(text), url.QueryEscape(text), url.PathEscape(text), html.EscapeString(text)} {
			if strings.Contains(message, form) {
				forms[form] = true
			}
		}
	}
	list := make([]string, 0, len(forms))
	for form := range forms {
		list = append(list, form)
	}
	slices.SortFunc(list, func(a, b string) int { return len(b) - len(a) })
	for _, form := range list {
		message = maskOne(message, form)
	}
	return message
}

// sensitive tells whether a mapped field is not shown.
func (w *work) sensitive(name string) bool {
	for _, f := range w.p.Fields {
		if f.Name == name && f.Sensitive {
			return true
		}
	}
	return w.p.Program != nil && w.p.Program.Sensitive(name)
}

// collectText gathers the texts and numbers of a value, at any depth, and the
// longer words of texts that were put together of several.
func collectText(raw []byte, into map[string]bool) {
	switch record.KindOf(raw) {
	case record.Absent, record.Null, record.Bool:
	case record.Object, record.List:
		v, err := record.Decode(raw)
		if err == nil {
			collectValue(v, into)
		}
	default:
		if text, ok := record.Text(raw); ok {
			addText(text, into)
		}
	}
}

func collectValue(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for _, one := range v {
			collectValue(one, into)
		}
	case []any:
		for _, one := range v {
			collectValue(one, into)
		}
	case nil, bool:
	default:
		raw, err := record.Append(nil, v)
		if err == nil {
			collectText(raw, into)
		}
	}
}

func addText(text string, into map[string]bool) {
	if text == "" {
		return
	}
	into[text] = true
	for _, word := range strings.Fields(text) {
		if len(word) >= 2*shortValue {
			into[word] = true
		}
	}
}

// jsonInner is a text as it stands inside the quotes of JSON.
func jsonInner(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		return text
	}
	return string(b[1 : len(b)-1])
}

// maskOne masks every place of a value; of a short one, those where it is no
// part of a longer word.
func maskOne(message, value string) string {
	if len(value) >= shortValue {
		return strings.ReplaceAll(message, value, mask)
	}
	var b strings.Builder
	for {
		i := strings.Index(message, value)
		if i < 0 {
			b.WriteString(message)
			return b.String()
		}
		end := i + len(value)
		before, _ := utf8.DecodeLastRuneInString(message[:i])
		after, _ := utf8.DecodeRuneInString(message[end:])
		b.WriteString(message[:i])
		if isWord(before) || isWord(after) {
			b.WriteString(value)
		} else {
			b.WriteString(mask)
		}
		message = message[end:]
	}
}

func isWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// A maskedError says less than the error in it.
type maskedError struct {
	text string
	err  error
}

func (e *maskedError) Error() string { return e.text }

func (e *maskedError) Unwrap() error { return e.err }

// maskedErr is err without the values of sensitive fields.
func (w *work) maskedErr(err error, entries []plan.Entry) error {
	if err == nil {
		return nil
	}
	if text := w.masked(err.Error(), entries...); text != err.Error() {
		return &maskedError{text: text, err: err}
	}
	return err
}
