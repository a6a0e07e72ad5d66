package engine

import (
	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/engine/state"
)

// post stores messages for their receivers. They are due at once.
func (s *session) post(tx state.Tx, pipeline int64, key record.Key, sink string, messages []connector.Message) error {
	now := s.Now()
	for _, m := range messages {
		d := &state.Delivery{ID: m.ID, Pipeline: pipeline, Key: key, Run: s.runID, Sink: sink, Receiver: m.Receiver, Topic: m.Topic,
			Status: state.DeliveryPending, Created: now, Due: now, Body: m.Body, Shown: m.Shown}
		if err := tx.PutDelivery(d); err != nil {
			return err
		}
	}
	return nil
}
