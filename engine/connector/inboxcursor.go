package connector

import (
	"encoding/binary"
	"encoding/hex"
)

// InboxCursor marks a place in an inbox: the events up to a sequence were read.
func InboxCursor(id string, seq uint64) Cursor {
	b, err := hex.DecodeString(id)
	if err != nil || id == "" {
		return nil // there is no inbox yet
	}
	return binary.BigEndian.AppendUint64(b, seq)
}

// InboxPlace gives the sequence that a cursor marks: 0, the beginning, when it is of
// another inbox, or of a later one than an earlier copy that was put in its
// place.
func InboxPlace(c Cursor, id string, last uint64) uint64 {
	if len(c) < 8 || hex.EncodeToString(c[:len(c)-8]) != id {
		return 0
	}
	if seq := binary.BigEndian.Uint64(c[len(c)-8:]); seq <= last {
		return seq
	}
	return 0
}
