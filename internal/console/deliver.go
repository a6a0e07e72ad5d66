package console

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"koppel/engine"
	"koppel/engine/state"
	"koppel/internal/view"
)

func (c *call) listDeliveries() (any, error) {
	p, err := c.page()
	if err != nil {
		return nil, err
	}
	seen, err := p.number()
	if err != nil {
		return nil, err
	}
	q := c.URL.Query()
	query := engine.DeliveryQuery{Receiver: q.Get("receiver"), Status: q.Get("status"), Topic: q.Get("topic"), Key: q.Get("key")}
	statuses := []state.DeliveryStatus{"", state.DeliveryPending, state.DeliveryDelivered, state.DeliveryFailed, state.DeliveryStopped}
	if !slices.Contains(statuses, state.DeliveryStatus(query.Status)) {
		return nil, refuse("invalid", "status "+clip(query.Status)+" is none of pending, delivered, failed and stopped")
	}
	if text := q.Get("since"); text != "" {
		if query.Since, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, refuse("invalid", "since "+clip(text)+": write a date and time such as 2026-12-31T12:00:00Z")
		}
	}
	if query.Addresses, err = c.pipelines(); err != nil {
		return nil, err
	}
	query.Limit = int(seen) + p.limit + 1
	list, err := c.engine.Deliveries(c.Context(), query)
	if err != nil {
		return nil, err
	}
	list = list[min(int(seen), len(list)):]
	if len(list) > p.limit {
		list = list[:p.limit]
		c.more(strconv.FormatInt(seen+int64(p.limit), 10))
	}
	return view.NewDeliveries(list), nil
}

func (c *call) showDelivery() (any, error) {
	d, err := c.engine.Delivery(c.Context(), c.PathValue("delivery"))
	if err != nil {
		return nil, noDelivery(err)
	}
	return view.NewDeliveryDetail(d), nil
}

func (c *call) resend() (any, error) {
	ids := c.body.(*Resending).Deliveries
	if len(ids) == 0 {
		return nil, refuse("invalid", "name the deliveries")
	}
	list, err := c.engine.Resend(c.Context(), ids)
	if err != nil {
		return nil, noDelivery(err)
	}
	c.engine.Log.Info("deliveries are sent again", "count", len(list))
	return view.NewDeliveries(list), nil
}

func noDelivery(err error) error {
	if errors.Is(err, engine.ErrNoDelivery) || errors.Is(err, engine.ErrNoReceiver) {
		return refuse("unknown", clip(err.Error()))
	}
	return err
}
