package soap_test

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"koppel/internal/sandbox/soap"
	"koppel/internal/sandbox/traffic"
)

const (
	wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	wsu  = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	kind = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#"
)

func noon() time.Time { return time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC) }

type directory struct {
	*soap.System
	t       *testing.T
	url     string
	version int
	token   string // of WS-Security
}

func start(t *testing.T) *directory {
	t.Helper()
	s, err := soap.New(soap.Options{Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	d := &directory{System: s, t: t, url: server.URL + soap.Path, version: 11}
	d.token = d.login("PasswordText", s.Password, "")
	return d
}

func (d *directory) login(method, password, more string) string {
	return fmt.Sprintf(`<w:Security xmlns:w="%s" xmlns:u="%s"><w:UsernameToken><w:Username>%s</w:Username><w:Password Type="%s%s">%s</w:Password>%s</w:UsernameToken></w:Security>`,
		wsse, wsu, d.Username, kind, method, password, more)
}

// An envelope is an answer, whatever its prefixes.
type envelope struct {
	Body struct {
		Fault struct {
			Code11 string `xml:"faultcode"`
			Text11 string `xml:"faultstring"`
			Detail struct {
				Unknown struct {
					Reason string `xml:"urn:example:directory reason"`
				} `xml:"urn:example:directory personUnknown"`
			} `xml:"detail"`
			Code12 string `xml:"Code>Value"`
			Sub12  string `xml:"Code>Subcode>Value"`
			Text12 string `xml:"Reason>Text"`
		}
		List struct {
			Persons []struct {
				ID    string   `xml:"id,attr"`
				First string   `xml:"urn:example:directory name>first"`
				Email *string  `xml:"urn:example:directory email"`
				Phone []string `xml:"urn:example:directory phones>phone"`
				Note  string   `xml:"urn:example:directory note"`
			} `xml:"urn:example:directory person"`
			Total int    `xml:"urn:example:directory total"`
			Next  string `xml:"urn:example:directory nextPage"`
		} `xml:"urn:example:directory ListPersonsResponse"`
		Saved struct {
			ID string `xml:"urn:example:directory id"`
		} `xml:"urn:example:directory SavePersonResponse"`
	}
}

// post sends a body and returns the status, the answer and its text.
func (d *directory) post(operation, body string, change func(*http.Request)) (int, envelope, string) {
	d.t.Helper()
	space, media := "http://schemas.xmlsoap.org/soap/envelope/", "text/xml; charset=utf-8"
	if d.version == 12 {
		space, media = "http://www.w3.org/2003/05/soap-envelope", `application/soap+xml; charset=utf-8; action="urn:example:directory/`+operation+`"`
	}
	text := fmt.Sprintf(`<e:Envelope xmlns:e="%s"><e:Header>%s</e:Header><e:Body><%s xmlns="urn:example:directory">%s</%[3]s></e:Body></e:Envelope>`,
		space, d.token, operation, body)
	req, err := http.NewRequestWithContext(d.t.Context(), "POST", d.url, strings.NewReader(text))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Content-Type", media)
	if d.version == 11 {
		req.Header.Set("SOAPAction", `"urn:example:directory/`+operation+`"`)
	}
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	var e envelope
	if resp.StatusCode != http.StatusUnsupportedMediaType {
		if err := xml.Unmarshal(answer, &e); err != nil {
			d.t.Fatalf("%d %s: %v", resp.StatusCode, answer, err)
		}
	}
	return resp.StatusCode, e, string(answer)
}

func TestList(t *testing.T) {
	d := start(t)
	for _, d.version = range []int{11, 12} {
		seen := map[string]bool{}
		for page := "1"; page != ""; {
			status, e, text := d.post("ListPersons", "<page>"+page+"</page><size>7</size>", nil)
			if status != 200 || e.Body.List.Total != 30 {
				t.Fatalf("%d %s", status, text)
			}
			for _, p := range e.Body.List.Persons {
				seen[p.ID] = true
				if p.ID == "803" && (p.Note != "Kamer <3> & gang" || len(p.Phone) != 2) {
					t.Errorf("%+v", p)
				}
			}
			page = e.Body.List.Next
		}
		if len(seen) != 30 {
			t.Errorf("version %d: %d persons", d.version, len(seen))
		}
	}
	if _, e, text := d.post("ListPersons", "<changedSince>2026-11-18T11:00:00Z</changedSince>", nil); len(e.Body.List.Persons) != 1 {
		t.Errorf("changed since two days: %s", text)
	}
}

func TestFaults(t *testing.T) {
	d := start(t)
	status, e, text := d.post("GetPerson", "<id>1</id>", nil)
	if f := e.Body.Fault; status != 500 || !strings.HasSuffix(f.Code11, ":Client") || f.Text11 != "person 1 is unknown" || f.Detail.Unknown.Reason == "" {
		t.Errorf("%d %s", status, text)
	}
	d.version = 12
	status, e, text = d.post("GetPerson", "<id>1</id>", nil)
	if f := e.Body.Fault; status != 400 || !strings.HasSuffix(f.Code12, ":Sender") || f.Text12 != "person 1 is unknown" {
		t.Errorf("%d %s", status, text)
	}
	if err := d.Traffic.Fail(traffic.Fault{Kind: "200", Action: "GetPerson"}); err != nil {
		t.Fatal(err)
	}
	if status, e, text = d.post("GetPerson", "<id>801</id>", nil); status != 200 || e.Body.Fault.Text12 != "the directory is closed" {
		t.Errorf("a fault with 200: %d %s", status, text)
	}
	d.version = 11
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
		text   string
	}{
		"media type":   {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 415, "media type"},
		"version":      {func(r *http.Request) { r.Header.Set("Content-Type", "application/soap+xml") }, 400, "VersionMismatch"},
		"no action":    {func(r *http.Request) { r.Header.Del("SOAPAction") }, 500, "SOAPAction is missing"},
		"other action": {func(r *http.Request) { r.Header.Set("SOAPAction", "urn:example:directory/ListPersons") }, 500, "does not fit"},
		"no XML":       {func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("<")); r.ContentLength = 1 }, 500, "no XML"},
	} {
		if status, _, text := d.post("GetPerson", "<id>801</id>", c.change); status != c.status || !strings.Contains(text, c.text) {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	d.token += `<x:Route xmlns:x="urn:x" e:mustUnderstand="1"/>`
	if status, _, text := d.post("GetPerson", "<id>801</id>", nil); status != 500 || !strings.Contains(text, "MustUnderstand") {
		t.Errorf("a header that must be understood: %d %s", status, text)
	}
}

func TestSecurity(t *testing.T) {
	d := start(t)
	digest := func(nonce, created string) string {
		sum := sha1.Sum([]byte(nonce + created + d.Password))
		return d.login("PasswordDigest", base64.StdEncoding.EncodeToString(sum[:]),
			fmt.Sprintf("<w:Nonce>%s</w:Nonce><u:Created>%s</u:Created>", base64.StdEncoding.EncodeToString([]byte(nonce)), created))
	}
	good := digest("n1", "2026-11-20T11:00:30Z")
	for _, c := range []struct{ name, token, want string }{
		{"none", "", "InvalidSecurity"},
		{"wrong", d.login("PasswordText", "x", ""), "FailedAuthentication"},
		{"digest", good, ""},
		{"digest again", good, "nonce was used"},
		{"old digest", digest("n2", "2026-11-20T10:50:00Z"), "MessageExpired"},
		{"digest without a nonce", d.login("PasswordDigest", "x", ""), "InvalidSecurityToken"},
		{"wrong digest", strings.Replace(digest("n3", "2026-11-20T11:00:00Z"), "#PasswordDigest\">", "#PasswordDigest\">x", 1), "FailedAuthentication"},
	} {
		d.token = c.token
		status, _, text := d.post("GetPerson", "<id>801</id>", nil)
		if ok := status == 200; ok != (c.want == "") || !strings.Contains(text, c.want) {
			t.Errorf("%s: %d %s", c.name, status, text)
		}
	}
	d.token = ""
	if status, _, text := d.post("GetPerson", "<id>801</id>", func(r *http.Request) { r.SetBasicAuth(d.Username, d.Password) }); status != 200 {
		t.Errorf("basic: %d %s", status, text)
	}
}

func TestWrites(t *testing.T) {
	d := start(t)
	person := "<person><reference>R1</reference><first>Pien</first><last>Proef &amp; Zn</last></person>"
	_, one, _ := d.post("SavePerson", person, nil)
	_, two, _ := d.post("SavePerson", person, nil)
	if one.Body.Saved.ID != "831" || two.Body.Saved.ID != "832" || len(d.Doubled()) != 1 {
		t.Errorf("%s, %s, doubled %v", one.Body.Saved.ID, two.Body.Saved.ID, d.Doubled())
	}
	d.post("SavePerson", `<id>831</id><person><email xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"/><first>Pip</first></person>`, nil)
	d.post("RemovePerson", "<id>832</id>", nil)
	rows := d.Data.Rows("persons")
	if last := rows[len(rows)-1]; len(rows) != 31 || last["first"] != "Pip" || last["last"] != "Proef & Zn" || last["email"] != nil {
		t.Errorf("%d persons, the last %v", len(rows), last)
	}
	if n := len(d.Traffic.Effects()); n != 4 {
		t.Errorf("%d effects", n)
	}
	for _, body := range []string{"<person><first>x</first></person>", "<id>1</id><person><first>x</first></person>"} {
		if status, _, text := d.post("SavePerson", body, nil); status != 500 {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	resp, err := http.Get(d.url + "?wsdl")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := xml.NewDecoder(resp.Body).Decode(new(struct{ XMLName xml.Name })); err != nil || resp.StatusCode != 200 {
		t.Errorf("the description: %d %v", resp.StatusCode, err)
	}
}
