package webhook_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"koppel/engine/connector"
	"koppel/internal/sandbox/traffic"
)

// A check asks Graph, and looks whether the address could be reached from
// outside; it sends that nothing.
func TestCheck(t *testing.T) {
	w := newTenancy(t, 1)
	check := func() error {
		return w.door.Handler.(connector.Checker).Check(context.WithoutCancel(t.Context()))
	}
	if err := check(); err != nil {
		t.Errorf("a simulated tenant: %v", err)
	}
	w.open("https://127.0.0.1/hooks/x", "canary-state")
	err := check()
	var doubt *connector.Doubt
	var field *connector.FieldError
	if !errors.As(err, &doubt) || !errors.As(err, &field) || field.Field != "auth.url" || !strings.Contains(err.Error(), "127.0.0.1") || field.Hint == "" {
		t.Errorf("an address of this machine: %v", err)
	}
	if err := w.tenant.Traffic.Fail(traffic.Fault{Kind: "403", Method: "GET", Path: "/subscriptions"}); err != nil {
		t.Fatal(err)
	}
	if err := check(); err == nil || errors.As(err, &doubt) {
		t.Errorf("Graph refuses: %v", err)
	}
}
