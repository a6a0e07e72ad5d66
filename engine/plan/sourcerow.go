package plan

import (
	"encoding/binary"

	"koppel/engine/record"
)

const (
	rowGone = 1 << iota
	rowBody
	rowUnknown
)

func appendSourceRow(dst []byte, r *SourceRow) []byte {
	var has byte
	if r.Gone {
		has |= rowGone
	}
	if r.Body != nil {
		has |= rowBody
	}
	dst = append(dst, has)
	dst = binary.AppendUvarint(dst, r.Order)
	dst = appendText(dst, r.Part)
	dst = appendText(dst, r.Key)
	dst = append(dst, r.Hash[:]...)
	dst = appendText(dst, r.Lo)
	dst = appendText(dst, r.Hi)
	dst = appendText(dst, r.Reason)
	if r.Body != nil {
		dst = appendText(dst, r.Body)
	}
	return dst
}

// sourceRow fills r, whose Body then lies in the cursor's bytes. It reports
// false when the bytes are not exactly one row.
func (c *cursor) sourceRow(r *SourceRow) bool {
	has := c.byte()
	*r = SourceRow{
		Gone:   has&rowGone != 0,
		Order:  c.uvarint(),
		Part:   c.name(),
		Key:    record.Key(c.text()),
		Hash:   c.hash(),
		Lo:     c.text(),
		Hi:     c.text(),
		Reason: c.name(),
	}
	if has&rowBody != 0 {
		r.Body = c.bytes()
	}
	return has < rowUnknown && !c.bad && len(c.b) == 0
}
