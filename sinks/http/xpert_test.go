package http_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/engine/record"
	"koppel/internal/httpclient"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
	suite "koppel/internal/sandbox/xpert"
	"koppel/internal/xpert"
	sink "koppel/sinks/http"
)

// startSuite runs an Xpert Suite without employees, and gives a sink for them.
// Its clock, and that of who asks, goes on with each login.
func startSuite(t testing.TB) (*suite.System, *sink.Config, func() time.Time) {
	t.Helper()
	var clock atomic.Int64
	clock.Store(1_800_000_000)
	now := func() time.Time { return time.Unix(clock.Load(), 0) }
	s, err := suite.New(suite.Options{Now: now, Employees: 1})
	if err == nil {
		err = s.Data.Delete("employees", "1001")
	}
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == suite.LoginPath {
			clock.Add(30) // before the answer; the code of the window before is still good
		}
		s.Traffic.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	shared := httpclient.Defaults()
	shared.Retry = &httpclient.Retry{Attempts: 2, Min: connector.Duration(time.Millisecond), Max: connector.Duration(time.Millisecond)}
	return s, &sink.Config{
		Connection: connector.Connection{Address: "connection.xpert.suite", Kind: "xpert", Config: &xpert.Config{
			URL: server.URL, Account: s.Account, Token: connector.Secret(s.Token), TOTPSecret: connector.Secret(s.TOTPSecret), Config: shared}},
		Answer: jq(idOf),
		Create: &sink.Call{Path: text("/employees")},
		Update: &sink.Call{Path: text("/employees/{id}")},
		Delete: &sink.Call{Path: text("/employees/{id}")},
		Find: &sink.Find{Path: text("/employees"), Query: map[string]connector.Template{"employeeNumber": text("{key}")},
			Records: jq(func(input map[string]any) (any, error) { return input["items"], nil })},
	}, now
}

func TestConformanceBehindALogin(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	kind := sink.Kind()
	kind.Connections = append(kind.Connections, xpert.Kind())
	s := &record.Shape{Pipeline: "pipeline.employees", Key: []record.KeyField{{Name: "employeeNumber", Source: "id"}}}
	for _, name := range []string{"department", "employeeNumber", "lastName"} {
		s.Fields = append(s.Fields, record.Field{Name: name, Send: true})
	}
	connectortest.Sink(t, connectortest.SinkSuite{
		Kind: kind, Shape: s,
		Mapped: func(person string) string {
			get := func(name string) string {
				v, _ := record.Text(record.Member([]byte(person), name))
				return v
			}
			return fmt.Sprintf(`{"department":"%s","employeeNumber":%q,"lastName":%q}`, record.Member([]byte(person), "amount"), get("id"), get("name"))
		},
		Setup: func(t testing.TB) connectortest.Target {
			s, c, now := startSuite(t)
			return connectortest.Target{
				Config: c, Env: connector.Env{Now: now},
				Rows: func(testing.TB) (list []string) {
					for _, r := range s.Data.Rows("employees") {
						list = append(list, fmt.Sprintf(`{"department":%q,"employeeNumber":%q,"lastName":%q}`, dataset.Text(r["department"]), r["employeeNumber"], dataset.Text(r["lastName"])))
					}
					return list
				},
				Kill: func(t testing.TB, place int) (func(), bool) {
					if err := s.Traffic.Fail(traffic.Fault{Kind: faults[place%len(faults)], At: place/len(faults) + 1, Times: -1}); err != nil {
						t.Fatal(err)
					}
					return s.Traffic.Heal, place < 3*len(faults) // the login, and the calls after it
				},
			}
		},
	})
}
