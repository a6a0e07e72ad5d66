package soap_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	sandbox "koppel/internal/sandbox/soap"
	"koppel/internal/sandbox/traffic"
	"koppel/sources/soap"
)

// at is a program that follows a path.
type at string

func (p at) Source() string { return string(p) }

func (p at) Run(_ context.Context, input any) ([]any, error) {
	for name := range strings.SplitSeq(string(p), ".") {
		m, _ := input.(map[string]any)
		input = m[name]
	}
	return []any{input}, nil
}

func connection(url string, auth *httpclient.Auth) connector.Connection {
	shared := httpclient.Defaults()
	shared.Retry = &httpclient.Retry{Attempts: 3, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	return connector.Connection{Address: "connection.http.directory", Kind: "http", Config: &httpclient.HTTPConfig{URL: url, Auth: auth, Config: shared}}
}

const size = 10

// pages is a service that lists records by pages, as elements <r>.
func pages(t testing.TB, records []string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		number := 1
		if found := regexp.MustCompile(`<page>(\d+)</page>`).FindSubmatch(body); found != nil {
			number, _ = strconv.Atoi(string(found[1]))
		}
		from := min((number-1)*size, len(records))
		to := min(from+size, len(records))
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		fmt.Fprintf(w, `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><l xmlns="urn:test" number="%d">`, number)
		for _, one := range records[from:to] {
			io.WriteString(w, "<r>")
			record.Members([]byte(one), func(name string, raw []byte) bool {
				text, _ := record.Text(raw)
				fmt.Fprintf(w, "<%s>", name)
				_ = xml.EscapeText(w, []byte(text))
				fmt.Fprintf(w, "</%s>", name)
				return true
			})
			io.WriteString(w, "</r>\n")
		}
		next := ""
		if to < len(records) {
			next = strconv.Itoa(number + 1)
		}
		fmt.Fprintf(w, "<total>%d</total><next>%s</next></l></s:Body></s:Envelope>", len(records), next)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// asText is what XML makes of records.
func asText(records []string) []string {
	out := make([]string, len(records))
	for i, r := range records {
		b := []byte{'{'}
		record.Members([]byte(r), func(name string, raw []byte) bool {
			b = append(record.AppendString(b, name), ':')
			if text, ok := record.Text(raw); ok && text != "" {
				b = record.AppendString(b, text)
			} else {
				b = append(b, "null"...)
			}
			b = append(b, ',')
			return true
		})
		out[i] = string(b[:len(b)-1]) + "}"
	}
	return out
}

func TestConformance(t *testing.T) {
	for name, p := range map[string]*soap.Pagination{
		"page": {Kind: "page"}, "page, total": {Kind: "page", Total: at("l.total")},
		"cursor": {Kind: "cursor", Value: at("l.next")}, "cursor, total": {Kind: "cursor", Value: at("l.next"), Total: at("l.total")},
	} {
		t.Run(name, func(t *testing.T) {
			connectortest.Source(t, connectortest.SourceSuite{
				Kind: soap.Kind(), Flat: true, Page: size,
				Setup: func(t testing.TB, records []string) connectortest.Origin {
					return connectortest.Origin{Want: asText(records), Canaries: []string{"canary-password"}, Config: &soap.Config{
						Connection: connection(pages(t, records), &httpclient.Auth{Kind: "wsse", Username: "koppel", Password: "canary-password"}),
						Envelope:   connectortest.Text("<List><page>{page}</page></List>"), Records: "/Envelope/Body/l/r", Pagination: p,
					}}
				},
				Wrong: []connectortest.Wrong{
					{Name: "no XML", Change: func(c any) { c.(*soap.Config).Envelope = connectortest.Text("<List><page>{page}</List>") }, Want: "envelope is no XML"},
					{Name: "no page", Change: func(c any) { c.(*soap.Config).Envelope = connectortest.Text("<List/>") }, Want: "{page}"},
					{Name: "unknown name", Change: func(c any) { c.(*soap.Config).Envelope = connectortest.Text("<List>{page}{id}</List>") }, Want: "{id}"},
					{Name: "path", Change: func(c any) { c.(*soap.Config).Records = "/a[" }, Want: "records"},
					{Name: "prefix", Change: func(c any) {
						c.(*soap.Config).Records, c.(*soap.Config).Namespaces = "/x:a", map[string]string{"y": "urn:y"}
					}, Want: "namespaces does not declare"},
					{Name: "version", Change: func(c any) {
						c.(*soap.Config).Version = "1.1"
						c.(*soap.Config).Envelope = connectortest.Text(`<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><a>{page}</a></Body></Envelope>`)
					}, Want: "is one of SOAP 1.2"},
					{Name: "other envelope", Change: func(c any) {
						c.(*soap.Config).Envelope = connectortest.Text(`<Envelope xmlns="urn:x"><Body><a>{page}</a></Body></Envelope>`)
					}, Want: "none of SOAP"},
					{Name: "action", Change: func(c any) { c.(*soap.Config).Action = "a\nb" }, Want: "action"},
					{Name: "no connection", Change: func(c any) { c.(*soap.Config).Connection = connector.Connection{} }, Want: "connection"},
				},
			})
		})
	}
}

// A directory is the simulated service with a source on it.
type directory struct {
	*sandbox.System
	t      *testing.T
	config *soap.Config
}

func start(t *testing.T, version, passwords string) *directory {
	t.Helper()
	s, err := sandbox.New(sandbox.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	auth := &httpclient.Auth{Kind: "wsse", Username: s.Username, Password: connector.Secret(s.Password), PasswordType: passwords}
	return &directory{s, t, &soap.Config{
		Connection: connection(server.URL+sandbox.Path, auth), Action: "urn:example:directory/ListPersons", Version: version,
		Envelope:   connectortest.Text(`<ListPersons xmlns="urn:example:directory"><page>{page}</page><size>7</size></ListPersons>`),
		Records:    "/Envelope/Body/d:ListPersonsResponse/d:person",
		Namespaces: map[string]string{"d": "urn:example:directory"}, Lists: []string{"phone"},
		Pagination: &soap.Pagination{Kind: "cursor", Value: at("ListPersonsResponse.nextPage"), Total: at("ListPersonsResponse.total")},
	}}
}

func (d *directory) read(rec *connectortest.Recorder) {
	d.t.Helper()
	conn, err := httpclient.Kind().Open(d.t.Context(), d.config.Connection.Config, connector.Env{Block: "connection.http.directory (main.hcl:1)"})
	if err != nil {
		d.t.Fatal(err)
	}
	defer conn.(*httpclient.Client).Close()
	c := *d.config
	c.Connection.Get = func(context.Context) (any, error) { return conn, nil }
	src, err := soap.Kind().Open(d.t.Context(), &c, connector.Env{Now: time.Now})
	if err != nil {
		d.t.Fatal(err)
	}
	if err := src.Read(d.t.Context(), rec); err != nil {
		d.t.Fatal(err)
	}
}

func TestDirectory(t *testing.T) {
	for _, version := range []string{"", "1.1", "1.2"} {
		for _, passwords := range []string{"", "text", "digest"} {
			t.Run(version+" "+passwords, func(t *testing.T) {
				d := start(t, version, passwords)
				rec := &connectortest.Recorder{}
				d.read(rec)
				if !rec.Complete() || len(rec.All()) != 30 {
					t.Fatalf("%d records, %v", len(rec.All()), rec.Errs())
				}
				one := func(id string) string {
					for _, r := range rec.All() {
						if text, _ := record.Text(record.Member(r, "@id")); text == id {
							return string(r)
						}
					}
					return ""
				}
				if got := one("803"); !strings.Contains(got, `"note":"Kamer <3> & gang"`) || !strings.Contains(got, `"phones":{"phone":["`) {
					t.Error(got)
				}
				if got := one("802"); !strings.Contains(got, `"email":null`) || !strings.Contains(got, `"phone":["`) {
					t.Error(got)
				}
			})
		}
	}
}

const envelope = `<?xml version="1.0"?>
<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">%s<e:Body><ListPersons xmlns="urn:example:directory"><page>{page}</page></ListPersons></e:Body></e:Envelope>`

// TestEnvelopes: the security header goes into a whole envelope, whatever its
// header is.
func TestEnvelopes(t *testing.T) {
	for _, header := range []string{"", "<e:Header/>", "<e:Header />", "<e:Header></e:Header>", `<e:Header><x:h xmlns:x="urn:x" a="/>">1</x:h></e:Header>`} {
		d := start(t, "", "digest")
		d.config.Envelope = connectortest.Text(fmt.Sprintf(envelope, header))
		rec := &connectortest.Recorder{}
		if d.read(rec); !rec.Complete() || len(rec.All()) != 30 {
			t.Errorf("%s: %d records, %v", header, len(rec.All()), rec.Errs())
		}
	}
}

func TestFaults(t *testing.T) {
	for _, version := range []string{"1.1", "1.2"} {
		for name, test := range map[string]struct {
			change      func(d *directory)
			want        string
			unreachable bool
		}{
			"a fault": {func(d *directory) { d.config.Action = "urn:example:directory/GetPerson" }, "does not fit the body", false},
			"an operation": {func(d *directory) {
				d.config.Action, d.config.Envelope = "urn:x/No", connectortest.Text("<No>{page}</No>")
			}, "operation No does not exist", false},
			"with 200":           {func(d *directory) { d.fail("200", 0) }, "the directory is closed", false},
			"with 200, for ever": {func(d *directory) { d.fail("200", -1) }, "the directory is closed", false},
			"500 for ever":       {func(d *directory) { d.fail("500", -1) }, "er: the directory is closed", false},
			"its own words":      {func(d *directory) { d.fail("200", -1); d.config.Fault = at("faultstring.#text") }, "the directory is closed", false},
			"a page":             {func(d *directory) { d.fail(traffic.LoginPage, -1) }, "web page", false},
			"empty":              {func(d *directory) { d.fail(traffic.EmptyBody, -1) }, "empty", false},
			"short":              {func(d *directory) { d.fail(traffic.ShortBody, -1) }, "", false},
			"cut":                {func(d *directory) { d.fail(traffic.CutBody, -1) }, "", true},
			"refused":            {func(d *directory) { d.fail(traffic.Refuse, -1) }, "", true},
			"password":           {func(d *directory) { d.auth().Password = "wrong" }, "could not be authenticated", true},
			"user":               {func(d *directory) { d.auth().Username = "nobody" }, "check the credentials of the connection", true},
			"no credentials":     {func(d *directory) { d.config.Connection.Config.(*httpclient.HTTPConfig).Auth = nil }, "the security header is missing", true},
			"another path":       {func(d *directory) { d.config.Connection.Config.(*httpclient.HTTPConfig).URL += "/x" }, "404", false},
			"no such element":    {func(d *directory) { d.config.Records = "/Envelope/Body/Other/person" }, "connection.http.directory (main.hcl:1): POST http", false},
			"another total":      {func(d *directory) { d.config.Pagination.Total = at("ListPersonsResponse.person") }, "total gives", false},
			"pages for ever":     {func(d *directory) { d.config.Pagination.Value = at("ListPersonsResponse.total") }, "", false},
		} {
			t.Run(version+" "+name, func(t *testing.T) {
				d := start(t, version, "digest")
				test.change(d)
				rec := &connectortest.Recorder{}
				d.read(rec)
				err := errors.Join(rec.Errs()...)
				if rec.Complete() || err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, connector.ErrUnreachable) != test.unreachable {
					t.Errorf("complete %v: %v", rec.Complete(), err)
				}
				if err != nil && strings.Contains(err.Error(), d.Password) {
					t.Errorf("the password is in %v", err)
				}
			})
		}
	}
}

func (d *directory) auth() *httpclient.Auth {
	return d.config.Connection.Config.(*httpclient.HTTPConfig).Auth
}

func (d *directory) fail(kind string, times int) {
	d.t.Helper()
	if err := d.Traffic.Fail(traffic.Fault{Kind: kind, Times: times, At: 2}); err != nil {
		d.t.Fatal(err)
	}
}

// An answer that says that it is not all there is proves nothing.
func TestAnswersThatAreNotAll(t *testing.T) {
	const empty = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><ListPersonsResponse/></s:Body></s:Envelope>`
	for status, complete := range map[int]bool{200: true, 202: false, 206: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			io.WriteString(w, empty)
		}))
		defer server.Close()
		d := start(t, "1.1", "text")
		d.config.Connection.Config.(*httpclient.HTTPConfig).URL = server.URL
		d.config.Records, d.config.Pagination = "/Envelope/Body/ListPersonsResponse/person", nil
		d.config.Envelope = connectortest.Text("<ListPersons/>")
		rec := &connectortest.Recorder{}
		d.read(rec)
		if rec.Complete() != complete {
			t.Errorf("%d: complete is %v: %v", status, rec.Complete(), rec.Errs())
		}
	}
}

// TestPassingFaults: what passes is tried again, with a nonce of its own.
func TestPassingFaults(t *testing.T) {
	for _, kind := range []string{"500", "503", traffic.Refuse, traffic.LostAnswer, traffic.CutBody, traffic.EmptyBody, traffic.ShortBody} {
		d := start(t, "1.1", "digest")
		d.fail(kind, 1)
		rec := &connectortest.Recorder{}
		if d.read(rec); !rec.Complete() || len(rec.All()) != 30 {
			t.Errorf("%s: %d records, %v", kind, len(rec.All()), rec.Errs())
		}
	}
}

// TestMoved: a record that goes while pages are read moves others up, and the
// read is made again.
func TestMoved(t *testing.T) {
	d := start(t, "1.1", "digest")
	d.Traffic.After(2, func() {
		if err := d.Data.Delete("persons", "801"); err != nil {
			t.Error(err)
		}
	})
	rec := &connectortest.Recorder{}
	if d.read(rec); !rec.Complete() || len(rec.All()) != 29 {
		t.Errorf("%d records, %v", len(rec.All()), rec.Errs())
	}
}

func TestIncremental(t *testing.T) {
	d := start(t, "1.2", "digest")
	d.config.Envelope = connectortest.Text(`<ListPersons xmlns="urn:example:directory"><page>{page}</page><changedSince>{cursor}</changedSince></ListPersons>`)
	d.config.Incremental = &soap.Incremental{Incremental: connector.Incremental{Cursor: []string{"@changed"}, Overlap: connector.Duration(time.Hour)}}
	first := &connectortest.Recorder{}
	d.read(first)
	part := first.ByName[""]
	if !first.Complete() || len(first.All()) != 30 || part.Mode != connector.WholeDelta || len(part.Next) == 0 {
		t.Fatalf("%d records, next %s, %v", len(first.All()), part.Next, first.Errs())
	}
	if err := d.Data.Update("persons", "820", map[string]any{"last": "Anders"}); err != nil {
		t.Fatal(err)
	}
	second := &connectortest.Recorder{Cursors: map[string]connector.Cursor{"": part.Next}}
	d.read(second)
	if got := second.All(); !second.Complete() || len(got) != 2 || !bytes.Contains(bytes.Join(got, nil), []byte("Anders")) || bytes.Equal(second.ByName[""].Next, part.Next) {
		t.Errorf("%s, %v", got, second.Errs())
	}
	third := &connectortest.Recorder{Cursors: map[string]connector.Cursor{"": connector.Cursor("not a cursor")}}
	if d.read(third); !third.Complete() || third.ByName[""].Mode != connector.Full || len(third.All()) != 30 {
		t.Errorf("a cursor that can't be read: %d records, %v", len(third.All()), third.Errs())
	}
}
