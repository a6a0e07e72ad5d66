// Package monitor tells machines how the service is: metrics, and whether it
// lives and is ready.
package monitor

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/internal/serve"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics counts what runs do and what connections ask. It is a serve.Observer;
// its methods may be called from any goroutine.
type Metrics struct {
	registry *prometheus.Registry

	runs, records, calls, retries, waits, sent *prometheus.CounterVec
	going, took                                *prometheus.GaugeVec
	callTime                                   *prometheus.HistogramVec
}

// NewMetrics makes metrics of a program of the given version.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "koppel_runs_total",
			Help: "Runs that ended, by pipeline and status."}, []string{"pipeline", "status"}),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "koppel_records_total",
			Help: "Records that targets took, by pipeline and operation."}, []string{"pipeline", "op"}),
		going: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "koppel_runs_in_progress",
			Help: "Runs that go on, by pipeline."}, []string{"pipeline"}),
		took: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "koppel_last_run_duration_seconds",
			Help: "How long the last run took, by pipeline."}, []string{"pipeline"}),
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "koppel_http_requests_total",
			Help: "Requests to systems, each attempt, by connection and HTTP status; none: there was no answer."}, []string{"connection", "status"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "koppel_http_retries_total",
			Help: "Requests that were made again, by connection."}, []string{"connection"}),
		waits: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "koppel_http_wait_seconds_total",
			Help: "How long requests waited for their turn (rate, max_concurrency, Retry-After), by connection."}, []string{"connection"}),
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "koppel_delivery_attempts_total",
			Help: "Attempts to deliver, by sink, receiver and status of the answer; none: there was no answer."}, []string{"sink", "receiver", "status"}),
		callTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "koppel_http_request_duration_seconds",
			Help: "How long requests took once it was their turn, by connection.", Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, []string{"connection"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "koppel_build_info", Help: "1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.runs, m.records, m.going, m.took, m.calls, m.retries, m.waits, m.sent, m.callTime, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// RunStarted counts a run that begins.
func (m *Metrics) RunStarted(s serve.Started) { m.going.WithLabelValues(s.Pipeline.Name).Inc() }

// RunEnded counts a run and what it did.
func (m *Metrics) RunEnded(e serve.Ended) {
	name, status := e.Pipeline.Name, "failed"
	if e.RunID != 0 {
		m.going.WithLabelValues(name).Dec()
	}
	if e.Result != nil {
		status = e.Result.Status
		m.countRecords(name, &e.Result.Counts)
		m.took.WithLabelValues(name).Set(e.Result.Seconds)
	}
	m.runs.WithLabelValues(name, status).Inc()
}

func (m *Metrics) countRecords(pipeline string, c *engine.RunCounts) {
	for op, n := range map[string]int64{"create": c.Created, "update": c.Updated, "delete": c.Deleted, "disable": c.Disabled} {
		m.records.WithLabelValues(pipeline, op).Add(float64(n))
	}
}

// Call counts a request to a system; for connector.Env.Calls.
func (m *Metrics) Call(c connector.Call) {
	status := statusOf(c.Status)
	m.calls.WithLabelValues(c.Connection, status).Inc()
	m.callTime.WithLabelValues(c.Connection).Observe(c.Took.Seconds())
	m.waits.WithLabelValues(c.Connection).Add(max(c.Waited, 0).Seconds())
	if c.Attempt > 1 {
		m.retries.WithLabelValues(c.Connection).Inc()
	}
}

// Attempt counts an attempt to deliver; for dispatch.Dispatcher.Attempted.
func (m *Metrics) Attempt(sink, receiver string, r connector.Receipt) {
	m.sent.WithLabelValues(sink, receiver, statusOf(r.Code)).Inc()
}

// statusOf writes a status of HTTP; 0: there was no answer.
func statusOf(code int) string {
	if code == 0 {
		return "none"
	}
	return strconv.Itoa(code)
}

// Add adds the metrics of a collector, such as a Gauge of the state.
func (m *Metrics) Add(c prometheus.Collector) error { return m.registry.Register(c) }

// Bounds of the page of metrics.
const (
	maxScrapes = 4
	scrapeWait = 20 * time.Second
)

// Page answers with all metrics, in the form that the client asks for. What can't
// be gathered is left out, and told of in the log.
func (m *Metrics) Page(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes, Timeout: scrapeWait,
	})
}
