package alleyoop

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"strings"

	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// A form is an upload as it was sent.
type form struct {
	fields  map[string]string // by name in lower case
	name    string            // of the file
	content []byte
}

// upload takes a file of an instance. Each upload makes another file, also an
// equal one.
func (s *System) upload(x *traffic.Exchange) (any, error) {
	h := x.Request.Header
	f, err := readForm(x)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"X-action", "X-apiKey", "X-instanceId", "X-type"} {
		switch value := h.Get(name); {
		case value == "":
			return nil, refuse(http.StatusBadRequest, "header %s is missing", name)
		case f.fields[strings.ToLower(name)] != value:
			return nil, refuse(http.StatusBadRequest, "form field %s does not repeat the header", name)
		}
	}
	if f.name == "" || filepath.Base(f.name) != f.name || strings.Contains(f.name, `\`) {
		return nil, refuse(http.StatusBadRequest, "the form needs a part file with a base name as filename")
	}
	var answer map[string]any
	err = s.Data.Change(func(tx *dataset.Tx) (err error) {
		answer, err = s.keep(tx, h.Get("X-instanceId"), h.Get("X-type"), f)
		return err
	})
	if err != nil {
		return nil, err
	}
	x.Effect("upload", "files", h.Get("X-instanceId"), answer)
	return answer, nil
}

func (s *System) keep(tx *dataset.Tx, instance, kind string, f form) (map[string]any, error) {
	of := tx.Get("instances", instance)
	if of == nil {
		return nil, refuse(http.StatusNotFound, "process instance %s is unknown", instance)
	}
	r := dataset.Rand(s.o.Seed+uint64(len(tx.Rows("files"))), "upload")
	row := dataset.Row{
		"uploadId": fmt.Sprintf("%016X%016X", r.Uint64(), r.Uint64()), "instanceId": instance, "typeId": kind, "filename": f.name,
		"sha256": fmt.Sprintf("%x", sha256.Sum256(f.content)), "filesize": len(f.content), "filetime": s.o.Now().Format("2006-01-02 15:04:05"),
	}
	if _, err := tx.Insert("files", row); err != nil {
		return nil, err
	}
	client := tx.Get("clients", dataset.Text(of["clientId"]))
	label := strings.ToLower(strings.ReplaceAll(kind, "_", " "))
	return map[string]any{
		"uploadId": row["uploadId"], "typeLabel": strings.ToUpper(label[:1]) + label[1:], "typeId": kind, "clientId": of["clientId"],
		"clientName": client["name"], "apiName": "SANDBOX USER/ALLEYOOP", "processId": instance, "attachments": []string{f.name},
		"attachmentsInfo": []map[string]any{{
			"filename": f.name, "filesize": len(f.content), "filesizeinfo": fmt.Sprintf("%dkb", (len(f.content)+1023)/1024), "filetime": row["filetime"],
		}},
	}, nil
}

// readForm reads multipart/form-data: form fields, and one part named file.
func readForm(x *traffic.Exchange) (form, error) {
	f := form{fields: map[string]string{}}
	x.Request.Body = io.NopCloser(bytes.NewReader(x.Body))
	parts, err := x.Request.MultipartReader()
	if err != nil {
		return f, refuse(http.StatusUnsupportedMediaType, "Content-Type must be multipart/form-data")
	}
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return f, nil
		}
		if err != nil {
			return f, refuse(http.StatusBadRequest, "the form can't be read")
		}
		if err := f.take(p); err != nil {
			return f, err
		}
	}
}

func (f *form) take(p *multipart.Part) error {
	content, err := io.ReadAll(p)
	if err != nil {
		return refuse(http.StatusBadRequest, "the form can't be read")
	}
	if p.FormName() != "file" {
		f.fields[strings.ToLower(p.FormName())] = string(content)
		return nil
	}
	if f.name != "" {
		return refuse(http.StatusBadRequest, "the form has two files")
	}
	f.name, f.content = rawName(p), content
	return nil
}

// rawName is the filename as it was sent; Part.FileName cuts folders off.
func rawName(p *multipart.Part) string {
	_, params, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	if err != nil {
		return ""
	}
	return params["filename"]
}
