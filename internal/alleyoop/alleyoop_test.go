package alleyoop

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
)

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		status int
		body   string
		want   httpclient.Verdict
	}{
		{200, `[{"error":"a field of a record"}]`, httpclient.Verdict{}},
		{200, `{"instanceId":"1","processDescription":"error"}`, httpclient.Verdict{}},
		{200, `{"instanceId":"1","error":null,"errors":[],"errorCode":0,"success":true}`, httpclient.Verdict{}},
		{200, ``, httpclient.Verdict{}},
		{200, `{}`, httpclient.Verdict{}},
		{200, `{"error":"closed for the night"}`, httpclient.Verdict{Failed: true, Words: "closed for the night"}},
		{200, `{"error":{"code":7,"message":"closed"}}`, httpclient.Verdict{Failed: true, Words: "closed"}},
		{200, `{"Errors":["a","b"]}`, httpclient.Verdict{Failed: true, Words: `["a","b"]`}},
		{200, `{"success":false,"message":"no"}`, httpclient.Verdict{Failed: true, Words: "no"}},
		{200, `{"status":"ERROR"}`, httpclient.Verdict{Failed: true}},
		{200, `{"error":"unknown API key"}`, httpclient.Verdict{Failed: true, Credentials: true, Words: "unknown API key"}},
		{403, `{"message":"X-apiKey is not valid"}`, httpclient.Verdict{Credentials: true}},
		{400, `api_key missing`, httpclient.Verdict{Credentials: true}},
		{403, `{"message":"this instance is not yours"}`, httpclient.Verdict{}},
		{404, `{"message":"no given task"}`, httpclient.Verdict{}},
	} {
		if diff := cmp.Diff(test.want, judge(&httpclient.Response{Status: test.status, Body: []byte(test.body)})); diff != "" {
			t.Errorf("%d %s (-want +got)\n%s", test.status, test.body, diff)
		}
	}
}

