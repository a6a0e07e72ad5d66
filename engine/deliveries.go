package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"koppel/engine/connector"
	"koppel/engine/state"
)

// DeliveryQuery selects deliveries. What is empty selects all.
type DeliveryQuery struct {
	Addresses []string // of pipelines
	Receiver  string   // NAME, or SINK.NAME as sink.webhook.partners.portal
	Status    string   // pending, delivered, failed, stopped
	Topic     string   // * stands for one segment
	Key       string   // as people write it
	Since     time.Time
	Limit     int // 0: all
}

// A Delivery is one message as people see it: sensitive values are masked.
type Delivery struct {
	ID, Pipeline, Sink, Receiver, Topic, Key string
	Status                                   string
	Created, Due, Ended                      time.Time // zero: not due, not ended
	Attempts, Code                           int
	Run                                      int64
	// Behind: an earlier message of its key must go first.
	Behind bool
}

// A DeliveryDetail is a delivery with all that is known of it.
type DeliveryDetail struct {
	Delivery
	Headers []connector.Param // none when its sink is no longer configured, or can't be opened
	Body    string
	Tries   []state.Attempt
}

// ErrNoDelivery says that there is no delivery of an ID.
var ErrNoDelivery = errors.New("there is no such delivery")

// Deliveries lists messages, newest first.
func (e *Engine) Deliveries(ctx context.Context, q DeliveryQuery) ([]Delivery, error) {
	list := []Delivery{}
	err := e.Store.View(ctx, func(v state.View) error {
		names, err := pipelineNames(v)
		if err != nil {
			return err
		}
		filter := state.DeliveryFilter{Status: state.DeliveryStatus(q.Status), Since: q.Since}
		filter.Sink, filter.Receiver = splitReceiver(q.Receiver)
		for d, err := range v.Deliveries(filter) {
			if err != nil {
				return err
			}
			if !q.takes(d, names[d.Pipeline]) {
				continue
			}
			list = append(list, deliveryOf(d, names))
			if q.Limit > 0 && len(list) == q.Limit {
				break
			}
		}
		return nil
	})
	return list, err
}

func (q *DeliveryQuery) takes(d *state.Delivery, address string) bool {
	switch {
	case len(q.Addresses) > 0 && !slices.Contains(q.Addresses, address):
		return false
	case q.Key != "" && ShowKey(d.Key) != q.Key:
		return false
	}
	return q.Topic == "" || slices.EqualFunc(strings.Split(q.Topic, "."), strings.Split(d.Topic, "."), func(want, is string) bool { return want == "*" || want == is })
}

// splitReceiver takes the sink's address off the name of a receiver. Names of
// receivers may have points: the address has two, before any bracket.
func splitReceiver(text string) (sink, receiver string) {
	if !strings.HasPrefix(text, "sink.") {
		return "", text
	}
	at := strings.Index(text, "].")
	if at >= 0 {
		return text[:at+1], text[at+2:]
	}
	parts := strings.SplitN(text, ".", 4)
	if len(parts) < 4 {
		return text, ""
	}
	return strings.Join(parts[:3], "."), parts[3]
}

func pipelineNames(v state.View) (map[int64]string, error) {
	rows, err := v.Pipelines()
	names := map[int64]string{}
	for _, row := range rows {
		names[row.ID] = row.Address
	}
	return names, err
}

func deliveryOf(d *state.Delivery, names map[int64]string) Delivery {
	out := Delivery{ID: d.ID, Pipeline: strings.TrimPrefix(names[d.Pipeline], "pipeline."), Sink: d.Sink, Receiver: d.Receiver, Topic: d.Topic,
		Key: ShowKey(d.Key), Status: string(d.Status), Created: d.Created, Ended: d.Ended, Attempts: d.Attempts, Code: d.Code, Run: d.Run}
	if d.Status == state.DeliveryPending {
		out.Due, out.Behind = d.Due, d.Behind
	}
	return out
}

