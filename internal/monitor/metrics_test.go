package monitor_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/state"
	"koppel/engine/state/sqlite"
	"koppel/internal/monitor"
	"koppel/internal/serve"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

func open(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "state.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var now = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

// scrape reads the page of metrics with Prometheus' own parser: values by name
// and labels, without those of the Go runtime and the process.
func scrape(t *testing.T, m *monitor.Metrics) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	m.Page(slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(w.Body)
	if err != nil || w.Code != 200 {
		t.Fatal(w.Code, err)
	}
	got := map[string]float64{}
	for name, f := range families {
		if !strings.HasPrefix(name, "koppel_") {
			continue
		}
		if f.GetHelp() == "" {
			t.Errorf("%s has no help", name)
		}
		for _, one := range f.Metric {
			var labels []string
			for _, l := range one.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			slices.Sort(labels)
			id := name + "{" + strings.Join(labels, ",") + "}"
			switch {
			case one.Counter != nil:
				got[id] = one.Counter.GetValue()
			case one.Gauge != nil:
				got[id] = one.Gauge.GetValue()
			case one.Histogram != nil:
				got[id] = float64(one.Histogram.GetSampleCount())
			}
		}
	}
	return got
}

func TestMetricsOfRunsAndCalls(t *testing.T) {
	m := monitor.NewMetrics("1.2")
	people := &engine.Pipeline{Name: `people["acme"]`, Address: `pipeline.people["acme"]`}
	started := serve.Started{RunID: 7, Pipeline: people}
	m.RunStarted(started)
	m.RunStarted(started)
	m.RunEnded(serve.Ended{Started: started, Result: &engine.PipelineResult{Status: "partial", Seconds: 1.5,
		Counts: engine.RunCounts{Created: 3, Deleted: 1, Unchanged: 9}}})
	m.RunEnded(serve.Ended{Started: serve.Started{Pipeline: people}, Err: errors.New("no state")})
	m.Call(connector.Call{Connection: "connection.http.shop", Method: "GET", Status: 503, Attempt: 1, Took: time.Second})
	m.Call(connector.Call{Connection: "connection.http.shop", Method: "GET", Attempt: 2, Waited: 2 * time.Second, Took: time.Second})
	m.Attempt("sink.webhook.partners", "portal", connector.Receipt{Code: 503})
	m.Attempt("sink.webhook.partners", "portal", connector.Receipt{Code: 503})
	m.Attempt("sink.webhook.partners", "portal", connector.Receipt{})
	want := map[string]float64{
		"koppel_delivery_attempts_total{receiver=portal,sink=sink.webhook.partners,status=503}":  2,
		"koppel_delivery_attempts_total{receiver=portal,sink=sink.webhook.partners,status=none}": 1,
		"koppel_build_info{version=1.2}":                                          1,
		`koppel_runs_total{pipeline=people["acme"],status=partial}`:               1,
		`koppel_runs_total{pipeline=people["acme"],status=failed}`:                1,
		`koppel_runs_in_progress{pipeline=people["acme"]}`:                        1,
		`koppel_last_run_duration_seconds{pipeline=people["acme"]}`:               1.5,
		`koppel_records_total{op=create,pipeline=people["acme"]}`:                 3,
		`koppel_records_total{op=update,pipeline=people["acme"]}`:                 0,
		`koppel_records_total{op=delete,pipeline=people["acme"]}`:                 1,
		`koppel_records_total{op=disable,pipeline=people["acme"]}`:                0,
		"koppel_http_requests_total{connection=connection.http.shop,status=503}":  1,
		"koppel_http_requests_total{connection=connection.http.shop,status=none}": 1,
		"koppel_http_retries_total{connection=connection.http.shop}":              1,
		"koppel_http_wait_seconds_total{connection=connection.http.shop}":         2,
		"koppel_http_request_duration_seconds{connection=connection.http.shop}":   2,
	}
	if diff := cmp.Diff(want, scrape(t, m)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestMetricsOfTheState(t *testing.T) {
	s := open(t)
	err := s.Update(t.Context(), func(tx state.Tx) error {
		id, err := tx.PutPipeline(state.Pipeline{Address: "pipeline.people"})
		if err != nil {
			return err
		}
		for _, o := range []state.Open{
			{Key: "1", Reason: state.Held, Op: record.Delete}, {Key: "2", Reason: state.Held, Op: record.Delete, Approved: true},
			{Key: "3", Reason: state.Held, Op: record.Delete, Approved: true, Until: now}, {Key: "4", Reason: state.Refused}, {Key: "5", Reason: state.Failed},
		} {
			if err := tx.PutOpen(id, &o); err != nil {
				return err
			}
		}
		src, err := tx.PutSource(state.Source{Address: "source.file.people"})
		if err != nil {
			return err
		}
		return tx.PutHeldRead(state.HeldRead{Source: src, Address: "source.file.people", Count: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Inbox().Put(t.Context(), "source.webhook.x", []state.Event{{ID: "a", At: now.Add(-time.Minute), Body: []byte(`{}`)}}); err != nil {
		t.Fatal(err)
	}
	m := monitor.NewMetrics("1.2")
	status := serve.Status{Pipelines: []serve.PipelineStatus{{Name: "people", Paused: true, Due: now.Add(-2 * time.Minute), Next: []time.Time{now.Add(time.Hour)},
		Last: serve.Last{RunID: 1, Status: "succeeded", Ended: now.Add(-time.Hour)}}}}
	status.Subscriptions = []serve.SubscriptionStatus{{Source: "source.webhook.m", Active: 40, Failed: 2, Expires: now.Add(time.Hour), Err: "403"}, {Source: "source.webhook.n"}}
	if err := m.Add(&monitor.StateCollector{Store: s, Status: func() serve.Status { return status }, Now: func() time.Time { return now }}); err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"koppel_build_info{version=1.2}":                           1,
		"koppel_state_readable{}":                                  1,
		"koppel_lag_seconds{pipeline=people}":                      3600,
		"koppel_overdue_seconds{pipeline=people}":                  120,
		"koppel_paused{pipeline=people}":                           1,
		"koppel_next_run_timestamp_seconds{pipeline=people}":       float64(now.Add(time.Hour).Unix()),
		"koppel_open_keys{pipeline=people,reason=held}":            3,
		"koppel_open_keys{pipeline=people,reason=refused}":         1,
		"koppel_open_keys{pipeline=people,reason=failed}":          1,
		"koppel_held{pipeline=people}":                             2,
		"koppel_failed{pipeline=people}":                           2,
		"koppel_held_reads{source=source.file.people}":             1,
		"koppel_inbox_events{source=source.webhook.x}":             1,
		"koppel_inbox_oldest_age_seconds{source=source.webhook.x}": 60,

		"koppel_subscriptions{source=source.webhook.m,status=active}":            40,
		"koppel_subscriptions{source=source.webhook.m,status=failed}":            2,
		"koppel_subscriptions{source=source.webhook.n,status=active}":            0,
		"koppel_subscriptions{source=source.webhook.n,status=failed}":            0,
		"koppel_subscriptions_expire_timestamp_seconds{source=source.webhook.m}": float64(now.Add(time.Hour).Unix()),
		"koppel_subscriptions_error{source=source.webhook.m}":                    1,
		"koppel_subscriptions_error{source=source.webhook.n}":                    0,
	}
	if diff := cmp.Diff(want, scrape(t, m)); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
}

func TestReadiness(t *testing.T) {
	s := open(t)
	status := serve.Status{Since: now}
	clock := now
	h := &monitor.Health{Store: s, Status: func() serve.Status { return status }, Dirs: []string{t.TempDir()}, Now: func() time.Time { return clock }}
	ask := func() (int, string) {
		clock = clock.Add(time.Second)
		w := httptest.NewRecorder()
		h.Ready(w, httptest.NewRequest("GET", "/readyz", nil).WithContext(context.Background()))
		return w.Code, w.Body.String()
	}
	cases := map[string]struct {
		spoil func()
		code  int
		says  string
	}{
		"1 well":        {func() {}, 200, `"ready":true`},
		"2 refused":     {func() { status.Refused = errors.New("secret") }, 200, "a later configuration was refused"},
		"3 stopping":    {func() { status.Stopping = true }, 503, "it stops"},
		"4 no room":     {func() { status.Stopping, h.Dirs = false, append(h.Dirs, filepath.Join(h.Dirs[0], "none")) }, 503, "no such file"},
		"5 state is no": {func() { _ = s.Close() }, 503, `"name":"state","ok":false`},
	}
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		c := cases[name]
		c.spoil()
		code, text := ask()
		if code != c.code || !strings.Contains(text, c.says) || strings.Contains(text, "secret") {
			t.Errorf("%s: %d %s", name, code, text)
		}
	}
	w := httptest.NewRecorder()
	if h.Live(w, nil); w.Code != 200 || w.Body.String() != "ok\n" {
		t.Errorf("live: %d %s", w.Code, w.Body)
	}
}
