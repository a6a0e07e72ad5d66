package alleyoopsignals_test

import (
	"testing"

	"koppel/engine/connectortest"
	"koppel/engine/record"
	protocol "koppel/internal/alleyoop"
	"koppel/internal/alleyoop/alleyooptest"
	office "koppel/internal/sandbox/alleyoop"
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
	connectortest.Sink(t, connectortest.SinkSuite{
		Kind: sink.Kind(), Shape: &shape, Mapped: mapped,
		Setup: func(t testing.TB) connectortest.Target {
			s, c := alleyooptest.Start(t, office.Options{})
			alleyooptest.Employ(t, s, c, dossierOf)
			return connectortest.Target{
				Config: &sink.Config{Connection: c}, Canaries: []string{s.Password, s.APIKey},
				Rows:   func(t testing.TB) []string { return rows(t, s) },
				Refuse: func(t testing.TB, id string) { alleyooptest.Dismiss(t, s, id) },
				Kill:   alleyooptest.Kill(s, 7),
			}
		},
	})
}
