package record

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"

	"github.com/zeebo/xxh3"
)

// A Hash stands for bytes, or for a record in canonical form.
type Hash [16]byte

// A Hasher makes hashes. It is for one goroutine at a time.
type Hasher struct {
	mac  hash.Hash // nil: hashes without a key
	sum  []byte
	norm normalizer
}

// NewHasher returns a hasher. Without a key its hashes are xxh3 of 128 bits,
// which tell accidental differences apart; with one they are HMAC-SHA256 cut
// to 128 bits, which say nothing of what was hashed to those without the key.
func NewHasher(key []byte) *Hasher {
	h := &Hasher{norm: newNormalizer()}
	if key != nil {
		h.mac = hmac.New(sha256.New, key)
	}
	return h
}

// Bytes hashes b as it is.
func (h *Hasher) Bytes(b []byte) Hash {
	if h.mac == nil {
		return xxh3.Hash128(b).Bytes()
	}
	h.mac.Reset()
	h.mac.Write(b)
	h.sum = h.mac.Sum(h.sum[:0])
	return Hash(h.sum[:16])
}

// Record hashes the canonical form of a record, with the rules applied: two
// records have the same hash when Differ names no field. A body that is not
// one strict JSON value is a *SyntaxError.
func (h *Hasher) Record(body []byte, rules Rules) (Hash, error) {
	normal, err := h.norm.record(body, rules)
	if err != nil {
		return Hash{}, err
	}
	return h.Bytes(normal), nil
}

// Canonical is Record for a body that is known to be in canonical form, and is
// not looked at.
func (h *Hasher) Canonical(body []byte, rules Rules) Hash {
	return h.Bytes(h.norm.ruled(body, rules))
}
