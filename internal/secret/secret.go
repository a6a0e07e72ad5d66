// Package secret fetches secrets from where they are kept: the environment,
// files, the keyring of the operating system, HashiCorp Vault.
package secret

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zalando/go-keyring"
)

// ErrNotFound says that a place holds no secret: an environment variable that
// is not set, a file, key or field that does not exist, or an empty one.
var ErrNotFound = errors.New("there is no such secret")

const (
	forms = "env:NAME, file:PATH, keyring:SERVICE/USER or vault:PATH#FIELD"
	// A back end that hangs must not hang a run.
	patience = 10 * time.Second
	mostSize = 1 << 20
)

// A reference says where a secret is kept.
type reference struct{ scheme, place, field string }

// Check reports whether ref has the form of a reference. It reads nothing.
func Check(ref string) error {
	_, err := parse(ref)
	return err
}

// parse never repeats ref in an error: the secret itself may stand there by
// mistake.
func parse(ref string) (reference, error) {
	scheme, place, found := strings.Cut(ref, ":")
	r := reference{scheme: scheme, place: place}
	switch {
	case !found:
		return r, errors.New("find a secret: its name must begin with where it is kept: " + forms)
	case scheme == "env" || scheme == "file":
		if place == "" {
			return r, fmt.Errorf("find a secret: nothing stands behind %q", scheme+":")
		}
	case scheme == "keyring":
		i := strings.LastIndexByte(place, '/')
		if i <= 0 || i == len(place)-1 {
			return r, errors.New("find a secret: the keyring needs keyring:SERVICE/USER")
		}
		r.place, r.field = place[:i], place[i+1:]
	case scheme == "vault":
		path, field, _ := strings.Cut(place, "#")
		r.place, r.field = strings.Trim(path, "/"), field
		if r.place == "" || field == "" {
			return r, errors.New("find a secret: Vault needs vault:PATH#FIELD, such as vault:secret/shop#token")
		}
	default:
		return r, errors.New("find a secret: this place is unknown; there are " + forms)
	}
	return r, nil
}

// Resolve returns the secret that ref names: "env:NAME", "file:PATH" (relative
// to dir; one line end at its end is removed), "keyring:SERVICE/USER" or
// "vault:PATH#FIELD" (KV version 1 or 2, by VAULT_ADDR, VAULT_TOKEN and, if
// they are set, VAULT_NAMESPACE and VAULT_CACERT). environ looks up an
// environment variable. An error wraps ErrNotFound where the place exists
// without the secret; no error contains a secret.
func Resolve(ctx context.Context, ref, dir string, environ func(string) (string, bool)) (string, error) {
	return resolver{dir: dir, environ: environ, keyring: keyring.Get}.resolve(ctx, ref)
}

type resolver struct {
	dir     string
	environ func(string) (string, bool)
	keyring func(service, user string) (string, error)
}

func (r resolver) resolve(ctx context.Context, ref string) (string, error) {
	at, err := parse(ref)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var value, name string
	switch at.scheme {
	case "env":
		name = "environment variable " + at.place
		value, err = r.env(at.place)
	case "file":
		name = "file " + at.place
		value, err = readFile(r.dir, at.place)
	case "keyring":
		name = fmt.Sprintf("keyring entry of service %q and user %q", at.place, at.field)
		value, err = r.fromKeyring(ctx, at.place, at.field)
	default:
		name = fmt.Sprintf("field %q of %s in Vault", at.field, at.place)
		value, err = r.fromVault(ctx, at.place, at.field)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("read the %s: %w", name, err)
	case value == "":
		return "", fmt.Errorf("read the %s: it is empty: %w", name, ErrNotFound)
	case !utf8.ValidString(value):
		return "", fmt.Errorf("read the %s: it is not UTF-8 text", name)
	}
	return value, nil
}

func (r resolver) env(name string) (string, error) {
	value, ok := r.environ(name)
	if !ok {
		return "", fmt.Errorf("it is not set: %w", ErrNotFound)
	}
	return value, nil
}

func (r resolver) fromKeyring(ctx context.Context, service, user string) (string, error) {
	type answer struct {
		value string
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := r.keyring(service, user) // takes no context
		answers <- answer{value, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case a := <-answers:
		if errors.Is(a.err, keyring.ErrNotFound) {
			return "", ErrNotFound
		}
		return a.value, a.err
	}
}
