package alleyoopfiles_test

import (
	"crypto/sha256"
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
	sink "koppel/sinks/alleyoop-files"
)

// uploadOf is the file of a person of the suite.
func uploadOf(id string) string {
	return fmt.Sprintf(`{"clientId":%q,"path":%q,"periodEnd":"2025-12-31","periodStart":"2025-01-01","processKey":"SAMENSTELLEN_09","sha256":"%x","type":"CONCEPT_JAARREKENING"}`,
		id, "docs/"+id+".txt", sha256.Sum256([]byte("of "+id)))
}

func mapped(person string) string {
	id, _ := record.Text(record.Member([]byte(person), "id"))
	return uploadOf(id)
}

// TestConformance kills between deliveries only: AlleyOop can't be asked about
// files, so that one whose answer was lost stays in doubt (TestLostAnswers).
func TestConformance(t *testing.T) {
	shape := record.Shape{Pipeline: "pipeline.files"}
	for _, name := range append(protocol.DossierFields(), "type", "path", record.ContentField) {
		shape.Fields = append(shape.Fields, record.Field{Name: name, Send: true})
	}
	connectortest.Sink(t, connectortest.SinkSuite{
		Kind: sink.Kind(), Shape: &shape, Mapped: mapped,
		Setup: func(t testing.TB) connectortest.Target {
			s, c := installation(t)
			dir := t.TempDir()
			for _, id := range persons() {
				write(t, dir, "docs/"+id+".txt", "of "+id)
			}
			return connectortest.Target{
				Config: c, Env: connector.Env{Dir: dir}, Canaries: []string{s.Password, s.APIKey},
				Rows: func(testing.TB) []string {
					var list []string
					for _, f := range s.Data.Rows("files") {
						list = append(list, uploadOf(fmt.Sprint(f["filename"])[:2]))
					}
					return list
				},
				Refuse: func(t testing.TB, id string) {
					for _, r := range s.Data.Rows("instances") {
						if r["clientId"] != id {
							continue
						}
						if err := s.Data.Delete("instances", fmt.Sprint(r["instanceId"])); err != nil {
							t.Fatal(err)
						}
					}
				},
			}
		},
	})
}

func persons() []string { return []string{"p1", "p2", "p3", "p4", "p5"} }

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
	for _, id := range persons() {
		if _, err := s.Data.Insert("clients", dataset.Row{"clientId": id, "name": "Testpraktijk " + id, "inactive": false}); err != nil {
			t.Fatal(err)
		}
		d := protocol.Dossier{ClientID: id, ProcessKey: "SAMENSTELLEN_09", PeriodStart: "2025-01-01", PeriodEnd: "2025-12-31"}
		if _, err := client.Create(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	return s, &sink.Config{Connection: connector.Connection{Address: "connection.alleyoop.office", Kind: "alleyoop", Config: &config}}
}
