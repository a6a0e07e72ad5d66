package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"koppel/engine/record"
)

// content adds the digest of the file that a mapped record names. A file that
// can't be read fails the record: what was delivered stays.
func (m *mapper) content(body []byte) ([]byte, error) {
	path, ok := record.Text(record.Member(body, m.contents))
	if !ok || path == "" {
		return nil, &recordError{code: "required", field: m.contents, message: fmt.Sprintf("%s names no file", m.contents)}
	}
	sum, err := digestOf(m.dir, path)
	if err != nil {
		return nil, &recordError{code: "file", field: m.contents, message: fmt.Sprintf("%s: %v", path, err)}
	}
	from := len(m.out)
	m.out = appendMember(m.out, body, record.ContentField, sum)
	return m.out[from:len(m.out):len(m.out)], nil
}

// appendMember appends an object in body form with one more member, or with
// another value for it.
func appendMember(dst, body []byte, name, text string) []byte {
	put, first := false, true
	add := func(name string, raw []byte) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(record.AppendString(dst, name), ':'), raw...)
	}
	value := record.AppendString(nil, text)
	dst = append(dst, '{')
	record.Members(body, func(other string, raw []byte) bool {
		if !put && other >= name {
			add(name, value)
			put = true
		}
		if other != name {
			add(other, raw)
		}
		return true
	})
	if !put {
		add(name, value)
	}
	return append(dst, '}')
}

// digestOf is the SHA-256 of a file below a folder. Its errors name no place of
// the machine.
func digestOf(dir, path string) (string, error) {
	f, err := os.OpenInRoot(dir, filepath.FromSlash(path))
	if err != nil {
		return "", plainFileError(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return "", errors.New("it is no file")
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", plainFileError(err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func plainFileError(err error) error {
	var place *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no such file in the project's folder")
	case errors.As(err, &place):
		return place.Err
	}
	return err
}
