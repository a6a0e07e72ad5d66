package alleyoopfiles

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/alleyoop"
)

// maxFile bounds a file, which is held in memory while it is sent.
const maxFile = 256 << 20

type sink struct {
	client *alleyoop.Client
	root   *os.Root
}

// Traits says that nothing is sent twice and that the content counts.
func (s *sink) Traits() connector.Traits {
	return connector.Traits{Journalled: true, Additive: true, Content: "path", Identity: s.client.Identity("files")}
}

// Close lets the project's folder go.
func (s *sink) Close() error { return s.root.Close() }

// Fits tells whether the fields of an upload are mapped.
func (*Config) Fits(shape record.Shape) error {
	fields := append(alleyoop.DossierFields(), "type", "path", record.ContentField)
	if slices.ContainsFunc(shape.Fields, func(f record.Field) bool { return f.Name == "instanceId" }) {
		fields = []string{"instanceId", "type", "path", record.ContentField}
		named := slices.DeleteFunc(slices.Clone(shape.Fields), func(f record.Field) bool {
			return slices.Contains(alleyoop.DossierFields(), f.Name)
		})
		shape.Fields = named
	}
	return alleyoop.CheckShape(shape, fields...)
}

// An upload is what a mapped record asks for.
type upload struct {
	instance string           // empty: that of the dossier
	dossier  alleyoop.Dossier // empty: the instance is named
	kind     string
	path     string
	digest   string
}

// same tells whether two uploads add the same file to the same instance.
func (u upload) same(other upload) bool {
	u.path, other.path = path.Base(filepath.ToSlash(u.path)), path.Base(filepath.ToSlash(other.path))
	return u == other
}

func uploadOf(body []byte) (u upload, err error) {
	if id, ok := record.Text(record.Member(body, "instanceId")); ok && id != "" {
		u.instance, err = alleyoop.FieldOf(body, "instanceId")
	} else if u.dossier, err = alleyoop.DossierOf(body); err != nil {
		err = fmt.Errorf("instanceId is empty, so the four fields of the instance are needed: %w", err)
	}
	if err != nil {
		return u, err
	}
	var ok bool
	if u.kind, ok = record.Text(record.Member(body, "type")); !ok || strings.TrimSpace(u.kind) == "" {
		return u, errors.New("type is empty, and AlleyOop needs it, such as CONCEPT_JAARREKENING")
	}
	if err := alleyoop.Checked("type", u.kind); err != nil {
		return u, err
	}
	if u.path, ok = record.Text(record.Member(body, "path")); !ok || u.path == "" {
		return u, errors.New("path is empty")
	}
	u.digest, _ = record.Text(record.Member(body, record.ContentField))
	return u, nil
}

// Write adds the files one after the other.
func (s *sink) Write(ctx context.Context, changes []record.Change) ([]connector.Outcome, error) {
	var all []connector.Outcome
	for _, c := range changes {
		out, err := s.one(ctx, c)
		if err != nil {
			return all, err
		}
		all = append(all, out)
	}
	return all, nil
}

func (s *sink) one(ctx context.Context, c record.Change) (connector.Outcome, error) {
	if c.Op != record.Create && c.Op != record.Update {
		return alleyoop.Refusal("AlleyOop takes no file back"), nil
	}
	u, err := uploadOf(c.After)
	if err != nil {
		return alleyoop.Refusal(err.Error()), nil
	}
	if before, err := uploadOf(c.Before); c.Op == record.Update && err == nil && before.same(u) {
		return connector.Outcome{}, nil
	}
	f := alleyoop.File{InstanceID: u.instance, Type: u.kind, Name: path.Base(filepath.ToSlash(u.path))}
	if f.Content, err = s.content(u); err != nil {
		return alleyoop.Refusal(err.Error()), nil
	}
	if f.InstanceID == "" {
		var out connector.Outcome
		if f.InstanceID, out, err = s.instance(ctx, u.dossier); f.InstanceID == "" {
			return out, err
		}
	}
	id, err := s.client.Upload(ctx, f)
	if err != nil {
		return alleyoop.Outcome(err)
	}
	answer := record.AppendString([]byte(`{"uploadId":`), id)
	return connector.Outcome{Answer: append(answer, '}')}, nil
}

// instance finds the id of a dossier's instance; empty: there is an outcome or
// an error instead.
func (s *sink) instance(ctx context.Context, d alleyoop.Dossier) (string, connector.Outcome, error) {
	found, err := s.client.Instances(ctx, d)
	if err != nil {
		out, err := alleyoop.LookOutcome(err)
		return "", out, err
	}
	switch len(found) {
	case 0:
		return "", alleyoop.Refusal(fmt.Sprintf("there is no instance of %s; make it first", d)), nil
	case 1:
		return found[0].ID, connector.Outcome{}, nil
	}
	return "", alleyoop.Refusal(fmt.Sprintf("%d instances exist of %s: %s; map instanceId", len(found), d, alleyoop.IDs(found))), nil
}

// content reads the file of an upload. It must be what was compared: a file
// that was written to since then is for the next run.
func (s *sink) content(u upload) ([]byte, error) {
	f, err := s.root.Open(filepath.FromSlash(u.path))
	if err != nil {
		var place *fs.PathError
		if errors.As(err, &place) {
			err = place.Err
		}
		return nil, fmt.Errorf("read %s: %w", u.path, err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: it can't be read", u.path)
	case len(content) > maxFile:
		return nil, fmt.Errorf("%s is larger than %d MiB, the most that is sent", u.path, maxFile>>20)
	}
	sum := sha256.Sum256(content)
	if got := hex.EncodeToString(sum[:]); u.digest != "" && got != u.digest {
		return nil, fmt.Errorf("%s has changed since it was compared; the next run sends it as it is then", u.path)
	}
	return content, nil
}

// Check asks AlleyOop for its process definitions.
func (s *sink) Check(ctx context.Context) error { return s.client.Check(ctx) }
