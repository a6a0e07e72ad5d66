package http_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	sink "koppel/sinks/http"
)

// A register is a SOAP service of persons.
type register struct {
	ids     map[string]string // by name
	asked   []string
	respond func(operation string) (status int, body string) // in place of the usual; empty: that
}

var operation = regexp.MustCompile(`<d:(\w+)><name>([^<]*)</name>`)

const (
	enveloped = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>%s</s:Body></s:Envelope>`
	faulted   = `<s:Fault><faultcode>s:%s</faultcode><faultstring>%s</faultstring></s:Fault>`
)

func (r *register) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	m := operation.FindStringSubmatch(string(body))
	if m == nil || !strings.Contains(string(body), "<wsse:Username>koppel</wsse:Username>") {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.asked = append(r.asked, m[1]+" "+m[2])
	inner, name := "", m[2]
	switch m[1] {
	case "Create":
		r.ids[name] = fmt.Sprint("n", len(r.ids)+1)
		inner = `<CreateResponse xmlns="urn:d"><person id="` + r.ids[name] + `"/></CreateResponse>`
	case "Find":
		inner = `<FindResponse xmlns="urn:d">`
		if id := r.ids[name]; id != "" {
			inner += `<person id="` + id + `"><name>` + name + `</name></person>`
		}
		inner += `</FindResponse>`
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	if r.respond != nil {
		if status, body := r.respond(m[1]); body != "" {
			w.WriteHeader(status)
			fmt.Fprintf(w, enveloped, body)
			return
		}
	}
	fmt.Fprintf(w, enveloped, inner)
}

func (r *register) open(t *testing.T) connector.Sink {
	t.Helper()
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	config := httpclient.Defaults()
	config.Retry = &httpclient.Retry{Attempts: 2, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	client, err := httpclient.New(httpclient.Options{URL: server.URL, Config: config, UsernameToken: &httpclient.UsernameToken{Username: "koppel", Password: "pass"}}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	message := func(operation string) template {
		return template{text(fmt.Sprintf(enveloped, `<d:`+operation+`><name>{record.name}</name></d:`+operation+`>`))}
	}
	s, err := sink.Kind().Open(t.Context(), &sink.Config{
		Connection: connector.Connection{Address: "connection.http.register", Get: func(context.Context) (any, error) { return client, nil }},
		Answer: jq(func(m map[string]any) (any, error) {
			if body, ok := m["Body"].(map[string]any); ok {
				m = body["CreateResponse"].(map[string]any)["person"].(map[string]any)
			}
			return map[string]any{"id": m["@id"]}, nil
		}),
		Create: &sink.Call{Body: message("Create")},
		Find:   &sink.Find{Body: message("Find"), Records: template{text("/Envelope/Body/FindResponse/person")}},
	}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func person(name string) []record.Change {
	return []record.Change{{Op: record.Create, Key: record.Key(name), After: []byte(`{"name":"` + name + `"}`)}}
}

// A service of SOAP is written to and looked into: answers and faults are read
// as XML, and a fault is never taken for an answer.
func TestSOAP(t *testing.T) {
	clientFault := fmt.Sprintf(faulted, "Client", "the name is taken")
	serverFault := fmt.Sprintf(faulted, "Server", "out of order")
	for name, test := range map[string]struct {
		respond func(operation string) (int, string)
		want    connector.Outcome
		err     error
		asked   []string
	}{
		"created":   {nil, connector.Outcome{Answer: []byte(`{"id":"n1"}`)}, nil, []string{"Create Noor"}},
		"fault 500": {func(string) (int, string) { return 500, clientFault }, connector.Outcome{Status: connector.Refused, Message: "Client: the name is taken (the server says 500 Internal Server Error)"}, nil, []string{"Create Noor"}},
		"fault 200": {func(string) (int, string) { return 200, clientFault }, connector.Outcome{Status: connector.Refused, Message: "Client: the name is taken (the server says 200 OK, and that it failed)"}, nil, []string{"Create Noor"}},
		"server":    {func(string) (int, string) { return 500, serverFault }, connector.Outcome{Status: connector.Refused, Message: "Server: out of order (the server says 500 Internal Server Error)"}, nil, []string{"Create Noor"}},
		"who":       {func(string) (int, string) { return 500, fmt.Sprintf(faulted, "FailedAuthentication", "who?") }, connector.Outcome{Status: connector.NotSent}, connector.ErrUnreachable, []string{"Create Noor"}},
		"lost": {func(operation string) (int, string) {
			if operation == "Create" {
				return 502, "<html>"
			}
			return 0, ""
		}, connector.Outcome{Answer: []byte(`{"id":"n1"}`)}, nil, []string{"Create Noor", "Find Noor"}},
		"lost, and the look faults": {func(operation string) (int, string) {
			if operation == "Create" {
				return 502, "<html>"
			}
			return 200, serverFault
		}, connector.Outcome{Status: connector.Unknown}, nil, []string{"Create Noor", "Find Noor"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &register{ids: map[string]string{}, respond: test.respond}
			out, err := r.open(t).Write(t.Context(), person("Noor"))
			if (err == nil) != (test.err == nil) || err != nil && !errors.Is(err, test.err) {
				t.Fatal(err)
			}
			if test.want.Message == "" {
				out[0].Message = ""
			}
			if diff := cmp.Diff([]connector.Outcome{test.want}, out); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.asked, r.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

// A look that is answered by a fault, or by a document of another kind, does not
// say that a record is not there.
func TestALookThatFaultsTellsNothing(t *testing.T) {
	r := &register{ids: map[string]string{"Noor": "n1"}}
	finder := r.open(t).(connector.Finder)
	if found, err := finder.Find(t.Context(), person("Noor")); err != nil || found[0].N != 1 || string(found[0].Answer) != `{"id":"n1"}` {
		t.Errorf("%+v, %v", found, err)
	}
	if found, err := finder.Find(t.Context(), person("Bo")); err != nil || found[0].N != 0 || found[0].Untold {
		t.Errorf("%+v, %v", found, err)
	}
	for status, body := range map[int]string{200: fmt.Sprintf(faulted, "Server", "busy"), 500: fmt.Sprintf(faulted, "Server", "busy"), 203: "<OtherResponse/>"} {
		r.respond = func(string) (int, string) { return status, body }
		if found, err := finder.Find(t.Context(), person("Noor")); err == nil {
			t.Errorf("%d: %+v", status, found)
		}
	}
}

// An answer with a status of success that says that something failed is a
// refusal, unless it is an echo; of a look it tells nothing.
func TestErrorsInsideOfAnswers(t *testing.T) {
	answer := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, answer) }))
	defer server.Close()
	client, err := httpclient.New(httpclient.Options{URL: server.URL, Config: httpclient.Defaults()}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s, err := sink.Kind().Open(t.Context(), &sink.Config{
		Connection: connector.Connection{Address: "connection.http.x", Get: func(context.Context) (any, error) { return client, nil }},
		Create:     &sink.Call{}, Find: &sink.Find{},
	}, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		answer, after string
		want          connector.Status
		found         int // -1: an error
	}{
		{`{"success":false,"message":"the name is taken"}`, `{"name":"Noor"}`, connector.Refused, -1},
		{`{"errors":["no name"]}`, `{"name":"Noor"}`, connector.Refused, -1},
		{`{"error":"E7","name":"Noor"}`, `{"name":"Noor","error":"E7"}`, connector.Applied, -1},
		{`{"id":1,"error":null,"errors":[],"success":true}`, `{"name":"Noor"}`, connector.Applied, 1},
	} {
		answer = test.answer
		change := []record.Change{{Op: record.Create, Key: "1", After: []byte(test.after)}}
		out, err := s.Write(t.Context(), change)
		if err != nil || out[0].Status != test.want {
			t.Errorf("%s: %+v, %v", test.answer, out, err)
		}
		found, err := s.(connector.Finder).Find(t.Context(), change)
		if (err != nil) != (test.found < 0) || err == nil && found[0].N != test.found {
			t.Errorf("%s: found %+v, %v", test.answer, found, err)
		}
	}
}

func TestPathsOfFindAreChecked(t *testing.T) {
	for path, want := range map[string]bool{"/Envelope/Body/x": true, ".items[]": false, "items": false, "/a[position()=1]": false} {
		c := &sink.Config{Create: &sink.Call{}, Find: &sink.Find{Records: template{text(path)}}}
		if err := c.Validate(); (err == nil) != want {
			t.Errorf("%s: %v", path, err)
		}
	}
}
