package afasget

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"koppel/dsl"
	"koppel/engine/connector"
	"koppel/engine/connectortest"
)

// What the window of a source judges are times of Amsterdam.
func TestWindowIsJudgedByTheWall(t *testing.T) {
	dir := t.TempDir()
	text := `connection "afas" "profit" {
  environment = "12345"
  token       = "0123456789abcdef"
}
source "afas_get" "agenda" {
  connection = connection.afas.profit
  connector  = "Agenda"
  key        = ["Id"]
  window {
    field = "Start"
    past  = "1d"
  }
}
`
	if err := os.WriteFile(filepath.Join(dir, "main.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := dsl.Load(t.Context(), dsl.Options{Dir: dir, Sources: []connector.Kind[connector.Source]{Kind()}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	if zone := p.Sources["source.afas_get.agenda"].Window.Zone; zone == nil || zone.String() != "Europe/Amsterdam" {
		t.Errorf("the zone is %v", zone)
	}
}

// All rows that may lie inside the window are asked for, also while the wall
// shows an hour twice.
func TestWindowAsksForEnough(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{
		time.Date(2026, 10, 25, 0, 45, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 15, 0, 0, time.UTC),
		time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
	} {
		f := &fake{sample: `{"id":"x","start":"2026-01-01T00:00:00Z"}`}
		from, to := at.Add(-time.Minute), at.Add(45*time.Minute)
		for moment := from; !moment.After(to); moment = moment.Add(time.Minute) {
			f.rows = append(f.rows, `{"id":"`+moment.Format("150405")+`","start":"`+moment.In(amsterdam).Format("2006-01-02T15:04:05")+`Z"}`)
		}
		c := f.configured(t)
		src := openedKeeping(t, c, connector.Env{Key: []string{"id"}, WindowField: "start",
			Window: func() (string, string) { return from.Format(time.RFC3339), to.Format(time.RFC3339) }})
		rec := &connectortest.Recorder{}
		if err := src.Read(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
		if got := len(rec.All()); got != len(f.rows) {
			t.Errorf("around %s: %d of %d rows are asked for by %s", at, got, len(f.rows), strings.Join(f.calls, "\n"))
		}
	}
}
