package alleyoopsignals_test

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	protocol "koppel/internal/alleyoop"
	"koppel/internal/httpclient"
	office "koppel/internal/sandbox/alleyoop"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
	sink "koppel/sinks/alleyoop-signals"
)

// firstSignal is what a new instance waits for.
const firstSignal = "SAMENSTELLEN_09-AANMAKEN_LIJST"

// dossierOf is the instance of a person of the suite.
func dossierOf(id string) protocol.Dossier {
	return protocol.Dossier{ClientID: id, ProcessKey: "SAMENSTELLEN_09", PeriodStart: "2025-01-01", PeriodEnd: "2025-12-31"}
}

func mapped(person string) string {
	id, _ := record.Text(record.Member([]byte(person), "id"))
	return string(body(dossierOf(id), firstSignal))
}

// rows are the signals that did something, as they were mapped.
func rows(t testing.TB, s *office.System) []string {
	t.Helper()
	owner := map[string]string{}
	for _, r := range s.Data.Rows("instances") {
		owner[r["instanceId"].(string)] = r["clientId"].(string)
	}
	var list []string
	for _, e := range s.Traffic.Effects() {
		list = append(list, string(body(dossierOf(owner[e.Key]), firstSignal)))
	}
	return list
}

func TestConformance(t *testing.T) {
	shape := record.Shape{Pipeline: "pipeline.signals"}
	for _, name := range append(protocol.DossierFields(), "signal") {
		shape.Fields = append(shape.Fields, record.Field{Name: name, Send: true})
	}
	kinds := []string{traffic.Refuse, traffic.LostAnswer, traffic.LoginPage, traffic.CutBody, traffic.EmptyBody, "500", "503"}
	connectortest.Sink(t, connectortest.SinkSuite{
		Kind: sink.Kind(), Shape: &shape, Mapped: mapped,
		Setup: func(t testing.TB) connectortest.Target {
			s, c := installation(t)
			return connectortest.Target{
				Config: c, Canaries: []string{s.Password, s.APIKey},
				Rows: func(t testing.TB) []string { return rows(t, s) },
				Refuse: func(t testing.TB, id string) {
					for _, r := range s.Data.Rows("instances") {
						if r["clientId"] == id {
							if err := s.Data.Delete("instances", fmt.Sprint(r["instanceId"])); err != nil {
								t.Fatal(err)
							}
						}
					}
				},
				Kill: func(t testing.TB, place int) (func(), bool) {
					fault := traffic.Fault{Kind: kinds[place%len(kinds)], At: place/len(kinds) + 1, Times: -1}
					if err := s.Traffic.Fail(fault); err != nil {
						t.Fatal(err)
					}
					return s.Traffic.Heal, place < 7*len(kinds)
				},
			}
		},
	})
}

// installation runs one with an instance for each person of the suite.
func installation(t testing.TB) (*office.System, *sink.Config) {
	t.Helper()
	s, err := office.New(office.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	shared := httpclient.Defaults()
	shared.Retry = &httpclient.Retry{Attempts: 2, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	config := protocol.Config{URL: server.URL + office.Path, Username: s.Username, Password: connector.Secret(s.Password), APIKey: connector.Secret(s.APIKey), Config: shared}
	client, err := protocol.New(config, connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, id := range []string{"p1", "p2", "p3", "p4", "p5"} {
		if _, err := s.Data.Insert("clients", dataset.Row{"clientId": id, "name": "Testpraktijk " + id, "inactive": false}); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Create(t.Context(), dossierOf(id)); err != nil {
			t.Fatal(err)
		}
	}
	s.Traffic.Forget()
	return s, &sink.Config{Connection: connector.Connection{Address: "connection.alleyoop.office", Kind: "alleyoop", Config: &config}}
}
