package alleyoopfiles_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	protocol "koppel/internal/alleyoop"
	"koppel/internal/alleyoop/alleyooptest"
	office "koppel/internal/sandbox/alleyoop"
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
			s, c := alleyooptest.Start(t, office.Options{})
			alleyooptest.Employ(t, s, c, func(id string) protocol.Dossier {
				return protocol.Dossier{ClientID: id, ProcessKey: "SAMENSTELLEN_09", PeriodStart: "2025-01-01", PeriodEnd: "2025-12-31"}
			})
			dir := t.TempDir()
			for _, id := range alleyooptest.Persons() {
				write(t, dir, "docs/"+id+".txt", "of "+id)
			}
			return connectortest.Target{
				Config: &sink.Config{Connection: c}, Env: connector.Env{Dir: dir}, Canaries: []string{s.Password, s.APIKey},
				Rows: func(testing.TB) []string {
					var list []string
					for _, f := range s.Data.Rows("files") {
						list = append(list, uploadOf(fmt.Sprint(f["filename"])[:2]))
					}
					return list
				},
				Refuse: func(t testing.TB, id string) { alleyooptest.Dismiss(t, s, id) },
			}
		},
	})
}