// Delivery shows one message. The error wraps ErrNoDelivery when there is none.
func (e *Engine) Delivery(ctx context.Context, id string) (*DeliveryDetail, error) {
	var d *state.Delivery
	out := &DeliveryDetail{}
	err := e.Store.View(ctx, func(v state.View) error {
		names, err := pipelineNames(v)
		if err != nil {
			return err
		}
		if d, err = v.Delivery(id); err != nil {
			return err
		}
		if d == nil {
			return fmt.Errorf("delivery %s: %w; koppel deliveries lists them", id, ErrNoDelivery)
		}
		out.Delivery = deliveryOf(d, names)
		out.Tries, err = v.Attempts(d.Seq)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.Body = string(d.Body)
	if d.Shown != nil {
		out.Body = string(d.Shown)
		hideIn(out.Tries, d)
	}
	out.Headers = e.deliveryHeaders(ctx, d)
	return out, nil
}

// hideIn masks, in what receivers answered, what people don't see of the body:
// receivers like to repeat it.
func hideIn(tries []state.Attempt, d *state.Delivery) {
	values, shown := map[string]bool{}, map[string]bool{}
	collectText(d.Body, values)
	collectText(d.Shown, shown)
	for text := range shown {
		delete(values, text)
	}
	hidden := slices.SortedFunc(maps.Keys(values), func(a, b string) int { return len(b) - len(a) })
	for i := range tries {
		for _, text := range hidden {
			for _, form := range []string{text, jsonInner(text)} {
				tries[i].Words = hideCut(maskOne(tries[i].Words, form), form)
			}
		}
	}
}

// hideCut masks the beginning of a value at the place where words were cut.
func hideCut(words, value string) string {
	const cut = "…"
	text, ok := strings.CutSuffix(words, cut)
	if !ok {
		return words
	}
	for n := min(len(value)-1, len(text)); n > 0; n-- {
		if strings.HasSuffix(text, value[:n]) {
			return text[:len(text)-n] + mask + cut
		}
	}
	return words
}

// deliveryHeaders asks the sink what goes beside the body.
func (e *Engine) deliveryHeaders(ctx context.Context, d *state.Delivery) []connector.Param {
	courier, done := e.courier(ctx, d.Sink)
	defer done()
	if courier == nil {
		return nil
	}
	return courier.Headers(connector.Message{ID: d.ID, Receiver: d.Receiver, Topic: d.Topic}, max(d.Attempts, 1))
}

// courier opens the sink with an address; nil: it is not configured, can't be
// opened here, or sends no messages. done lets it go.
func (e *Engine) courier(ctx context.Context, address string) (courier connector.Courier, done func()) {
	done = func() {}
	sink := e.Project.Sinks[address]
	if sink == nil {
		return nil, done
	}
	opened, err := sink.Open(ctx, e.Outside(e.TempDir))
	if err != nil {
		return nil, done // a secret that is not set here is no reason to show nothing
	}
	if c, ok := opened.(io.Closer); ok {
		done = func() { _ = c.Close() } // nothing was sent
	}
	courier, _ = opened.(connector.Courier)
	return courier, done
}

// ErrNoReceiver says that a message is for somebody who is not configured any
// more.
var ErrNoReceiver = errors.New("its receiver is not configured any more")

// received checks that whom a message is for is still configured.
func (e *Engine) received(ctx context.Context, id string) error {
	var d *state.Delivery
	if err := e.Store.View(ctx, func(v state.View) (err error) {
		d, err = v.Delivery(id)
		return err
	}); err != nil || d == nil {
		return err // that it is unknown is said where it is changed
	}
	courier, done := e.courier(ctx, d.Sink)
	defer done()
	if e.Project.Sinks[d.Sink] == nil || courier != nil && !slices.Contains(courier.Receivers(), d.Receiver) {
		return fmt.Errorf("delivery %s: %w: %s", id, ErrNoReceiver, strings.TrimSuffix(d.Sink+"."+d.Receiver, "."))
	}
	return nil
}

// Resend makes messages due at once, whatever became of them, with all their
// attempts before them. Those that are behind others of their key go after
// those. Nothing is changed when one of the IDs is unknown, or its receiver is not
// configured. It gives them as they stand afterwards.
func (e *Engine) Resend(ctx context.Context, ids []string) ([]Delivery, error) {
	list := []Delivery{}
	for _, id := range ids {
		if err := e.received(ctx, id); err != nil {
			return list, err
		}
	}
	err := e.Store.Update(ctx, func(tx state.Tx) error {
		names, err := pipelineNames(tx)
		if err != nil {
			return err
		}
		for _, id := range ids {
			d, err := tx.Delivery(id)
			if err != nil {
				return err
			}
			if d == nil {
				return fmt.Errorf("delivery %s: %w; koppel deliveries lists them", id, ErrNoDelivery)
			}
			d.Status, d.Due, d.Ended, d.Tries = state.DeliveryPending, e.Now(), time.Time{}, 0
			if err := tx.SetDelivery(d); err != nil {
				return err
			}
			if d, err = tx.Delivery(id); err != nil {
				return err
			}
			list = append(list, deliveryOf(d, names))
		}
		return nil
	})
	return list, err
}
