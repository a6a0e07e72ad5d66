package dsl

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/zclconf/go-cty/cty/function"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/ianaindex"
)

func encodeBase64(args []string) (string, error) {
	return base64.StdEncoding.EncodeToString([]byte(args[0])), nil
}

func decodeBase64(args []string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(args[0])
	if err != nil {
		return "", fmt.Errorf("failed to decode base64 data: %w", err)
	}
	if !utf8.Valid(b) {
		return "", errors.New("the result of decoding the provided string is not valid UTF-8")
	}
	return string(b), nil
}

func gzipBase64(args []string) (string, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(args[0]))
	// Terraform flushes, and its result is compared byte by byte.
	if err = errors.Join(err, w.Flush(), w.Close()); err != nil {
		return "", fmt.Errorf("compress: %w", err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

func gunzipBase64(args []string) (string, error) {
	const most = 64 << 20
	b, err := base64.StdEncoding.DecodeString(args[0])
	if err != nil {
		return "", fmt.Errorf("failed to decode base64 data: %w", err)
	}
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return "", fmt.Errorf("failed to gunzip bytestream: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("failed to gunzip bytestream: %w", err)
	case len(out) > most:
		return "", fmt.Errorf("the result is longer than %d bytes", most)
	case !utf8.Valid(out):
		return "", errors.New("the result of decoding the provided string is not valid UTF-8")
	}
	return string(out), nil
}

func encodeURL(args []string) (string, error) { return url.QueryEscape(args[0]), nil }

func decodeURL(args []string) (string, error) {
	s, err := url.QueryUnescape(args[0])
	if err != nil {
		return "", fmt.Errorf("failed to decode URL: %w", err)
	}
	return s, nil
}

func encodeText(args []string) (string, error) {
	enc, name, err := namedEncoding(args[1])
	if err != nil {
		return "", err
	}
	b, err := enc.NewEncoder().Bytes([]byte(args[0]))
	if err != nil {
		return "", function.NewArgErrorf(0, "the given string contains characters that cannot be represented in %s", name)
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

func decodeText(args []string) (string, error) {
	enc, name, err := namedEncoding(args[1])
	if err != nil {
		return "", err
	}
	b, err := base64.StdEncoding.DecodeString(args[0])
	if err != nil {
		return "", function.NewArgErrorf(0, "failed to decode base64 data: %w", err)
	}
	text, err := enc.NewDecoder().Bytes(b)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) {
		return "", function.NewArgErrorf(0, "the given string contains symbols that are not defined for %s", name)
	}
	return string(text), nil
}

func namedEncoding(name string) (encoding.Encoding, string, error) {
	enc, err := ianaindex.IANA.Encoding(name)
	if err != nil || enc == nil {
		return nil, "", function.NewArgErrorf(1, "%q is not a supported IANA encoding name or alias", name)
	}
	if official, err := ianaindex.IANA.Name(enc); err == nil {
		name = official
	}
	return enc, name, nil
}

func hashFunctions() map[string]function.Function {
	return map[string]function.Function{
		"base64sha256": hashFunc(sha256.New, base64.StdEncoding.EncodeToString),
		"base64sha512": hashFunc(sha512.New, base64.StdEncoding.EncodeToString),
		"md5":          hashFunc(md5.New, hex.EncodeToString),
		"sha1":         hashFunc(sha1.New, hex.EncodeToString),
		"sha256":       hashFunc(sha256.New, hex.EncodeToString),
		"sha512":       hashFunc(sha512.New, hex.EncodeToString),
		"uuidv5":       textFunc(nameUUID, "namespace", "name"),
	}
}

func hashFunc(algorithm func() hash.Hash, encode func([]byte) string) function.Function {
	return textFunc(func(args []string) (string, error) {
		h := algorithm()
		h.Write([]byte(args[0]))
		return encode(h.Sum(nil)), nil
	}, "str")
}

func nameUUID(args []string) (string, error) {
	var space uuid.UUID
	switch args[0] {
	case "dns":
		space = uuid.NameSpaceDNS
	case "url":
		space = uuid.NameSpaceURL
	case "oid":
		space = uuid.NameSpaceOID
	case "x500":
		space = uuid.NameSpaceX500
	default:
		var err error
		if space, err = uuid.Parse(args[0]); err != nil {
			return "", function.NewArgErrorf(0, `%q is no namespace; use "dns", "url", "oid", "x500" or a UUID`, args[0])
		}
	}
	return uuid.NewSHA1(space, []byte(args[1])).String(), nil
}
