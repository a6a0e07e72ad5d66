package record

import (
	"encoding/binary"
	"errors"
	"strings"
)

// A Key identifies a record among those of its source or pipeline. Keys are
// compared as bytes. A key of one part is that part's text; a key of several
// parts is a zero byte and then each part behind its length, so that no two
// different lists of parts give the same key.
type Key string

// ErrEmptyKey says that a part of a key is missing, null or empty.
var ErrEmptyKey = errors.New("the key is empty")

// MakeKey joins parts, the texts of scalars, to one key.
func MakeKey(parts ...string) (Key, error) {
	for _, p := range parts {
		if p == "" {
			return "", ErrEmptyKey
		}
	}
	if len(parts) == 1 && parts[0][0] != 0 {
		return Key(parts[0]), nil
	}
	if len(parts) == 0 {
		return "", ErrEmptyKey
	}
	b := []byte{0}
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	return Key(b), nil
}

// Parts gives back what MakeKey joined.
func (k Key) Parts() []string {
	if k == "" {
		return nil
	}
	if k[0] != 0 {
		return []string{string(k)}
	}
	var parts []string
	for b := []byte(k[1:]); len(b) > 0; {
		n, w := binary.Uvarint(b)
		if w <= 0 || uint64(len(b)-w) < n {
			return append(parts, string(b))
		}
		parts = append(parts, string(b[w:w+int(n)]))
		b = b[w+int(n):]
	}
	return parts
}

// String shows the key to a person: its parts joined by a slash.
func (k Key) String() string { return strings.Join(k.Parts(), "/") }