func TestInstanceIsOfDossier(t *testing.T) {
	d := Dossier{"c", "CONTROLE_08", "2025-01-01", "2025-12-31"}
	for text, want := range map[string]bool{
		`{"clientId":"c","processKey":"CONTROLE_08","periodStart":"2025-01-01","periodEnd":"2025-12-31"}`:                   true,
		`{"clientId":"C","processKey":"controle_08","periodStart":"2025-01-01T00:00:00","periodEnd":"2025-12-31 00:00:00"}`: true,
		`{"instanceId":1}`: true,
		`{"clientId":"d","processKey":"CONTROLE_08","periodStart":"2025-01-01","periodEnd":"2025-12-31"}`:        false,
		`{"clientId":"c","processKey":"CONTROLE_09","periodStart":"2025-01-01","periodEnd":"2025-12-31"}`:        false,
		`{"clientId":"c","processKey":"CONTROLE_08","periodStart":"2025-01-02","periodEnd":"2025-12-31"}`:        false,
		`{"clientId":"c","processKey":"CONTROLE_08","periodStart":"2025-01-01","periodEnd":"2025-12-30"}`:        false,
		`{"clientId":"c","processKey":"CONTROLE_08","periodStart":"2025-01-012","periodEnd":"2025-12-31"}`:       false,
		`{"clientId":"c","processKey":"CONTROLE_08","periodStart":"2025-01","periodEnd":"2025-12-31"}`:           false,
		`{"clientId":"c ","processKey":"CONTROLE_08","periodStart":"2025-01-01","periodEnd":"2025-12-31","x":1}`: true,
	} {
		if got := instanceOf([]byte(text)).is(d); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestOutcome(t *testing.T) {
	refused := &httpclient.Error{Reason: httpclient.Failed, Delivery: httpclient.Answered, Status: 409, Words: "locked", Problem: "the server says 409 Conflict"}
	lost := &httpclient.Error{Reason: httpclient.Unreachable, Delivery: httpclient.Lost}
	unsent := &httpclient.Error{Reason: httpclient.Unreachable, Delivery: httpclient.NotSent}
	denied := &httpclient.Error{Reason: httpclient.Denied, Delivery: httpclient.Answered, Status: 401}
	for name, test := range map[string]struct {
		err    error
		status connector.Status
		stops  bool
	}{
		"none": {nil, connector.Applied, false}, "refused": {refused, connector.Refused, false}, "lost": {lost, connector.Unknown, false},
		"unsent": {unsent, connector.NotSent, true}, "denied": {denied, connector.NotSent, true}, "other": {errNoInstance, connector.Unknown, false},
		"wrapped": {fmt.Errorf("x: %w", refused), connector.Refused, false},
	} {
		out, stop := Outcome(test.err)
		if out.Status != test.status || (stop != nil) != test.stops {
			t.Errorf("%s: %v, %v", name, out, stop)
		}
	}
	if out, _ := Outcome(refused); out.Message != "locked (the server says 409 Conflict)" {
		t.Errorf("%v", out)
	}
}

// TestNothingPrintsSecrets: a client keeps the credentials to itself.
func TestNothingPrintsSecrets(t *testing.T) {
	c, err := New(Config{URL: "https://office.example/api?open", Username: "u", Password: "canary-1", APIKey: "canary-2", Config: httpclient.Defaults()}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v %s", c, *c, c, c.Identity("instances")); strings.Contains(text, "canary") {
		t.Error(text)
	}
	if c.Address() != "https://office.example/api?open" {
		t.Error(c.Address())
	}
}

func TestConfig(t *testing.T) {
	good := Config{URL: "https://office.example/api", Username: "u", Password: "p", APIKey: "k", Config: httpclient.Defaults()}
	for field, change := range map[string]func(*Config){
		"": func(*Config) {}, "url": func(c *Config) { c.URL = "http://office.example" }, "username": func(c *Config) { c.Username = "" },
		"password": func(c *Config) { c.Password = "" }, "api_key": func(c *Config) { c.APIKey = "" },
	} {
		c := good
		change(&c)
		_, err := New(c, connector.Env{})
		var wrong *connector.FieldError
		if (err == nil) != (field == "") || err != nil && (!errors.As(err, &wrong) || wrong.Field != field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// FuzzObjects: what is taken for a list holds only objects, one on each line.
func FuzzObjects(f *testing.F) {
	for _, seed := range []string{`[]`, `[{"a":1}]`, `[{"a":"x\ny"},{}]`, "[\n{\n\"a\":\n1e3}]", `[{"a":1}`, `[1]`, `{}`, `[{}]x`, `[{"a":[{}]}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := objects(body)
		if err != nil {
			return
		}
		var want []json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil || len(want) != len(list) {
			t.Fatalf("%q gives %d objects: %v", body, len(list), err)
		}
		for _, one := range list {
			if one[0] != '{' || strings.ContainsAny(string(one), "\n\r") {
				t.Fatalf("%q gives %q", body, one)
			}
		}
	})
}

// FuzzDossier: what is taken for a dossier can be a header.
func FuzzDossier(f *testing.F) {
	f.Add([]byte(`{"clientId":"c","processKey":"p","periodStart":"2025-01-01","periodEnd":"2025-12-31"}`))
	f.Add([]byte(`{"clientId":" c\r\nX-a: b","processKey":7,"periodStart":null,"periodEnd":"2025-12-31"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if record.Valid(body, record.Limits{}) != nil {
			return
		}
		d, err := DossierOf(body)
		if err != nil {
			return
		}
		for _, h := range d.headers() {
			if h.Value == "" || h.Value != strings.TrimSpace(h.Value) || strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Fatalf("%q gives %q", body, h)
			}
		}
	})
}

// TestAsk: a lookup asks the one URL, and nothing where a header is empty.
func TestAsk(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.URL.RequestURI()+" "+r.Header.Get("X-action")+" "+r.Header.Get("X-kvk")+" "+r.Header.Get("Content-Type")+" "+r.Header.Get("X-apiKey"))
		_, _ = w.Write([]byte("[]"))
	}))
	defer server.Close()
	c, err := New(Config{URL: server.URL + "/api?open", Username: "u", Password: "p", APIKey: "k", Config: httpclient.Defaults()}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for kvk, none := range map[string]bool{"12345678": false, "": true, " ": true} {
		q := connector.Question{Method: "GET", Path: "/", Headers: []connector.Param{{Name: "X-action", Value: "clients"}, {Name: "X-kvk", Value: kvk}}}
		if _, err := c.Ask(t.Context(), q); errors.Is(err, connector.ErrNone) != none || err != nil && !none {
			t.Errorf("%q: %v", kvk, err)
		}
	}
	if diff := cmp.Diff([]string{"/api?open clients 12345678 application/json k"}, got); diff != "" {
		t.Error(diff)
	}
}
