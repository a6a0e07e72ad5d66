package connectortest

import (
	"fmt"
	"regexp"
)

// Text is a connector.Template for tests of kinds: names in braces are filled
// in as they are, without escapes. A name without a value is an error.
type Text string

var nameInBraces = regexp.MustCompile(`\{[a-z.]+\}`)

// Source is the text itself.
func (t Text) Source() string { return string(t) }

// Fill puts the values in.
func (t Text) Fill(values func(name string) (any, bool)) (string, error) {
	var err error
	filled := nameInBraces.ReplaceAllStringFunc(string(t), func(s string) string {
		v, ok := values(s[1 : len(s)-1])
		if !ok {
			err = fmt.Errorf("%s has no value", s)
		}
		return fmt.Sprint(v)
	})
	return filled, err
}
