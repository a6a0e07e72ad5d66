package monitor

import (
	"context"
	"strings"
	"sync"
	"time"

	"koppel/engine"
	"koppel/engine/state"
	"koppel/internal/serve"

	"github.com/prometheus/client_golang/prometheus"
)

// A StateCollector shows what the state remembers: what is open, how old queues
// are, how long ago pipelines ran well. It is a prometheus.Collector.
type StateCollector struct {
	Store state.Store
	// Status tells what the service does now.
	Status func() serve.Status
	Now    func() time.Time

	mu   sync.Mutex
	at   time.Time // when open was counted
	open openCounts
	good map[string]time.Time // end of the last good run, by name of the pipeline
}

// countEvery is how often open keys are counted, for there may be many.
const countEvery = 30 * time.Second

// collectWait bounds how long the state is waited for.
const collectWait = 10 * time.Second

var (
	lagDesc     = prometheus.NewDesc("koppel_lag_seconds", "How long ago the last run of the pipeline ended that succeeded.", []string{"pipeline"}, nil)
	dueDesc     = prometheus.NewDesc("koppel_overdue_seconds", "How long a run of the pipeline is wanted that has not begun.", []string{"pipeline"}, nil)
	nextDesc    = prometheus.NewDesc("koppel_next_run_timestamp_seconds", "When the pipeline runs next by its schedule.", []string{"pipeline"}, nil)
	pauseDesc   = prometheus.NewDesc("koppel_paused", "1 when the pipeline is paused.", []string{"pipeline"}, nil)
	openDesc    = prometheus.NewDesc("koppel_open_keys", "Keys at which something waits, by pipeline and reason.", []string{"pipeline", "reason"}, nil)
	heldDesc    = prometheus.NewDesc("koppel_held", "Changes that a guard holds and nobody approved, by pipeline.", []string{"pipeline"}, nil)
	failDesc    = prometheus.NewDesc("koppel_failed", "Records that failed, were refused or are in doubt, by pipeline.", []string{"pipeline"}, nil)
	readDesc    = prometheus.NewDesc("koppel_held_reads", "Reads that complete_when does not accept and nobody approved, by source.", []string{"source"}, nil)
	boxDesc     = prometheus.NewDesc("koppel_inbox_events", "Events that no run has taken, by source.", []string{"source"}, nil)
	boxAgeDesc  = prometheus.NewDesc("koppel_inbox_oldest_age_seconds", "Age of the oldest event that no run has taken, by source.", []string{"source"}, nil)
	sendDesc    = prometheus.NewDesc("koppel_deliveries", "Deliveries, by sink, receiver and status.", []string{"sink", "receiver", "status"}, nil)
	sendAgeDesc = prometheus.NewDesc("koppel_deliveries_oldest_age_seconds", "Age of the oldest delivery that is pending, by sink and receiver.", []string{"sink", "receiver"}, nil)
	toldDesc    = prometheus.NewDesc("koppel_subscriptions", "Subscriptions to changes, by source and status: active or failed.", []string{"source", "status"}, nil)
	endDesc     = prometheus.NewDesc("koppel_subscriptions_expire_timestamp_seconds", "When the first of the active subscriptions ends, if nobody renews it, by source.", []string{"source"}, nil)
	wrongDesc   = prometheus.NewDesc("koppel_subscriptions_error", "1 when the system could not be asked for subscriptions, or refused one, by source.", []string{"source"}, nil)
	upDesc      = prometheus.NewDesc("koppel_state_readable", "1 when the state could be read for these metrics.", nil, nil)
)

// Describe names what is collected.
func (c *StateCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lagDesc, dueDesc, nextDesc, pauseDesc, openDesc, heldDesc, failDesc, readDesc, boxDesc, boxAgeDesc, sendDesc, sendAgeDesc, toldDesc, endDesc, wrongDesc, upDesc} {
		out <- d
	}
}

// Collect reads the state.
func (c *StateCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	ctx, cancel := context.WithTimeout(context.Background(), collectWait)
	defer cancel()
	now := c.Now()
	c.pipelines(now, gauge)
	readable := 1.0
	for _, part := range []func(context.Context, time.Time, gaugeFunc) error{c.openKeys, c.inbox, c.deliveries} {
		if err := part(ctx, now, gauge); err != nil {
			readable = 0
		}
	}
	gauge(upDesc, readable)
}

type gaugeFunc = func(d *prometheus.Desc, v float64, labels ...string)

