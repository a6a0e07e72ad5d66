package alleyoop

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"

	"koppel/engine/record"
	"koppel/internal/httpclient"
)

// A File is what is added to an instance. Type is free text that the office
// defines; Name is a base name.
type File struct {
	InstanceID, Type, Name string
	Content                []byte
}

// Upload adds a file and gives the id of the upload. It never makes the request
// twice: when the error is neither a refusal nor says that nothing was sent,
// the file may be there.
func (c *Client) Upload(ctx context.Context, f File) (string, error) {
	body, contentType, err := c.form(f)
	if err != nil {
		return "", err
	}
	resp, err := c.do(ctx, call{
		method: http.MethodPost, action: "files", headers: []Header{{"instanceId", f.InstanceID}, {"type", f.Type}},
		request: httpclient.Request{Body: body, ContentType: contentType, Repeat: httpclient.Never, Expect: httpclient.JSONOrEmpty},
	})
	if err != nil {
		return "", err
	}
	var answer struct{ UploadID json.RawMessage }
	if len(bytes.TrimSpace(resp.Body)) > 0 {
		if err := json.Unmarshal(resp.Body, &answer); err != nil {
			return "", fmt.Errorf("AlleyOop took the file and its answer is no upload: %w", err)
		}
	}
	id, _ := record.Text(answer.UploadID)
	if id == "" {
		return "", fmt.Errorf("AlleyOop took the file and its answer has no uploadId")
	}
	return id, nil
}

// form makes the body of an upload: the four headers again as fields, and then
// the file.
func (c *Client) form(f File) (body []byte, contentType string, err error) {
	var b bytes.Buffer
	b.Grow(len(f.Content) + 2048)
	w := multipart.NewWriter(&b)
	for _, field := range []Header{{"X-action", "files"}, {"X-apiKey", string(c.key())}, {"X-instanceId", f.InstanceID}, {"X-type", f.Type}} {
		if err := w.WriteField(field.Name, field.Value); err != nil {
			return nil, "", err
		}
	}
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", `form-data; name="file"; filename="`+quoted.Replace(f.Name)+`"`)
	header.Set("Content-Type", "application/octet-stream")
	part, err := w.CreatePart(header)
	if err != nil {
		return nil, "", err
	}
	if _, err := part.Write(f.Content); err != nil {
		return nil, "", err
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return b.Bytes(), w.FormDataContentType(), nil
}

var quoted = strings.NewReplacer("\\", "\\\\", `"`, `\"`, "\r", "", "\n", "")
