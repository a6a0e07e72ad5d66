package view

import (
	"strings"

	"koppel/engine/record"
)

// Masked stands for a sensitive value.
const Masked = "‹sensitive›"

// maxValue is how many columns of a value are shown.
const maxValue = 60

// showValue shows the raw JSON of a field to a person: a before that is null is
// (none), an after that is null is (cleared).
func showValue(raw []byte, null string) string {
	switch record.KindOf(raw) {
	case record.Absent, record.Null:
		return null
	case record.String:
		text := string(record.AppendUnquoted(nil, raw))
		return Shorten(`"`+strings.ReplaceAll(Clean(text), `"`, `\"`), maxValue-1) + `"`
	}
	return Shorten(Clean(string(raw)), maxValue)
}

// showKey shows a key to a person.
func showKey(text string) string { return Shorten(Clean(text), maxKey) }

// maxKey is how many columns of a key are shown.
const maxKey = 64
