package alleyoop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"koppel/engine/record"
	"koppel/internal/httpclient"
)

// A Dossier is what names one process instance: a client's work of one kind for
// one period. Dates are YYYY-MM-DD.
type Dossier struct{ ClientID, ProcessKey, PeriodStart, PeriodEnd string }

// DossierFields are the mapped fields that name an instance.
func DossierFields() []string { return []string{"clientId", "processKey", "periodStart", "periodEnd"} }

// DossierOf reads the four fields of a mapped record. What is missing, no date,
// or can't be a header is an error.
func DossierOf(body []byte) (Dossier, error) {
	var d Dossier
	for i, to := range []*string{&d.ClientID, &d.ProcessKey, &d.PeriodStart, &d.PeriodEnd} {
		name := DossierFields()[i]
		text, err := FieldOf(body, name)
		if err != nil {
			return d, err
		}
		*to = text
	}
	for _, date := range []struct{ name, value string }{{"periodStart", d.PeriodStart}, {"periodEnd", d.PeriodEnd}} {
		if _, err := time.Parse(time.DateOnly, date.value); err != nil {
			return d, fmt.Errorf("%s is no date of the form YYYY-MM-DD; date(…) makes one", date.name)
		}
	}
	if d.PeriodEnd < d.PeriodStart {
		return d, errors.New("periodEnd is before periodStart")
	}
	return d, nil
}

// FieldOf reads a field of a mapped record that travels in a header: ids are
// texts, also where they look like numbers. What is missing or can't be a
// header, or would not come back the same, is an error.
func FieldOf(body []byte, name string) (string, error) {
	raw := record.Member(body, name)
	text, ok := record.Text(raw)
	switch kind := record.KindOf(raw); {
	case kind == record.Absent || kind == record.Null || ok && strings.TrimSpace(text) == "":
		return "", fmt.Errorf("%s is empty, and AlleyOop needs it", name)
	case !ok:
		return "", fmt.Errorf("%s is a %s, not a text", name, kind)
	}
	text = strings.TrimSpace(text)
	for _, r := range text {
		if r > 0x7e {
			return "", fmt.Errorf("%s holds the character %q, which a header can't carry", name, r)
		}
	}
	return text, Checked(name, text)
}

func (d Dossier) headers() []Header {
	return []Header{{"clientId", d.ClientID}, {"processKey", d.ProcessKey}, {"periodStart", d.PeriodStart}, {"periodEnd", d.PeriodEnd}}
}

// String names the dossier for people.
func (d Dossier) String() string {
	return fmt.Sprintf("client %s, process %s, %s to %s", d.ClientID, d.ProcessKey, d.PeriodStart, d.PeriodEnd)
}

// An Instance is a process instance as AlleyOop tells of it.
type Instance struct {
	ID      string
	Dossier Dossier
}

// instanceOf reads an instance. ID is empty when it has none.
func instanceOf(raw []byte) Instance {
	text := func(name string) string {
		t, _ := record.Text(bytes.TrimSpace(record.Member(raw, name)))
		return strings.TrimSpace(t)
	}
	return Instance{text("instanceId"), Dossier{text("clientId"), text("processKey"), text("periodStart"), text("periodEnd")}}
}

// is tells whether an instance is that of the dossier. A field that the answer
// leaves out is what was asked for. Case counts for nothing: taking one
// instance for another creates none, the other way round creates two.
func (i Instance) is(d Dossier) bool {
	same := func(got, want string) bool { return got == "" || strings.EqualFold(got, want) }
	day := func(got, want string) bool {
		if len(got) > len(want) && (got[len(want)] == 'T' || got[len(want)] == ' ') {
			got = got[:len(want)]
		}
		return got == "" || got == want
	}
	return same(i.Dossier.ClientID, d.ClientID) && same(i.Dossier.ProcessKey, d.ProcessKey) &&
		day(i.Dossier.PeriodStart, d.PeriodStart) && day(i.Dossier.PeriodEnd, d.PeriodEnd)
}

// Instances gives those of a dossier: one when it exists. Others that a server
// answers as well are left out.
func (c *Client) Instances(ctx context.Context, d Dossier) ([]Instance, error) {
	list, err := c.List(ctx, ProcessInstances, d.headers())
	if err != nil {
		return nil, err
	}
	var found []Instance
	for _, raw := range list {
		if err := record.Valid(raw, record.Limits{}); err != nil {
			return nil, fmt.Errorf("read the instances of %s: %w", d, err)
		}
		if i := instanceOf(raw); i.is(d) {
			if i.ID == "" {
				return nil, fmt.Errorf("read the instances of %s: one has no instanceId", d)
			}
			found = append(found, i)
		}
	}
	return found, nil
}

// Create makes the instance of a dossier and gives its id. It never makes the
// request twice: when the error is neither a refusal nor says that nothing was
// sent, the instance may exist. An answer without an id is such an error.
func (c *Client) Create(ctx context.Context, d Dossier) (string, error) {
	resp, err := c.do(ctx, call{
		method: http.MethodPost, action: string(ProcessInstances), headers: d.headers(),
		request: httpclient.Request{Repeat: httpclient.Never, Expect: httpclient.JSONOrEmpty},
	})
	if err != nil {
		return "", err
	}
	body := bytes.TrimSpace(resp.Body)
	if list, err := objects(body); err == nil && len(list) == 1 {
		body = list[0]
	}
	if record.Valid(body, record.Limits{}) == nil && json.Valid(body) {
		if i := instanceOf(body); i.ID != "" && i.is(d) {
			return i.ID, nil
		}
	}
	return "", errNoInstance
}

var errNoInstance = errors.New("AlleyOop took the request and its answer names no instance of this client, process and period")

// Delete removes an instance. One that is not there is no error.
func (c *Client) Delete(ctx context.Context, id, reason string) error {
	if id == "" {
		return errors.New("remove an instance: it has no id")
	}
	_, err := c.do(ctx, call{
		method: http.MethodDelete, action: string(ProcessInstances), headers: []Header{{"instanceId", id}, {"reason", reason}},
		request: httpclient.Request{Expect: httpclient.JSONOrEmpty, Accept: []int{http.StatusNotFound, http.StatusGone}},
	})
	return err
}
