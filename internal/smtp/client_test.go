package smtp_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	gomail "github.com/wneessen/go-mail"

	"koppel/engine/connector"
	"koppel/internal/smtp"
)

// TestRate: messages of all that use a connection come no faster than its rate,
// and who stops waiting has sent nothing.
func TestRate(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil { // nobody answers there: what counts is when it is tried
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		client, err := smtp.New(smtp.Config{Host: "127.0.0.1", Port: port, TLS: "none", From: "desk@example.org", Rate: "30/m", Timeout: connector.Duration(time.Minute)}, connector.Env{})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		var mu sync.Mutex
		var tried []time.Duration
		var senders sync.WaitGroup
		for range 2 {
			senders.Go(func() {
				for range 3 {
					var failed *smtp.Error
					if err := client.Send(t.Context(), gomail.NewMsg()); !errors.As(err, &failed) || failed.Fate != smtp.NotSent {
						t.Errorf("%v", err)
					}
					mu.Lock()
					tried = append(tried, time.Since(start).Round(time.Millisecond))
					mu.Unlock()
				}
			})
		}
		senders.Wait()
		var want []time.Duration
		for i := range 6 {
			want = append(want, time.Duration(i)*2*time.Second)
		}
		if diff := cmp.Diff(want, tried); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := client.Send(ctx, gomail.NewMsg()); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}
