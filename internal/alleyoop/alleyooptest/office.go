// Package alleyooptest runs a simulated installation of AlleyOop, for the tests
// of the kinds that reach it.
package alleyooptest

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/internal/alleyoop"
	"koppel/internal/httpclient"
	office "koppel/internal/sandbox/alleyoop"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// Start runs an installation until the test ends and gives a connection to it,
// which is not open.
func Start(t testing.TB, o office.Options) (*office.System, connector.Connection) {
	t.Helper()
	o.Now = time.Now
	s, err := office.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	shared := httpclient.Defaults()
	shared.Retry = &httpclient.Retry{Attempts: 2, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	return s, connector.Connection{Address: "connection.alleyoop.office", Kind: "alleyoop", Config: &alleyoop.Config{
		URL: server.URL + office.Path, Username: s.Username, Password: connector.Secret(s.Password), APIKey: connector.Secret(s.APIKey), Config: shared,
	}}
}

// Open opens a connection that Start gave, until the test ends.
func Open(t testing.TB, c connector.Connection) (*alleyoop.Client, connector.Connection) {
	t.Helper()
	client, err := alleyoop.New(*c.Config.(*alleyoop.Config), connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	c.Get = func(context.Context) (any, error) { return client, nil }
	return client, c
}

// Know makes clients known to an installation.
func Know(t testing.TB, s *office.System, clients ...string) {
	t.Helper()
	for _, id := range clients {
		if _, err := s.Data.Insert("clients", dataset.Row{"clientId": id, "name": "Testpraktijk " + id, "inactive": false}); err != nil {
			t.Fatal(err)
		}
	}
}

// Employ makes each of Persons known as a client with an instance, and forgets
// the calls that did so.
func Employ(t testing.TB, s *office.System, c connector.Connection, dossier func(client string) alleyoop.Dossier) {
	t.Helper()
	client, err := alleyoop.New(*c.Config.(*alleyoop.Config), connector.Env{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close() // before the suite counts goroutines
	for _, id := range Persons() {
		Know(t, s, id)
		if _, err := client.Create(t.Context(), dossier(id)); err != nil {
			t.Fatal(err)
		}
	}
	s.Traffic.Forget()
}

// Persons are the ids of the records of the conformance suite.
func Persons() []string { return []string{"p1", "p2", "p3", "p4", "p5"} }

// Dismiss removes the instances of a client behind everybody's back.
func Dismiss(t testing.TB, s *office.System, client string) {
	t.Helper()
	for _, r := range s.Data.Rows("instances") {
		if r["clientId"] != client {
			continue
		}
		if err := s.Data.Delete("instances", r["instanceId"].(string)); err != nil {
			t.Fatal(err)
		}
	}
}

// Ways are the kinds of faults by which an installation fails.
func Ways() []string {
	return []string{traffic.Refuse, traffic.LostAnswer, traffic.LoginPage, traffic.CutBody, traffic.EmptyBody, "500", "503"}
}

// Kill makes an installation fail for good at each of its calls, in each of the
// ways in which it can: the Kill of a connectortest.Target.
func Kill(s *office.System, calls int) func(t testing.TB, place int) (revive func(), ok bool) {
	ways := Ways()
	return func(t testing.TB, place int) (func(), bool) {
		t.Helper()
		if err := s.Traffic.Fail(traffic.Fault{Kind: ways[place%len(ways)], At: place/len(ways) + 1, Times: -1}); err != nil {
			t.Fatal(err)
		}
		return s.Traffic.Heal, place < calls*len(ways)
	}
}
