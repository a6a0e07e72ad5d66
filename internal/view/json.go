package view

import (
	"encoding/json"
	"fmt"
	"io"
)

// FormatVersion is the version of all JSON output.
const FormatVersion = "1.0"

// WriteJSON writes a value as one indented JSON object.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// list gives an empty list for none, so that JSON shows [].
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
