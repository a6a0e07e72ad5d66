package afas

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/internal/httpclient"
)

// Metainfo lists what a token may use.
type Metainfo struct {
	Get    []Listed `json:"getConnectors"`
	Update []Listed `json:"updateConnectors"`
	Info   struct {
		Environment string `json:"envid"`
		App         string `json:"appName"`
	} `json:"info"`
}

// Listed is one connector of Metainfo.
type Listed struct {
	ID          string `json:"id"`
	Description string `json:"description"`
}

// GetConnector describes a collection of rows.
type GetConnector struct {
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Fields      []GetField `json:"fields"`
	// Asked is when AFAS answered, by its own clock where it tells.
	Asked time.Time `json:"-"`
}

// A GetField is a column. Type is one of string, int, decimal, boolean, date
// and blob (community clients list no others).
type GetField struct {
	ID       string `json:"id"` // its name in rows and filters
	Type     string `json:"dataType"`
	Label    string `json:"label"`
	Length   int    `json:"length"`
	Decimals int    `json:"decimals"`
	Control  int    `json:"controlType"`
}

// Field gives the column of that name; nil: there is none.
func (g *GetConnector) Field(id string) *GetField {
	for i := range g.Fields {
		if g.Fields[i].ID == id {
			return &g.Fields[i]
		}
	}
	return nil
}

// Names lists the columns.
func (g *GetConnector) Names() []string {
	names := make([]string, len(g.Fields))
	for i, f := range g.Fields {
		names[i] = f.ID
	}
	return names
}

// UpdateConnector describes what a connector takes: an object and the objects
// below it.
type UpdateConnector struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Fields      []UpdateField     `json:"fields"`
	Objects     []UpdateConnector `json:"objects"`
}

// An UpdateField is one field of an object.
type UpdateField struct {
	ID         string `json:"fieldId"`
	PrimaryKey bool   `json:"primaryKey"`
	Type       string `json:"dataType"`
	Label      string `json:"label"`
	Mandatory  bool   `json:"mandatory"`
	Length     int    `json:"length"`
	Decimals   int    `json:"decimals"`
}

// Root is the name of the outer member of what is sent: it may be another than
// that of the connector (KnEmployee takes an AfasEmployee).
func (u *UpdateConnector) Root() string {
	if u.Name != "" {
		return u.Name
	}
	return u.ID
}

// Field gives the field of that id; nil: there is none.
func (u *UpdateConnector) Field(id string) *UpdateField {
	for i := range u.Fields {
		if u.Fields[i].ID == id {
			return &u.Fields[i]
		}
	}
	return nil
}

// Object gives the object below of that name; nil: there is none.
func (u *UpdateConnector) Object(name string) *UpdateConnector {
	for i := range u.Objects {
		if u.Objects[i].Root() == name || u.Objects[i].ID == name {
			return &u.Objects[i]
		}
	}
	return nil
}

// Metainfo asks what the token may use.
func (c *Client) Metainfo(ctx context.Context) (*Metainfo, error) {
	var m Metainfo
	_, err := c.describe(ctx, "/metainfo", &m)
	return &m, err
}

// GetConnector describes a GetConnector. When there is none of that name for
// this token, the error is an *UnknownError.
func (c *Client) GetConnector(ctx context.Context, name string) (*GetConnector, error) {
	var g GetConnector
	resp, err := c.describe(ctx, "/metainfo/get/"+url.PathEscape(name), &g)
	if err != nil {
		return nil, c.doubt(ctx, "GetConnector", name, err)
	}
	if len(g.Fields) == 0 {
		return nil, fmt.Errorf("describe GetConnector %q: AFAS names no field of it", name)
	}
	g.Asked, _ = Clock(resp.Header)
	return &g, nil
}

// UpdateConnector describes an UpdateConnector. When there is none of that name
// for this token, the error is an *UnknownError.
func (c *Client) UpdateConnector(ctx context.Context, name string) (*UpdateConnector, error) {
	var u UpdateConnector
	if _, err := c.describe(ctx, "/metainfo/update/"+url.PathEscape(name), &u); err != nil {
		return nil, c.doubt(ctx, "UpdateConnector", name, err)
	}
	if len(u.Fields) == 0 && len(u.Objects) == 0 {
		return nil, fmt.Errorf("describe UpdateConnector %q: AFAS names no field of it", name)
	}
	if u.ID == "" {
		u.ID = name
	}
	return &u, nil
}

func (c *Client) describe(ctx context.Context, path string, into any) (*httpclient.Response, error) {
	resp, err := c.Do(ctx, &httpclient.Request{Path: path})
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(resp.Body, into); err != nil {
		return nil, fmt.Errorf("read %s: the answer is not what AFAS describes connectors with: %w", path, err)
	}
	return resp, nil
}

// An UnknownError says that a token may not use a connector, or that there is
// none of that name.
type UnknownError struct {
	What string // GetConnector, UpdateConnector
	Name string
	Near string // what was probably meant; may be empty
	App  string // the app connector's name; may be empty
	// Cause is what AFAS said when it was asked for.
	Cause error
}

// Error says what to do.
func (e *UnknownError) Error() string {
	text := fmt.Sprintf("the app connector %shas no %s %q", spaced(e.App), e.What, e.Name)
	if e.Near != "" {
		return text + fmt.Sprintf("; did you mean %q?", e.Near)
	}
	return text + "; add it to the app connector in Profit, or see koppel discover for those it has"
}

// Unwrap gives what AFAS said, and connector.ErrNoCollection.
func (e *UnknownError) Unwrap() []error { return []error{connector.ErrNoCollection, e.Cause} }

func spaced(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("%q ", name)
}

// doubt finds out whether a connector that can't be used is there at all. AFAS
// contradicts itself about what it answers then, 401 or 500; its list tells.
// err stands when the list can't be had either, or has the connector.
func (c *Client) doubt(ctx context.Context, what, name string, err error) error {
	var failed *httpclient.Error
	if !errors.As(err, &failed) || failed.Delivery != httpclient.Answered && failed.Status < 400 {
		return err
	}
	if failed.Status == http.StatusServiceUnavailable || failed.Status == http.StatusTooManyRequests {
		return err
	}
	m, listErr := c.Metainfo(ctx)
	if listErr != nil {
		return err
	}
	list := m.Get
	if what == "UpdateConnector" {
		list = m.Update
	}
	unknown := &UnknownError{What: what, Name: name, App: m.Info.App, Cause: err}
	for _, l := range list {
		if l.ID == name {
			return err
		}
		if strings.EqualFold(l.ID, name) {
			unknown.Near = l.ID // names are told apart by case
		}
	}
	if unknown.Near == "" {
		names := make([]string, len(list))
		for i, l := range list {
			names[i] = l.ID
		}
		unknown.Near = Nearest(name, names)
	}
	return unknown
}

// Nearest gives the name that a mistyped one was probably meant for; empty:
// none is near.
func Nearest(name string, names []string) string {
	best, least := "", max(1, len(name)/4)+1
	for _, n := range names {
		if d := distance(strings.ToLower(name), strings.ToLower(n)); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance counts the letters to add, leave out or change between two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
