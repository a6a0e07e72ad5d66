package console

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"slices"
	"time"

	"koppel/engine/state"
)

// The roles of tokens: what a viewer may do, an admin may too.
const (
	Viewer = "viewer" // look
	Admin  = "admin"  // run, decide, undo
)

// Roles lists the roles of tokens.
func Roles() []string { return []string{Viewer, Admin} }

// secretPrefix lets people and programs that search for leaked secrets see what
// a secret is for.
const secretPrefix = "koppel_"

var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// NewToken makes a token with a secret of 256 random bits, which is kept nowhere
// else. lasting 0: it does not expire.
func NewToken(name, role string, lasting time.Duration, now time.Time, random io.Reader) (t state.Token, secret string, err error) {
	switch {
	case !tokenName.MatchString(name):
		return t, "", fmt.Errorf("token %q: name it by at most 64 letters, digits, dots, dashes and underscores", name)
	case !slices.Contains(Roles(), role):
		return t, "", fmt.Errorf("role %q is neither %s nor %s", role, Viewer, Admin)
	}
	var bits [32]byte
	if _, err := io.ReadFull(random, bits[:]); err != nil {
		return t, "", fmt.Errorf("make a secret: %w", err)
	}
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(bits[:])
	t = state.Token{Name: name, Role: role, Hash: hash(secret), Created: now}
	if lasting > 0 {
		t.Expires = now.Add(lasting)
	}
	return t, secret, nil
}

// Random is where secrets come from.
func Random() io.Reader { return rand.Reader }

// hash needs no salt and no slowness: a secret of 256 random bits can't be
// guessed.
func hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// find gives the token that a secret belongs to, looking at all of them in a
// time that tells nothing.
func find(all []state.Token, secret string) (found state.Token, ok bool) {
	want := hash(secret)
	for _, t := range all {
		if subtle.ConstantTimeCompare(t.Hash, want) == 1 {
			found, ok = t, true
		}
	}
	return found, ok
}
