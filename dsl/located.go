package dsl

import (
	"fmt"
	"strings"

	"koppel/engine/mapping"
)

// Located finds an expression in the project's files: its text, and its place as
// FILE:LINE. Both are empty when it is not there.
func (p *Project) Located(pos mapping.Pos) (text, place string) {
	file, at := p.Place(pos, -1, -1)
	body := p.Files[file]
	if at.Start.Byte < 0 || at.End.Byte > len(body) || at.Start.Byte >= at.End.Byte {
		return "", ""
	}
	return strings.TrimSpace(string(body[at.Start.Byte:at.End.Byte])), fmt.Sprintf("%s:%d", file, at.Start.Line)
}
