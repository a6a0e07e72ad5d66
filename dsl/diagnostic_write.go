package dsl

import "fmt"

// place returns "file:line:column", the file alone, or "".
func (d Diagnostic) place() string {
	if d.File == "" || d.Range.Start.Line == 0 {
		return d.File
	}
	return fmt.Sprintf("%s:%d:%d", d.File, d.Range.Start.Line, d.Range.Start.Column)
}
