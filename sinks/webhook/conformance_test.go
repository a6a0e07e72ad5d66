package webhook_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	sink "koppel/sinks/webhook"
)

// A follower holds what a receiver knows that follows the messages.
type follower struct {
	t    testing.TB
	rows map[string]json.RawMessage
	ids  map[string]bool
}

func (f *follower) post(t testing.TB, messages []connector.Message) {
	t.Helper()
	for _, m := range messages {
		var body struct {
			ID, Topic, Op, Key string
			Record, Before     json.RawMessage
			Changed            map[string]json.RawMessage
			Time               string
		}
		if err := json.Unmarshal(m.Body, &body); err != nil {
			t.Fatal(err)
		}
		if f.ids[m.ID] || m.ID == "" || body.ID != m.ID || m.Receiver != "follower" || body.Topic != "people."+body.Op || m.Topic != body.Topic {
			t.Errorf("message %+v with body %s", m, m.Body)
		}
		f.ids[m.ID] = true
		if held := f.rows[body.Key]; string(held) != string(body.Before) && !(held == nil && string(body.Before) == "null") {
			t.Errorf("%s before it: %s, and the receiver holds %s", body.Op, body.Before, held)
		}
		if f.rows[body.Key] = body.Record; body.Op == "delete" {
			delete(f.rows, body.Key)
		}
	}
}

// Write sends nothing, so that there is nothing to kill between.
func TestConformance(t *testing.T) {
	connectortest.Sink(t, connectortest.SinkSuite{
		Kind: sink.Kind(),
		Setup: func(t testing.TB) connectortest.Target {
			f := &follower{t: t, rows: map[string]json.RawMessage{}, ids: map[string]bool{}}
			c := sink.Kind().Config().(*sink.Config)
			c.Topic = connectortest.Text("people.{op}")
			c.Receivers = []sink.Receiver{
				{Name: "follower", URL: "https://follower.example/hook?code=canary-query", Topics: []string{"people.*"}, Auth: &sink.Auth{Kind: "websub", Secret: "canary-secret"}},
				{Name: "other", URL: "https://other.example", Topics: []string{"people"}},
			}
			return connectortest.Target{
				Config: c, Post: f.post,
				Rows: func(testing.TB) []string {
					var list []string
					for _, key := range slices.Sorted(maps.Keys(f.rows)) {
						list = append(list, string(f.rows[key]))
					}
					return list
				},
			}
		},
		Wrong: []connectortest.Wrong{
			{Name: "no receiver", Want: "receiver", Change: change(func(c *sink.Config) { c.Receivers = nil })},
			{Name: "one name twice", Want: "twice", Change: change(func(c *sink.Config) { c.Receivers[1].Name = "follower" })},
			{Name: "unknown name in the topic", Want: "topic", Change: change(func(c *sink.Config) { c.Topic = connectortest.Text("people.{nonsense}") })},
			{Name: "half a star", Want: "topics", Change: change(func(c *sink.Config) { c.Receivers[0].Topics = []string{"people.cr*"} })},
			{Name: "empty segment", Want: "topics", Change: change(func(c *sink.Config) { c.Receivers[0].Topics = []string{"people..x"} })},
			{Name: "no secret", Want: "secret", Change: change(func(c *sink.Config) { c.Receivers[0].Auth.Secret = "" })},
			{Name: "plain http", Want: "url", Change: change(func(c *sink.Config) { c.Receivers[0].URL = "http://follower.example/hook" })},
			{Name: "user in the url", Want: "url", Change: change(func(c *sink.Config) { c.Receivers[0].URL = "https://a:b@follower.example/hook" })},
			{Name: "header of the protocol", Want: "headers", Change: change(func(c *sink.Config) { c.Headers = map[string]string{"x-hub-signature": "mine"} })},
			{Name: "bearer without token", Want: "token", Change: change(func(c *sink.Config) { c.Receivers[0].Auth = &sink.Auth{Kind: "bearer"} })},
			{Name: "secret of another kind", Want: "secret", Change: change(func(c *sink.Config) { c.Receivers[0].Auth.Kind = "bearer" })},
		},
	})
}

func change(f func(*sink.Config)) func(any) {
	return func(config any) { f(config.(*sink.Config)) }
}
