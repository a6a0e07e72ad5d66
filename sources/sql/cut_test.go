package sql

import (
	"testing"

	"koppel/engine/connectortest"
	"koppel/internal/sql/proxytest"
)

// cutRecords is enough for an answer of several parcels.
const cutRecords = 2500

// cuts are the faults of a connection that is cut at each statement in turn,
// before it reaches the server and before its answer comes, and within answers.
func cuts(address string, origin func(t testing.TB, records []string, through func(string) string) connectortest.Origin) []connectortest.Fault {
	var proxy *proxytest.Proxy
	// behind starts a proxy, unless the last one had nothing to cut any more.
	behind := func(t testing.TB, least, place int, records []string) (connectortest.Origin, bool) {
		if place > 0 && proxy.Cuts() == 0 {
			if place < least {
				t.Errorf("only %d places were cut", place)
			}
			return connectortest.Origin{}, false
		}
		proxy = proxytest.Start(t, address)
		return origin(t, records, proxy.Through), true
	}
	statement := func(late bool) func(testing.TB, []string, int) (connectortest.Origin, bool) {
		return func(t testing.TB, records []string, place int) (connectortest.Origin, bool) {
			o, ok := behind(t, 6, place, records)
			if ok {
				proxy.CutAt(place, late)
			}
			return o, ok
		}
	}
	return []connectortest.Fault{
		{Name: "cut before a statement", Setup: statement(false)},
		{Name: "cut before an answer", Setup: statement(true)},
		{Name: "cut within answers", Records: cutRecords, Setup: func(t testing.TB, records []string, place int) (connectortest.Origin, bool) {
			o, ok := behind(t, 6, place, records)
			if ok {
				proxy.CutAnswer(place * 30000)
			}
			return o, ok
		}},
	}
}
