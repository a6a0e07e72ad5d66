package alleyoopinstances_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	protocol "koppel/internal/alleyoop"
	"koppel/internal/alleyoop/alleyooptest"
	office "koppel/internal/sandbox/alleyoop"
	"koppel/internal/sandbox/traffic"
	sink "koppel/sinks/alleyoop-instances"
)

// start runs an installation and gives a configuration for it.
func start(t testing.TB, o office.Options) (*office.System, *sink.Config) {
	t.Helper()
	s, c := alleyooptest.Start(t, o)
	return s, &sink.Config{Reason: "removed by a test", Connection: c}
}

// open opens a sink on an installation.
func open(t testing.TB, c *sink.Config) connector.Sink {
	t.Helper()
	_, c.Connection = alleyooptest.Open(t, c.Connection)
	s, err := sink.Kind().Open(t.Context(), c, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// dossier is a mapped record.
func dossier(client string, year int) []byte {
	return fmt.Appendf(nil, `{"clientId":%q,"periodEnd":"%d-12-31","periodStart":"%d-01-01","processKey":"CONTROLE_08"}`, client, year, year)
}

func mapped(person string) string {
	id, _ := record.Text(record.Member([]byte(person), "id"))
	return string(dossier(id, 2025))
}

// rows are the instances as they are mapped.
func rows(s *office.System) []string {
	var list []string
	for _, r := range s.Data.Rows("instances") {
		if r["processKey"] == "CONTROLE_08" {
			list = append(list, fmt.Sprintf(`{"clientId":%q,"periodEnd":%q,"periodStart":%q,"processKey":%q}`, r["clientId"], r["periodEnd"], r["periodStart"], r["processKey"]))
		}
	}
	return list
}

func TestConformance(t *testing.T) {
	shape := record.Shape{Pipeline: "pipeline.dossiers"}
	for _, name := range protocol.DossierFields() {
		shape.Fields = append(shape.Fields, record.Field{Name: name, Send: true})
	}
	connectortest.Sink(t, connectortest.SinkSuite{
		Kind: sink.Kind(), Shape: &shape, Mapped: mapped,
		Setup: func(t testing.TB) connectortest.Target {
			s, c := start(t, office.Options{})
			alleyooptest.Know(t, s, alleyooptest.Persons()...)
			return connectortest.Target{
				Config: c, Canaries: []string{s.Password, s.APIKey},
				Rows: func(testing.TB) []string { return rows(s) },
				Refuse: func(t testing.TB, id string) {
					if err := s.Data.Delete("clients", id); err != nil {
						t.Fatal(err)
					}
				},
				Kill: alleyooptest.Kill(s, 11),
			}
		},
		Wrong: []connectortest.Wrong{
			{Name: "reason", Change: func(c any) { c.(*sink.Config).Reason = "a\nb" }, Want: "reason"},
			{Name: "no connection", Change: func(c any) { c.(*sink.Config).Connection = connector.Connection{} }, Want: "connection"},
		},
	})
}

func create(body []byte) record.Change {
	return record.Change{Op: record.Create, Key: record.Key(body), After: body}
}

// TestLostAnswers: whatever happens to one of the calls, and then to the same
// change once more, there is one instance and it is known by its id.
func TestLostAnswers(t *testing.T) {
	for _, asList := range []bool{false, true} {
		for _, kind := range append(alleyooptest.Ways(), traffic.ShortBody) {
			for at := 1; at <= 3; at++ {
				t.Run(fmt.Sprintf("%s at %d, list %v", kind, at, asList), func(t *testing.T) {
					s, c := start(t, office.Options{CreatedAsList: asList})
					alleyooptest.Know(t, s, "c")
					if err := s.Traffic.Fail(traffic.Fault{Kind: kind, At: at}); err != nil {
						t.Fatal(err)
					}
					first := open(t, c)
					out, err := first.Write(t.Context(), []record.Change{create(dossier("c", 2025))})
					s.Traffic.Heal()
					found, findErr := first.(connector.Finder).Find(t.Context(), []record.Change{create(dossier("c", 2025))})
					if findErr != nil {
						t.Fatal(findErr)
					}
					applied := err == nil && out[0].Status == connector.Applied
					if n := len(rows(s)); n > 1 || applied && n != 1 || found[0].N != n {
						t.Fatalf("%d instances, %d found, outcome %v, error %v", n, found[0].N, out, err)
					}
					out, err = first.Write(t.Context(), []record.Change{create(dossier("c", 2025))})
					id := s.Data.Rows("instances")[1]["instanceId"]
					if err != nil || out[0].Status != connector.Applied || len(rows(s)) != 1 || string(out[0].Answer) != fmt.Sprintf(`{"instanceId":%q}`, id) {
						t.Errorf("%d instances, outcome %v, error %v", len(rows(s)), out, err)
					}
				})
			}
		}
	}
}

// TestCreates: what stands is taken over, and of several nobody knows which.
func TestCreates(t *testing.T) {
	s, c := start(t, office.Options{})
	alleyooptest.Know(t, s, "c", "d")
	target := open(t, c)
	var batch []record.Change
	for range 20 {
		batch = append(batch, create(dossier("c", 2024)), create(dossier("d", 2024)))
	}
	out, err := target.Write(t.Context(), batch)
	if err != nil || len(out) != 40 || len(rows(s)) != 2 || len(s.Doubled()) != 0 {
		t.Fatalf("%d outcomes, %d instances, %v", len(out), len(rows(s)), err)
	}
	row := s.Data.Rows("instances")[1]
	row["instanceId"] = "twice"
	if _, err := s.Data.Insert("instances", row); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change record.Change
		want   string
	}{
		"two exist":         {create(dossier(row["clientId"].(string), 2024)), "2 instances exist of client " + row["clientId"].(string) + ", process CONTROLE_08, 2024-01-01 to 2024-12-31: "},
		"unknown client":    {create(dossier("nobody", 2024)), "nobody"},
		"no date":           {create([]byte(`{"clientId":"c","periodEnd":"31-12-2025","periodStart":"2025-01-01","processKey":"CONTROLE_08"}`)), "periodEnd is no date"},
		"a time":            {create([]byte(`{"clientId":"c","periodEnd":"2025-12-31","periodStart":"2025-01-01T00:00:00Z","processKey":"CONTROLE_08"}`)), "periodStart is no date"},
		"backwards":         {create([]byte(`{"clientId":"c","periodEnd":"2024-12-31","periodStart":"2025-01-01","processKey":"CONTROLE_08"}`)), "before periodStart"},
		"empty":             {create([]byte(`{"clientId":"","periodEnd":"2025-12-31","periodStart":"2025-01-01","processKey":"CONTROLE_08"}`)), "clientId is empty"},
		"list":              {create([]byte(`{"clientId":["c"],"periodEnd":"2025-12-31","periodStart":"2025-01-01","processKey":"CONTROLE_08"}`)), "clientId is a list"},
		"a line end":        {create([]byte(`{"clientId":"a\nb","periodEnd":"2025-12-31","periodStart":"2025-01-01","processKey":"CONTROLE_08"}`)), "line end"},
		"beyond ASCII":      {create([]byte(`{"clientId":"cé","periodEnd":"2025-12-31","periodStart":"2025-01-01","processKey":"CONTROLE_08"}`)), "can't carry"},
		"another period":    {record.Change{Op: record.Update, Before: dossier("d", 2024), After: dossier("d", 2025)}, "AlleyOop can't change an instance"},
		"removed by hand":   {record.Change{Op: record.Update, Before: dossier("d", 2023), After: dossier("d", 2023)}, "no longer there"},
		"disable":           {record.Change{Op: record.Disable, Before: dossier("d", 2024), After: dossier("d", 2024)}, "can't be disabled"},
		"delete of several": {record.Change{Op: record.Delete, Before: dossier(row["clientId"].(string), 2024)}, "remove the right one"},
	} {
		before := len(s.Data.Rows("instances"))
		out, err := target.Write(t.Context(), []record.Change{test.change})
		if err != nil || out[0].Status != connector.Refused || !strings.Contains(out[0].Message, test.want) {
			t.Errorf("%s: %v, %v, want %q", name, out, err, test.want)
		}
		if n := len(s.Data.Rows("instances")); n != before {
			t.Errorf("%s: %d instances became %d", name, before, n)
		}
	}
}

// TestDelete: the id that was answered wins over the dossier, and what is gone
// is gone.
// An instance that another record has is not taken over: with the one record
// gone, that of the other would be removed.
func TestAnInstanceOfAnotherRecord(t *testing.T) {
	installation, c := start(t, office.Options{})
	alleyooptest.Know(t, installation, "c")
	s := open(t, c)
	first := create(dossier("c", 2025))
	if out, err := s.Write(t.Context(), []record.Change{first}); err != nil || out[0].Status != connector.Applied {
		t.Fatalf("%+v %v", out, err)
	}
	for holder, want := range map[record.Key]connector.Status{"other": connector.Refused, "": connector.Applied} {
		s = open(t, c)
		second := first
		second.Key = "second"
		second.Holder = func([]byte) (record.Key, error) { return holder, nil }
		out, err := s.Write(t.Context(), []record.Change{second})
		if err != nil || out[0].Status != want || !strings.Contains(out[0].Message, string(holder)) {
			t.Errorf("holder %q: %+v %v", holder, out, err)
		}
	}
	twins := []record.Change{create(dossier("c", 2026)), create(dossier("c", 2026))}
	twins[0].Key, twins[1].Key = "one", "two"
	out, err := s.Write(t.Context(), twins)
	if err != nil || out[0].Status != connector.Applied || out[1].Status != connector.Refused {
		t.Errorf("one beside the other: %+v %v", out, err)
	}
}

func TestDelete(t *testing.T) {
	s, c := start(t, office.Options{})
	alleyooptest.Know(t, s, "c")
	target := open(t, c)
	out, err := target.Write(t.Context(), []record.Change{create(dossier("c", 2024))})
	if err != nil {
		t.Fatal(err)
	}
	remove := record.Change{Op: record.Delete, Before: dossier("c", 1999), Answer: out[0].Answer}
	for range 2 {
		if out, err := target.Write(t.Context(), []record.Change{remove}); err != nil || out[0].Status != connector.Applied || len(rows(s)) != 0 {
			t.Errorf("%v %v, %d instances", out, err, len(rows(s)))
		}
	}
	var reasons []string
	for _, e := range s.Traffic.Effects() {
		if e.Op == "delete" {
			reasons = append(reasons, string(e.Body))
		}
	}
	if diff := cmp.Diff([]string{`{"reason":"removed by a test"}`}, reasons); diff != "" {
		t.Error(diff)
	}
}

// TestStops: what would fail for every change stops the sink, with a hint.
func TestStops(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*protocol.Config)
		want   string
	}{
		"password": {func(c *protocol.Config) { c.Password = "wrong" }, "check username and password of the connection, and api_key"},
		"key":      {func(c *protocol.Config) { c.APIKey = "wrong" }, "check api_key of the connection"},
		"host":     {func(c *protocol.Config) { c.URL = "http://127.0.0.1:1/" }, "connection"},
	} {
		_, c := start(t, office.Options{})
		test.change(c.Connection.Config.(*protocol.Config))
		out, err := open(t, c).Write(t.Context(), []record.Change{create(dossier("c", 2024))})
		if len(out) != 0 || !errors.Is(err, connector.ErrUnreachable) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v", name, out, err)
		}
	}
}

func TestShape(t *testing.T) {
	_, c := start(t, office.Options{})
	open(t, c)
	for want, names := range map[string]string{
		`maps no field "periodEnd"`:                  "clientId processKey periodStart",
		`"name", which this sink doesn't send: it s`: "clientId processKey periodStart periodEnd name",
	} {
		shape := record.Shape{Pipeline: "pipeline.p"}
		for _, n := range strings.Fields(names) {
			shape.Fields = append(shape.Fields, record.Field{Name: n, Send: true})
		}
		if _, err := sink.Kind().Open(t.Context(), c, connector.Env{Shape: shape}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", names, err)
		}
	}
}
