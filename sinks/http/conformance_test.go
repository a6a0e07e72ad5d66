package http_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/rest"
	"koppel/internal/sandbox/traffic"
	sink "koppel/sinks/http"
)

// jq is a program of the tests: a function of its input.
type jq func(input map[string]any) (any, error)

func (p jq) Source() string { return "a program" }

func (p jq) Run(_ context.Context, input any) ([]any, error) {
	m, _ := input.(map[string]any)
	out, err := p(m)
	return []any{out}, err
}

func idOf(input map[string]any) (any, error) { return map[string]any{"id": input["id"]}, nil }

// template is a body that is a text.
type template struct{ connectortest.Text }

func (t template) Run(context.Context, any) ([]any, error) { return []any{string(t.Text)}, nil }

func text(s string) connectortest.Text { return connectortest.Text(s) }

// start runs a shop and gives a sink for its visits, which have no unique value.
func start(t testing.TB) (*rest.System, *sink.Config) {
	t.Helper()
	s, err := rest.New(rest.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	shared := httpclient.Defaults()
	shared.Retry = &httpclient.Retry{Attempts: 2, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	return s, &sink.Config{
		Connection: connector.Connection{Address: "connection.http.shop", Kind: "http", Config: &httpclient.HTTPConfig{
			URL: server.URL + rest.Path, Auth: &httpclient.Auth{Kind: "bearer", Token: connector.Secret(s.Bearer)}, Config: shared}},
		Answer: jq(idOf),
		Create: &sink.Call{Path: text("/visits")},
		Update: &sink.Call{Path: text("/visits/{id}")},
		Delete: &sink.Call{Path: text("/visits/{id}")},
		Find:   &sink.Find{Path: text("/by/all/visits"), Query: map[string]connector.Template{"reference": text("{key}")}},
	}
}

func mapped(person string) string {
	get := func(name string) string {
		v, _ := record.Text(record.Member([]byte(person), name))
		return v
	}
	return fmt.Sprintf(`{"email":"%s@example.org","name":%q,"reference":%q}`, record.Member([]byte(person), "amount"), get("name")+".", get("id"))
}

func shape() *record.Shape {
	s := &record.Shape{Pipeline: "pipeline.visits", Key: []record.KeyField{{Name: "reference", Source: "id"}}}
	for _, name := range []string{"email", "name", "reference"} {
		s.Fields = append(s.Fields, record.Field{Name: name, Send: true})
	}
	return s
}

func rows(s *rest.System) (list []string) {
	for _, r := range s.Data.Rows("visits") {
		list = append(list, fmt.Sprintf(`{"email":%q,"name":%q,"reference":%q}`, r["email"], r["name"], r["reference"]))
	}
	return list
}

// faults by which the shop fails for good.
var faults = []string{traffic.Refuse, traffic.LostAnswer, traffic.LoginPage, traffic.CutBody, traffic.EmptyBody, "500"}

func TestConformance(t *testing.T) {
	connectortest.Sink(t, connectortest.SinkSuite{
		Kind: sink.Kind(), Shape: shape(), Mapped: mapped,
		Setup: func(t testing.TB) connectortest.Target {
			s, c := start(t)
			return connectortest.Target{
				Config: c, Canaries: []string{s.Bearer},
				Rows: func(testing.TB) []string { return rows(s) },
				Kill: func(t testing.TB, place int) (func(), bool) {
					fault := traffic.Fault{Kind: faults[place%len(faults)], At: place/len(faults) + 1, Times: -1}
					if err := s.Traffic.Fail(fault); err != nil {
						t.Fatal(err)
					}
					return s.Traffic.Heal, place < 7*len(faults)
				},
			}
		},
		Wrong: []connectortest.Wrong{
			{Name: "no connection", Change: func(c any) { c.(*sink.Config).Connection = connector.Connection{} }, Want: "connection"},
			{Name: "nothing to do", Change: func(a any) { c := a.(*sink.Config); c.Create, c.Update, c.Delete = nil, nil, nil }, Want: "no create, update or delete block"},
			{Name: "id of a create", Change: func(c any) { c.(*sink.Config).Create.Path = text("/visits/{id}") }, Want: "can't hold {id}"},
			{Name: "id without answer", Change: func(c any) { c.(*sink.Config).Answer = nil }, Want: "answer is missing"},
			{Name: "unknown name", Change: func(c any) { c.(*sink.Config).Update.Path = text("/visits/{page}") }, Want: "page"},
			{Name: "match without find", Change: func(a any) { c := a.(*sink.Config); c.Match, c.Find = []string{"email"}, nil }, Want: "match needs a find block"},
		},
	})
}

// open opens a sink as a run does.
func open(t testing.TB, c *sink.Config, change ...func(*httpclient.HTTPConfig)) connector.Sink {
	t.Helper()
	config := *c.Connection.Config.(*httpclient.HTTPConfig)
	for _, f := range change {
		f(&config)
	}
	env := connector.Env{Now: time.Now, Shape: *shape()}
	opened, err := httpclient.Kind().Open(t.Context(), &config, env)
	if err != nil {
		t.Fatal(err)
	}
	c.Connection.Get = func(context.Context) (any, error) { return opened, nil }
	s, err := sink.Kind().Open(t.Context(), c, env)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func visit(ref, name, email string) []byte {
	return fmt.Appendf(nil, `{"email":%q,"name":%q,"reference":%q}`, email, name, ref)
}

func create(ref string) record.Change {
	key, err := record.MakeKey(ref)
	if err != nil {
		panic(err)
	}
	return record.Change{Op: record.Create, Key: key, After: visit(ref, "Ann", ref+"@example.org")}
}

func write(t testing.TB, s connector.Sink, c record.Change) connector.Outcome {
	t.Helper()
	out, err := s.Write(t.Context(), []record.Change{c})
	if err != nil || len(out) != 1 {
		t.Fatalf("%d outcomes, %v", len(out), err)
	}
	return out[0]
}

// Whatever happens to the one call, nobody is told that nothing was done when
// something may have been, nor the other way round.
func TestOutcomes(t *testing.T) {
	for kind, want := range map[string]struct {
		status connector.Status
		stops  bool
		rows   int
	}{
		traffic.LostAnswer: {connector.Applied, false, 1}, // find sees it
		traffic.CutBody:    {connector.Applied, false, 1},
		traffic.EmptyBody:  {connector.Applied, false, 1},
		traffic.LoginPage:  {connector.Unknown, false, 0},
		"500":              {connector.Unknown, false, 0},
		"422":              {connector.Refused, false, 0},
		"401":              {connector.NotSent, true, 0},
	} {
		t.Run(kind, func(t *testing.T) {
			shop, c := start(t)
			s := open(t, c)
			if err := shop.Traffic.Fail(traffic.Fault{Kind: kind, At: 1}); err != nil {
				t.Fatal(err)
			}
			ref := create("r/1?x&y=é")
			out, err := s.Write(t.Context(), []record.Change{ref})
			if len(out) != 1 || out[0].Status != want.status || (err != nil) != want.stops || len(rows(shop)) != want.rows {
				t.Fatalf("outcomes %+v, error %v, rows %v", out, err, rows(shop))
			}
			if want.status == connector.Applied && !strings.HasPrefix(string(out[0].Answer), `{"id":`) {
				t.Errorf("answer %s", out[0].Answer)
			}
		})
	}
	t.Run("a page, and nothing to keep", func(t *testing.T) {
		shop, c := start(t)
		c.Answer, c.Find, c.Update, c.Delete = nil, nil, nil, nil
		s := open(t, c)
		if err := shop.Traffic.Fail(traffic.Fault{Kind: traffic.LoginPage, At: 1}); err != nil {
			t.Fatal(err)
		}
		if out := write(t, s, create("1")); out.Status != connector.Unknown {
			t.Errorf("%+v", out)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		_, c := start(t)
		s := open(t, c, func(h *httpclient.HTTPConfig) { h.URL = "http://127.0.0.1:1" })
		out, err := s.Write(t.Context(), []record.Change{create("1"), create("2")})
		if err == nil || len(out) != 2 || out[0].Status != connector.NotSent || out[1].Status != connector.NotSent {
			t.Fatalf("outcomes %+v, error %v", out, err)
		}
	})
}

// A 409 is resolved by find: the record that stands there is taken over.
func TestConflict(t *testing.T) {
	shop, c := start(t)
	c.Create.Path, c.Update.Path = text("/customers"), text("/customers/{id}")
	c.Find = &sink.Find{Path: text("/by/all/customers"), Query: map[string]connector.Template{"email": text("{record.email}")}}
	c.Create.Body = jq(func(in map[string]any) (any, error) {
		r := in["record"].(map[string]any)
		return map[string]any{"name": r["name"], "email": r["email"]}, nil
	})
	c.Update.Body = jq(func(in map[string]any) (any, error) {
		r := in["changed"].(map[string]any)
		return map[string]any{"name": r["name"]}, nil
	})
	s := open(t, c)
	if err := shop.Data.Change(func(tx *dataset.Tx) error {
		_, err := tx.Insert("customers", dataset.Row{"id": 77, "name": "Before", "email": "r@example.org"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	out := write(t, s, create("r"))
	if out.Status != connector.Applied || string(out.Answer) != `{"id":77}` {
		t.Fatalf("%+v", out)
	}
	for _, r := range shop.Data.Rows("customers") {
		if r["email"] == "r@example.org" && r["name"] != "Ann" {
			t.Errorf("it is %v", r)
		}
	}
}

func TestMatch(t *testing.T) {
	shop, c := start(t)
	c.Match = []string{"email"}
	c.Find.Query = map[string]connector.Template{"email": text("{record.email}")}
	s := open(t, c)
	write(t, s, create("old"))
	earlier := create("new")
	earlier.After = visit("new", "Ann", "old@example.org")
	none := create("none")
	nobody := create("nobody")
	nobody.After = []byte(`{"email":null,"name":"Ann","reference":"nobody"}`)
	found, err := s.(connector.Matcher).Match(t.Context(), []record.Change{earlier, none, nobody})
	if err != nil {
		t.Fatal(err)
	}
	if found[0].N != 1 || found[1].N != 0 || found[2].N != 0 {
		t.Fatalf("%+v", found)
	}
	update := record.Change{Op: record.Update, Cause: record.CauseAdopted, Key: earlier.Key, Before: found[0].Row, After: earlier.After,
		Fields: []string{"reference", "name"}, Ref: found[0].Ref}
	if out := write(t, s, update); out.Status != connector.Applied || string(out.Answer) != string(found[0].Answer) {
		t.Fatalf("%+v", out)
	}
	if got := rows(shop); len(got) != 1 || got[0] != string(visit("new", "Ann", "old@example.org")) {
		t.Errorf("rows %v", got)
	}
	second := create("second")
	second.After = visit("second", "Ann", "old@example.org")
	if found, err = s.(connector.Matcher).Match(t.Context(), []record.Change{second}); err != nil || found[0].N != 2 {
		t.Errorf("a second claim of one record: %+v, %v", found, err)
	}
}

// A value that is missing must never widen what a request is about.
func TestPathsThatLeadElsewhere(t *testing.T) {
	shop, c := start(t)
	c.Delete.Path = text("/visits/{record.email}")
	s := open(t, c)
	write(t, s, create("1"))
	for _, email := range []string{`""`, `null`, `".."`, `"."`} {
		del := record.Change{Op: record.Delete, Key: "1", Before: []byte(`{"email":` + email + `}`)}
		if out := write(t, s, del); out.Status != connector.Refused || !strings.Contains(out.Message, "path") {
			t.Errorf("%s: %+v", email, out)
		}
	}
	del := record.Change{Op: record.Delete, Key: "1", Before: []byte(`{"email":"1/../2?all=1&x#y"}`)}
	if out := write(t, s, del); out.Status != connector.Applied {
		t.Errorf("delete of a missing record: %+v", out)
	}
	if len(rows(shop)) != 1 {
		t.Errorf("rows %v", rows(shop))
	}
}

func TestProtect(t *testing.T) {
	shop, c := start(t)
	s := open(t, c)
	made := write(t, s, create("1"))
	del := record.Change{Op: record.Delete, Key: create("1").Key, Before: create("1").After, Answer: made.Answer,
		Protect: func(row []byte) bool {
			name, _ := record.Text(record.Member(row, "name"))
			return name == "Ann"
		}}
	if out := write(t, s, del); out.Status != connector.Protected || len(rows(shop)) != 1 {
		t.Errorf("%+v", out)
	}
	del.Protect = func([]byte) bool { return false }
	if out := write(t, s, del); out.Status != connector.Applied || len(rows(shop)) != 0 {
		t.Errorf("%+v", out)
	}
	c.Find = nil
	del.Protect = func([]byte) bool { return true }
	if out := write(t, open(t, c), del); out.Status != connector.Refused {
		t.Errorf("without find: %+v", out)
	}
}

// A service that speaks SOAP is sent envelopes; its faults are refusals, whatever
// their status.
func TestEnvelopes(t *testing.T) {
	var got, action string
	answer, status := "", 200
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got, action = r.Header.Get("Content-Type")+" "+string(body), r.Header.Get("SOAPAction")
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		io.WriteString(w, answer)
	}))
	defer server.Close()
	_, c := start(t)
	c.Answer, c.Find, c.Update, c.Delete = nil, nil, nil, nil
	c.Create = &sink.Call{Path: text("/ws"), Headers: map[string]connector.Template{"SOAPAction": text("Add")},
		Body: template{text("<e:Envelope><e:Body><Add name=\"{record.name}\">{record.email}</Add></e:Body></e:Envelope>")}}
	const fault = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>%s</faultstring></s:Fault></s:Body></s:Envelope>`
	c.Answer = jq(func(in map[string]any) (any, error) {
		added, _ := in["Body"].(map[string]any)["AddResponse"].(map[string]any)
		return map[string]any{"id": added["Id"]}, nil
	})
	s := open(t, c, func(h *httpclient.HTTPConfig) { h.URL = server.URL })
	for _, step := range []struct {
		status int
		answer string
		want   connector.Status
		words  string
	}{
		{200, `<?xml version="1.0"?><e:Envelope xmlns:e="urn:e"><e:Body><AddResponse><Id>7</Id></AddResponse></e:Body></e:Envelope>`, connector.Applied, ""},
		{200, `<Envelope><Body><AddResponse/></Body></Envelope>`, connector.Unknown, "id is null"},
		{500, fmt.Sprintf(fault, "no such department"), connector.Refused, "no such department"},
		{200, fmt.Sprintf(fault, "a fault with 200"), connector.Refused, "a fault with 200"},
		{500, `<Envelope><Body>Fault</Body></Envelope>`, connector.Unknown, ""},
	} {
		status, answer = step.status, step.answer
		out := write(t, s, record.Change{Op: record.Create, Key: "1", After: visit("1", `<A & "B">`, "a@example.org")})
		if out.Status != step.want || !strings.Contains(out.Message, step.words) {
			t.Errorf("%s: %+v", step.answer, out)
		}
		if step.want == connector.Applied && string(out.Answer) != `{"id":"7"}` {
			t.Errorf("answer %s", out.Answer)
		}
		want := `text/xml; charset=utf-8 <e:Envelope><e:Body><Add name="&lt;A &amp; &#34;B&#34;&gt;">a@example.org</Add></e:Body></e:Envelope>`
		if got != want || action != "Add" {
			t.Errorf("sent %s with action %s", got, action)
		}
	}
}

func TestWordsOfErrors(t *testing.T) {
	shop, c := start(t)
	c.Error = jq(func(in map[string]any) (any, error) { return fmt.Sprint("it says ", in["errors"]), nil })
	s := open(t, c)
	wrong := create("1")
	wrong.After = visit("1", "", "no-address")
	out := write(t, s, wrong)
	if out.Status != connector.Refused || !strings.HasPrefix(out.Message, "it says [map[") || len(rows(shop)) != 0 {
		t.Errorf("%+v", out)
	}
}
