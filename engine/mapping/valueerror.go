package mapping

import "strings"

// A ValueError says that a record has no result: a value does not convert, a
// condition is no true or false, a field is missing.
type ValueError struct {
	Field       string // mapped field, or where, key, each, on, map, deleted, protect
	Pos         Pos
	Offset, End int    // bytes in Program, -1 when the node as a whole
	Program     string // text of the expr or jq program; empty for other nodes
	Value       string // JSON of the value concerned, shortened; empty when there is none
	Sensitive   bool   // Value is not to be shown
	Problem     string // what is wrong, without the value
	Code        string
}

// Codes of value errors.
const (
	CodeType     = "type"     // a value of another type
	CodeConvert  = "convert"  // a value that does not convert
	CodeRequired = "required" // null or absent where a value is required
	CodeEmptyKey = "empty_key"
	CodeOutputs  = "outputs" // more than one output
	CodeLimit    = "limit"   // more work or output than a record may take
	CodeProgram  = "program" // a program failed by itself
)

// Error names the field, the place in the program and, unless it is
// sensitive, the value.
func (e *ValueError) Error() string {
	var b strings.Builder
	b.WriteString(e.Field)
	b.WriteString(": ")
	b.WriteString(e.Problem)
	if e.Value != "" && !e.Sensitive {
		b.WriteString(" (value ")
		b.WriteString(e.Value)
		b.WriteString(")")
	}
	if e.Program != "" && e.Offset >= 0 && e.Offset < len(e.Program) {
		b.WriteString(" at ")
		b.WriteString(excerpt(e.Program, e.Offset, e.End))
	}
	return b.String()
}

// excerpt quotes the part of a program that an error is about.
func excerpt(program string, from, to int) string {
	if to <= from || to > len(program) {
		to = len(program)
	}
	text := strings.Join(strings.Fields(program[from:to]), " ")
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60]) + "…"
	}
	return "`" + text + "`"
}
