package httpclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"koppel/engine/connector"
)

const (
	open11 = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>`
	open12 = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>`
	shut   = `</s:Body></s:Envelope>`
)

// Answers in XML are answers as well: their root, or what an XPath selects. A
// fault refuses the question in its own words, whatever its status.
func TestAskXML(t *testing.T) {
	const path = "/Envelope/Body/GetResponse/person"
	for name, c := range map[string]struct {
		status       int
		out, records string
		want         string
		is           error
		words        string
	}{
		"root":          {200, `<?xml version="1.0"?><person id="7"><name>Noor &amp; Bo</name><none/></person>`, "", `{"@id":"7","name":"Noor & Bo","none":null}`, nil, ""},
		"envelope":      {200, open11 + `<GetResponse><person><id>7</id></person></GetResponse>` + shut, path, `[{"id":"7"}]`, nil, ""},
		"two":           {200, open12 + `<GetResponse><person><id>7</id></person><person><id>8</id></person></GetResponse>` + shut, path, `[{"id":"7"},{"id":"8"}]`, nil, ""},
		"nobody":        {200, open11 + `<GetResponse/>` + shut, path, `[]`, nil, ""},
		"elsewhere":     {200, open11 + `<OtherResponse/>` + shut, path, "", errAny, "nothing tells that the set is empty"},
		"nothing":       {204, "", path, "", nil, ""},
		"JSON":          {200, `{"id":7}`, path, "", errAny, "no XML"},
		"cut":           {200, open11 + `<GetResponse><person>`, path, "", errAny, "not closed"},
		"cut elsewhere": {200, open11 + `<GetResponse><person>`, "", "", errAny, "not closed"},
		"entities":      {200, `<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>`, "", "", errAny, "defines entities"},
		"fault 500":     {500, open11 + `<s:Fault><faultcode>s:Client</faultcode><faultstring>no such person</faultstring></s:Fault>` + shut, path, "", connector.ErrRefused, "no such person"},
		"fault 200":     {200, open12 + `<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason><s:Text xml:lang="en">out of order</s:Text></s:Reason></s:Fault>` + shut, "", "", connector.ErrRefused, "out of order"},
		"server fault":  {500, open11 + `<s:Fault><faultcode>s:Server</faultcode><faultstring>boom</faultstring></s:Fault>` + shut, "", "", connector.ErrRefused, "boom"},
		"unknown user":  {500, open11 + `<s:Fault><faultcode xmlns:w="u">w:FailedAuthentication</faultcode><faultstring>who?</faultstring></s:Fault>` + shut, "", "", connector.ErrUnreachable, "who?"},
		"error inside":  {200, `{"success":false,"message":"the index is down"}`, "", "", errAny, "the index is down"},
		"busy":          {500, `<html><body>Oops</body></html>`, "", "", errAny, "500"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.out)
			}))
			defer server.Close()
			config := Defaults()
			config.Retry = &Retry{Attempts: 1}
			client, err := New(Options{URL: server.URL, Config: config}, connector.Env{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := client.Ask(context.Background(), connector.Question{Method: "GET", Path: "/x", Records: c.records})
			if strings.TrimSpace(string(got)) != c.want || (err == nil) != (c.is == nil) || c.is != errAny && !errors.Is(err, c.is) {
				t.Fatalf("%s, %v", got, err)
			}
			if known := errors.Is(err, connector.ErrNone) || errors.Is(err, connector.ErrRefused); c.is == errAny && known {
				t.Errorf("nobody knows, and it says %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, want %q", err, c.words)
			}
		})
	}
}

// A message of SOAP goes with the headers of its version and with the user of
// the connection.
func TestAskSendsMessages(t *testing.T) {
	for version, body := range map[string]string{"1.1": open11 + "<a/>" + shut, "1.2": open12 + "<a/>" + shut} {
		var media, action, sent string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			media, action, sent = r.Header.Get("Content-Type"), r.Header.Get("SOAPAction"), string(text)
			io.WriteString(w, open11+"<b/>"+shut)
		}))
		client, err := New(Options{URL: server.URL, Config: Defaults(), UsernameToken: &UsernameToken{Username: "koppel", Password: "pass"}},
			connector.Env{Now: func() time.Time { return time.Unix(0, 0) }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Ask(t.Context(), connector.Question{Method: "POST", Body: []byte(body), Type: "text/xml; charset=utf-8"}); err != nil {
			t.Fatal(err)
		}
		server.Close()
		wantMedia, wantAction := "text/xml; charset=utf-8", `""`
		if version == "1.2" {
			wantMedia, wantAction = "application/soap+xml; charset=utf-8", ""
		}
		if media != wantMedia || action != wantAction || strings.Count(sent, "<wsse:Username>koppel</wsse:Username>") != 1 || !strings.HasSuffix(sent, "<a/>"+shut) {
			t.Errorf("%s: %s, SOAPAction %s: %s", version, media, action, sent)
		}
	}
}