func (c *StateCollector) pipelines(now time.Time, gauge gaugeFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.good == nil {
		c.good = map[string]time.Time{}
	}
	status := c.Status()
	subscriptions(status.Subscriptions, gauge)
	for _, p := range status.Pipelines {
		if p.Last.Status == "succeeded" && p.Last.Ended.After(c.good[p.Name]) {
			c.good[p.Name] = p.Last.Ended
		}
		if last := c.good[p.Name]; !last.IsZero() {
			gauge(lagDesc, now.Sub(last).Seconds(), p.Name)
		}
		overdue := 0.0
		if !p.Due.IsZero() && p.RunningSince.IsZero() {
			overdue = max(now.Sub(p.Due), 0).Seconds()
		}
		gauge(dueDesc, overdue, p.Name)
		if len(p.Next) > 0 {
			gauge(nextDesc, float64(p.Next[0].UnixMilli())/1000, p.Name)
		}
		paused := 0.0
		if p.Paused {
			paused = 1
		}
		gauge(pauseDesc, paused, p.Name)
	}
}

func subscriptions(list []serve.SubscriptionStatus, gauge gaugeFunc) {
	for _, s := range list {
		gauge(toldDesc, float64(s.Active), s.Source, "active")
		gauge(toldDesc, float64(s.Failed), s.Source, "failed")
		if !s.Expires.IsZero() {
			gauge(endDesc, float64(s.Expires.UnixMilli())/1000, s.Source)
		}
		wrong := 0.0
		if s.Err != "" {
			wrong = 1
		}
		gauge(wrongDesc, wrong, s.Source)
	}
}

// RunStarted is there for serve.Observer.
func (c *StateCollector) RunStarted(serve.Started) {}

// RunEnded notes when a pipeline ran well; what is open is counted anew.
func (c *StateCollector) RunEnded(e serve.Ended) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = time.Time{}
	if c.good == nil {
		c.good = map[string]time.Time{}
	}
	if e.Result != nil && e.Result.Status == "succeeded" {
		c.good[e.Pipeline.Name] = e.Ended
	}
}

// openCounts counts open keys by pipeline and reason.
type openCounts struct {
	keys  map[string]map[state.Reason]int
	held  map[string]int // not approved
	reads map[string]int
}

func (c *StateCollector) openKeys(ctx context.Context, now time.Time, gauge gaugeFunc) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() || now.Sub(c.at) >= countEvery || now.Before(c.at) {
		counts, err := countOpen(ctx, c.Store, now)
		if err != nil {
			return err
		}
		c.open, c.at = counts, now
	}
	for name, reasons := range c.open.keys {
		for reason, n := range reasons {
			gauge(openDesc, float64(n), name, string(reason))
		}
		gauge(heldDesc, float64(c.open.held[name]), name)
		gauge(failDesc, float64(reasons[state.Failed]+reasons[state.Refused]+reasons[state.InDoubt]), name)
	}
	for source, n := range c.open.reads {
		gauge(readDesc, float64(n), source)
	}
	return nil
}

func countOpen(ctx context.Context, store state.Store, now time.Time) (openCounts, error) {
	out := openCounts{keys: map[string]map[state.Reason]int{}, held: map[string]int{}, reads: map[string]int{}}
	err := store.View(ctx, func(v state.View) error {
		rows, err := v.Pipelines()
		if err != nil {
			return err
		}
		for _, row := range rows {
			name := strings.TrimPrefix(row.Address, "pipeline.")
			out.keys[name] = map[state.Reason]int{}
			for o, err := range v.Open(row.ID) {
				if err != nil {
					return err
				}
				out.keys[name][o.Reason]++
				if o.Reason == state.Held && !o.ApprovedAt(now) {
					out.held[name]++
				}
			}
		}
		reads, err := v.HeldReads()
		for _, h := range reads {
			if !h.ApprovedAt(now) {
				out.reads[h.Address]++
			}
		}
		return err
	})
	return out, err
}

func (c *StateCollector) inbox(ctx context.Context, now time.Time, gauge gaugeFunc) error {
	counts, err := engine.InboxCounts(ctx, c.Store)
	for source, n := range counts {
		gauge(boxDesc, float64(n.Waiting), source)
		gauge(boxAgeDesc, age(now, n.Oldest), source)
	}
	return err
}

func (c *StateCollector) deliveries(ctx context.Context, now time.Time, gauge gaugeFunc) error {
	return c.Store.View(ctx, func(v state.View) error {
		counts, err := v.CountDeliveries()
		for _, n := range counts {
			gauge(sendDesc, float64(n.Count), n.Sink, n.Receiver, string(n.Status))
			if n.Status == state.DeliveryPending {
				gauge(sendAgeDesc, age(now, n.Oldest), n.Sink, n.Receiver)
			}
		}
		return err
	})
}

func age(now, since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(now.Sub(since), 0).Seconds()
}
