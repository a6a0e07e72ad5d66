package plan

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// NewID returns a ULID: 26 characters that sort by time to the millisecond. It
// fails only when rand does.
func NewID(now time.Time, rand io.Reader) (string, error) {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	var b [16]byte
	if _, err := io.ReadFull(rand, b[6:]); err != nil {
		return "", fmt.Errorf("make a plan id: %w", err)
	}
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(b[:6], ms[2:])
	hi, lo := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	var text [26]byte
	for i := len(text) - 1; i >= 0; i-- {
		text[i] = alphabet[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(text[:]), nil
}
