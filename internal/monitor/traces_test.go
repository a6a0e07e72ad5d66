package monitor

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"koppel/engine"
	"koppel/engine/connector"
	"koppel/internal/serve"

	"github.com/google/go-cmp/cmp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// traced has traces told of a run that reads, asks and fails.
func traced(t *Traces) {
	s := serve.Started{RunID: 7, Pipeline: &engine.Pipeline{Name: "people", Address: "pipeline.people"}, Cause: serve.CauseSchedule}
	t.RunCall(s, connector.Call{Method: "GET"}) // of no run that is known
	t.RunStarted(s)
	for range 3 {
		t.RunProgress(s, engine.Progress{Phase: "reading", Subject: "source.http.people"})
	}
	t.RunCall(s, connector.Call{Connection: "connection.http.shop", Method: "GET", Status: 503, Attempt: 2, Began: time.Unix(100, 0), Took: time.Second})
	t.RunProgress(s, engine.Progress{Phase: "writing", Subject: "pipeline.people"})
	t.RunEnded(serve.Ended{Started: s, Result: &engine.PipelineResult{Status: "failed", Err: errors.New("no room")}})
}

func TestSpansOfARun(t *testing.T) {
	kept := tracetest.NewInMemoryExporter()
	traced(newTraces(sdk.WithSyncer(kept)))
	names := map[string]string{}
	for _, s := range kept.GetSpans() {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	var got []string
	for _, s := range kept.GetSpans() {
		got = append(got, s.Name+" in "+names[s.Parent.SpanID().String()]+" "+s.Status.Code.String())
		if s.Name == "GET connection.http.shop" && s.EndTime.Sub(s.StartTime) != time.Second {
			t.Errorf("the request took %v", s.EndTime.Sub(s.StartTime))
		}
	}
	want := []string{"GET connection.http.shop in reading Error", "reading in run people Unset", "writing in run people Unset", "run people in  Error"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
}

func TestTracesAreSentWhereTheVariablesSay(t *testing.T) {
	sent := make(chan string, 9)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent <- r.URL.Path + " " + r.Header.Get("Content-Type") + " " + string(body)
	}))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	traces, err := NewTraces(t.Context(), "1.2", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	traced(traces)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	traces.Serve(ctx)
	if got := <-sent; !strings.HasPrefix(got, "/v1/traces application/x-protobuf ") || !strings.Contains(got, "run people") {
		t.Errorf("sent: %q", got)
	}
}

func TestTracesAreOffUnlessAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		vars map[string]string
		err  bool
	}{
		"nothing set": {nil, false},
		"disabled":    {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}, false},
		"no exporter": {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER": "none"}, false},
		"grpc":        {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, true},
	} {
		traces, err := NewTraces(t.Context(), "1.2", func(name string) (string, bool) { v, ok := c.vars[name]; return v, ok })
		if traces != nil || (err != nil) != c.err {
			t.Errorf("%s: %v, %v", name, traces, err)
		}
	}
}
