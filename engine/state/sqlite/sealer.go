package sqlite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"koppel/engine/record"
)

const (
	sealVersion = 1
	nonceSize   = 12
	sealCost    = 1 + nonceSize + 16
	// minKey is the least number of bytes of a state key.
	minKey = 16
)

var errUnseal = errors.New("sealed bytes do not open")

// A sealer protects bytes under keys that are derived from one state key. It
// is safe for concurrent use.
type sealer struct {
	aead   cipher.AEAD
	hasher []byte
	check  []byte // the sealed text in the table meta that this sealer opened
}

func newSealer(key []byte) (*sealer, error) {
	if len(key) < minKey {
		return nil, fmt.Errorf("the state key has %d bytes; it needs %d or more", len(key), minKey)
	}
	body, err := hkdf.Key(sha256.New, key, nil, "koppel state bodies", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the sealing key: %w", err)
	}
	mac, err := hkdf.Key(sha256.New, key, nil, "koppel state hashes", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the hashing key: %w", err)
	}
	block, err := aes.NewCipher(body)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	return &sealer{aead: aead, hasher: mac}, nil
}

// newHasher makes the hashes of sealed rows; those of a nil sealer have no key.
func (s *sealer) newHasher() *record.Hasher {
	if s == nil {
		return record.NewHasher(nil)
	}
	return record.NewHasher(s.hasher)
}

// seal appends a version byte, a fresh nonce and the sealed plain to dst.
// place ties the result to where it is stored.
func (s *sealer) seal(dst, plain, place []byte) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, 1+nonceSize)...)
	dst[at] = sealVersion
	nonce := dst[at+1 : at+1+nonceSize]
	rand.Read(nonce) // never fails
	return s.aead.Seal(dst, nonce, plain, place)
}

// unseal appends what was sealed for place to dst.
func (s *sealer) unseal(dst, sealed, place []byte) ([]byte, error) {
	if len(sealed) < sealCost || sealed[0] != sealVersion {
		return nil, errUnseal
	}
	out, err := s.aead.Open(dst, sealed[1:1+nonceSize], sealed[1+nonceSize:], place)
	if err != nil {
		return nil, errUnseal
	}
	return out, nil
}

// appendPlace names a row's column, so that sealed bytes can't be moved to
// another row: the table, the id of its owner and the parts of its key.
func appendPlace(dst []byte, table string, owner int64, key ...string) []byte {
	dst = append(dst, table...)
	dst = append(dst, 0)
	dst = binary.AppendVarint(dst, owner)
	for i, k := range key {
		if i < len(key)-1 {
			dst = binary.AppendUvarint(dst, uint64(len(k)))
		}
		dst = append(dst, k...)
	}
	return dst
}

// join packs several fields into one, each but the last behind its length.
func join(dst []byte, fields ...[]byte) []byte {
	for i, f := range fields {
		if i < len(fields)-1 {
			dst = binary.AppendUvarint(dst, uint64(len(f)))
		}
		dst = append(dst, f...)
	}
	return dst
}

// split gives the first field of what join packed, and the rest. An empty
// field is nil.
func split(b []byte) (first, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return nil, nil, false
	}
	first, rest = b[w:w+int(n):w+int(n)], b[w+int(n):]
	if len(first) == 0 {
		first = nil
	}
	if len(rest) == 0 {
		rest = nil
	}
	return first, rest, true
}
