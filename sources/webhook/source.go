package webhook

import (
	"context"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	"koppel/internal/webhook"
)

// A receiver is a Source and an http.Handler: what is delivered to the one is read
// by the other, in another process perhaps.
type receiver struct {
	config   Config
	env      connector.Env
	verifier webhook.Verifier
	limit    *rate.Limiter
	places   chan struct{}
	keys     *record.Tree // finds the key of the source in a record
	slots    []int        // the parts of the key in it
	standing *standing
	proven   *proof
	listener connector.Listener // nil: nobody is told

	mu         sync.Mutex // of all below
	unkept     int        // deliveries that could not be kept since that was logged
	reason     string     // that was logged last
	complained time.Time
}

func newReceiver(c Config, env connector.Env) (*receiver, error) {
	limit, err := httpclient.Limiter(c.Rate)
	if err != nil {
		return nil, err
	}
	if c.Rate != "" {
		limit = rate.NewLimiter(limit.Limit(), max(1, int(limit.Limit()))) // those of a second may come at once
	}
	r := &receiver{config: c, env: env, verifier: c.Auth.verifier(env), limit: limit, places: make(chan struct{}, c.Most), keys: record.NewTree(),
		standing: newStanding(), proven: newProof()}
	for _, path := range env.Key {
		r.slots = append(r.slots, r.keys.Want(strings.Split(path, ".")...))
	}
	return r, nil
}

// batch is how many bytes of records are handed over at once.
const batch = 64 << 10

// Read hands over what was delivered since the cursor. The cursor that it gets
// says what a run has in the mirror, and that is dropped from the inbox.
func (r *receiver) Read(ctx context.Context, out connector.Reader) error {
	from, err := out.Begin("", connector.WholeDelta)
	if err != nil {
		return err
	}
	if r.env.Inbox == nil {
		return out.End("", from, connector.Interval{})
	}
	id, last, err := r.env.Inbox.ID(ctx)
	if err != nil {
		return err
	}
	after := connector.InboxPlace(from, id, last)
	if after > 0 && !r.env.ReadOnly {
		if err := r.env.Inbox.Take(ctx, after); err != nil {
			return err
		}
	}
	var lines []byte
	hand := func() error {
		err := out.Records("", 0, lines)
		lines = lines[:0]
		return err
	}
	seen := after
	err = r.env.Inbox.Since(ctx, after, func(seq uint64, body []byte) error {
		seen = seq
		if lines = append(append(lines, body...), '\n'); len(lines) < batch {
			return nil
		}
		return hand()
	})
	if err == nil && len(lines) > 0 {
		err = hand()
	}
	if err != nil {
		return err
	}
	return out.End("", connector.InboxCursor(id, seen), connector.Interval{})
}
