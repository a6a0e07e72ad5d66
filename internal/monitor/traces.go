package monitor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/internal/serve"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Traces sends a trace of each run: a span for the run, one for each time that it
// reads, maps, compares or writes, and one for each request. It is a
// serve.Follower; its methods may be called from any goroutine.
type Traces struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer

	mu   sync.Mutex
	runs map[runKey]*tracedRun
}

type runKey struct {
	run      int64
	pipeline string
}

type tracedRun struct {
	ctx   context.Context
	span  trace.Span
	phase string
	inner trace.Span // of the phase; nil: none has begun
}

// NewTraces sends traces where the standard variables OTEL_EXPORTER_OTLP_… say,
// by OTLP over HTTP with protobuf. Without an endpoint among them, or with
// OTEL_SDK_DISABLED=true, it gives nil.
func NewTraces(ctx context.Context, version string, environ func(string) (string, bool)) (*Traces, error) {
	if !tracing(environ) {
		return nil, nil
	}
	if p, _ := environ("OTEL_EXPORTER_OTLP_PROTOCOL"); p != "" && p != "http/protobuf" {
		return nil, fmt.Errorf("send traces: OTEL_EXPORTER_OTLP_PROTOCOL is %s, and only http/protobuf is there", p)
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("send traces: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "koppel"), attribute.String("service.version", version)),
		resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("send traces: read OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return newTraces(sdk.WithBatcher(exporter), sdk.WithResource(about)), nil
}

// tracing tells whether the variables ask for traces.
func tracing(environ func(string) (string, bool)) bool {
	if off, _ := environ("OTEL_SDK_DISABLED"); off == "true" {
		return false
	}
	if to, _ := environ("OTEL_TRACES_EXPORTER"); to == "none" {
		return false
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		if to, _ := environ(name); to != "" {
			return true
		}
	}
	return false
}

func newTraces(o ...sdk.TracerProviderOption) *Traces {
	p := sdk.NewTracerProvider(o...)
	return &Traces{provider: p, tracer: p.Tracer("koppel"), runs: map[runKey]*tracedRun{}}
}

// traceWait bounds how long the last spans are sent.
const traceWait = 5 * time.Second

// Serve sends what is left when ctx ends; for serve.Service.Background.
func (t *Traces) Serve(ctx context.Context) {
	<-ctx.Done()
	ending, stop := context.WithTimeout(context.WithoutCancel(ctx), traceWait)
	defer stop()
	_ = t.provider.Shutdown(ending) // what can't be sent now never can
}

func keyOf(s serve.Started) runKey { return runKey{s.RunID, s.Pipeline.Address} }

// RunStarted begins the span of a run.
func (t *Traces) RunStarted(s serve.Started) {
	ctx, span := t.tracer.Start(context.Background(), "run "+s.Pipeline.Name, trace.WithAttributes(
		attribute.String("koppel.pipeline", s.Pipeline.Name), attribute.Int64("koppel.run", s.RunID), attribute.String("koppel.cause", s.Cause)))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.runs[keyOf(s)] = &tracedRun{ctx: ctx, span: span}
}

// RunProgress begins the span of a phase when it is another than before.
func (t *Traces) RunProgress(s serve.Started, p engine.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.runs[keyOf(s)]
	phase := p.Phase + " " + p.Subject
	if r == nil || r.phase == phase {
		return
	}
	r.endPhase()
	r.phase = phase
	_, r.inner = t.tracer.Start(r.ctx, p.Phase, trace.WithAttributes(attribute.String("koppel.subject", p.Subject)))
}

func (r *tracedRun) endPhase() {
	if r.inner != nil {
		r.inner.End()
	}
}

// RunCall is the span of a request.
func (t *Traces) RunCall(s serve.Started, c connector.Call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.runs[keyOf(s)]
	if r == nil {
		return
	}
	ctx := r.ctx
	if r.inner != nil {
		ctx = trace.ContextWithSpan(ctx, r.inner)
	}
	_, span := t.tracer.Start(ctx, c.Method+" "+c.Connection, trace.WithTimestamp(c.Began), trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", c.Method), attribute.String("koppel.connection", c.Connection),
		attribute.Int("http.response.status_code", c.Status), attribute.Int("http.request.resend_count", c.Attempt-1),
		attribute.Float64("koppel.waited_seconds", c.Waited.Seconds())))
	if c.Status == 0 || c.Status >= 400 {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(c.Began.Add(c.Took)))
}

// RunEnded ends the span of a run.
func (t *Traces) RunEnded(e serve.Ended) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.runs[keyOf(e.Started)]
	if r == nil {
		return
	}
	delete(t.runs, keyOf(e.Started))
	r.endPhase()
	err := e.Err
	if e.Result != nil {
		c := e.Result.Counts
		r.span.SetAttributes(attribute.String("koppel.status", e.Result.Status), attribute.Int64("koppel.created", c.Created),
			attribute.Int64("koppel.updated", c.Updated), attribute.Int64("koppel.deleted", c.Deleted), attribute.Int64("koppel.failed", c.Failed))
		err = errors.Join(err, e.Result.Err)
	}
	if err != nil {
		r.span.SetStatus(codes.Error, err.Error())
	}
	r.span.End()
}
