package afasupdate

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/afas"
	sandbox "koppel/internal/sandbox/afas"
	"koppel/internal/sandbox/dataset"
	"koppel/internal/sandbox/traffic"
)

// profit starts an environment and opens a sink into it.
func profit(t *testing.T, c *Config, shape record.Shape) (*sandbox.System, connector.Sink) {
	t.Helper()
	noon := func() time.Time { return time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC) }
	s, err := sandbox.New(sandbox.Options{Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	connection := afas.Defaults()
	connection.URL, connection.Token, connection.Language = server.URL+sandbox.Path, connector.Secret(s.Token), "en-us"
	env := connector.Env{Now: noon, Shape: shape}
	client, err := afas.New(connection, env)
	if err != nil {
		t.Fatal(err)
	}
	c.Connection = connector.Connection{Address: "connection.afas.profit", Kind: "afas", Get: func(context.Context) (any, error) { return client, nil }}
	sink, err := Kind().Open(t.Context(), c, env)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, sink
}

func write(t *testing.T, sink connector.Sink, c record.Change) connector.Outcome {
	t.Helper()
	out, err := sink.Write(t.Context(), []record.Change{c})
	if err != nil || len(out) != 1 {
		t.Fatal(out, err)
	}
	return out[0]
}

func staff() *Config {
	return &Config{Connector: "KnEmployee", Root: "AfasEmployee", Keys: []string{"EmId"}, Children: []Child{{Name: "KnPerson"}},
		Find: &Find{Connector: "Reception_Employees", Key: []string{"EmployeeId"}, Columns: map[string]string{
			"FiNm": "FirstName", "LaNm": "LastName", "EmAd": "EmailWork", "BcCo": "PersonId", "DpId": "OrgUnit", "FuDs": "JobTitle"}}}
}

// TestUniqueValueStays: a mail address that did not change is not sent with an
// update, neither of the record nor of the person below it.
func TestUniqueValueStays(t *testing.T) {
	s, sink := profit(t, staff(), record.Shape{})
	persons := len(s.Data.Rows("persons"))
	const before = `{"DpId":"KAZ-01","EmId":"0009001","KnPerson":{"AutoNum":true,"EmAd":"s.proef@example.org","FiNm":"Saar","LaNm":"Proef","MatchPer":"7"}}`
	created := write(t, sink, record.Change{Op: record.Create, Key: "0009001", After: []byte(before)})
	if diff := cmp.Diff(connector.Outcome{Answer: []byte(`{"results":{"AfasEmployee":{"EmId":"0009001"}}}`)}, created); diff != "" {
		t.Fatalf("create (-want +got)\n%s", diff)
	}
	s.Traffic.Forget()
	after := strings.Replace(before, "Saar", "Sara", 1)
	out := write(t, sink, record.Change{Op: record.Update, Key: "0009001", Before: []byte(before), After: []byte(after), Fields: []string{"KnPerson"}, Answer: nil})
	if out.Status != connector.Applied {
		t.Fatalf("%+v", out)
	}
	for _, e := range s.Traffic.Effects() {
		if e.What == "KnPerson" && (strings.Contains(string(e.Body), "example.org") || !strings.Contains(string(e.Body), "Sara")) {
			t.Errorf("%s %s", e.What, e.Body)
		}
	}
	// Nothing is known of what was delivered: all is sent, refused for the
	// address, and what is left is sent.
	again := strings.Replace(after, "Sara", "Sarah", 1)
	out = write(t, sink, record.Change{Op: record.Update, Key: "0009001", After: []byte(again), Fields: []string{"DpId", "KnPerson"}})
	if out.Status != connector.Applied {
		t.Fatalf("%+v", out)
	}
	found, err := sink.(connector.Finder).Find(t.Context(), []record.Change{{Key: "0009001"}, {Key: "none"}})
	if err != nil || found[0].N != 1 || found[1].N != 0 || !strings.Contains(string(found[0].Row), `"FirstName":"Sarah"`) {
		t.Errorf("%+v %v", found, err)
	}
	if n := len(s.Data.Rows("persons")); n != persons+1 {
		t.Errorf("%d persons, want %d", n, persons+1)
	}
}

// TestPresence: a connector that only knows PUT; what AFAS holds already is not
// written.
func TestPresence(t *testing.T) {
	c := &Config{Connector: "KnCourseSessionMember", Keys: []string{"CrId", "SeId", "MeId", "CdId"}, OnCreate: "update",
		Find: &Find{Connector: "Reception_Participants", Key: []string{"CrId", "SeId", "CdId"}, Columns: map[string]string{"Pres": "Present"}}}
	s, sink := profit(t, c, record.Shape{})
	row := s.Data.Rows("presences")[0]
	key, err := record.MakeKey(dataset.Text(row["CrId"]), dataset.Text(row["SeId"]), dataset.Text(row["CdId"]))
	if err != nil {
		t.Fatal(err)
	}
	body := func(pres string) []byte {
		return []byte(`{"CdId":` + dataset.Text(row["CdId"]) + `,"CrId":` + dataset.Text(row["CrId"]) + `,"MeId":"` + dataset.Text(row["MeId"]) + `","Pres":` + pres + `,"SeId":` + dataset.Text(row["SeId"]) + `}`)
	}
	now := dataset.Text(row["Pres"])
	other := map[string]string{"true": "false", "false": "true"}[now]
	if out := write(t, sink, record.Change{Op: record.Create, Key: key, After: body(now)}); out.Status != connector.Applied || len(s.Traffic.Effects()) != 0 {
		t.Errorf("as it stands: %+v, %v", out, s.Traffic.Effects())
	}
	if out := write(t, sink, record.Change{Op: record.Create, Key: key, After: body(other)}); out.Status != connector.Applied || len(s.Traffic.Effects()) != 1 {
		t.Errorf("changed: %+v, %v", out, s.Traffic.Effects())
	}
	if sink.Traits().Journalled {
		t.Error("an update that can be repeated is journalled")
	}
	if out := write(t, sink, record.Change{Op: record.Delete, Key: key, Before: body(other)}); out.Status != connector.Refused || !strings.Contains(out.Message, "DELETE is not supported") {
		t.Errorf("delete: %+v", out)
	}
}

// TestRefusals: AFAS's own words, and what became of each call.
func TestRefusals(t *testing.T) {
	s, sink := profit(t, &Config{Connector: "KnCourseMember", Keys: []string{"CrId", "CdId"}}, record.Shape{})
	member := `{"BcCo":"nobody","CdId":9,"CrId":` + dataset.Text(s.Data.Rows("events")[0]["CrId"]) + `,"CuId":"EUR","Invo":false,"SuDa":"2026-11-01"}`
	out := write(t, sink, record.Change{Op: record.Create, Key: "x", After: []byte(member)})
	if out.Status != connector.Refused || !strings.Contains(out.Message, "The entered value for 'Organisatie/persoon' does not exist. (profitLogReference ") {
		t.Errorf("%+v", out)
	}
	if _, is := sink.(connector.Finder); is {
		t.Error("a sink without find says that it can find")
	}
	good := strings.Replace(member, "nobody", dataset.Text(s.Data.Rows("persons")[0]["BcCo"]), 1)
	for kind, want := range map[string]connector.Status{traffic.LostAnswer: connector.Unknown, traffic.LoginPage: connector.Unknown, "400": connector.Refused, "413": connector.Refused} {
		if err := s.Traffic.Fail(traffic.Fault{Kind: kind, Method: "POST"}); err != nil {
			t.Fatal(err)
		}
		n := s.Traffic.Counts().Action["POST KnCourseMember"]
		if out := write(t, sink, record.Change{Op: record.Create, Key: "y", After: []byte(good)}); out.Status != want || out.Message == "" {
			t.Errorf("%s: %+v", kind, out)
		}
		if again := s.Traffic.Counts().Action["POST KnCourseMember"]; again != n+1 {
			t.Errorf("%s: the POST was made %d times", kind, again-n)
		}
		s.Traffic.Heal()
	}
	_, sink = profit(t, &Config{Connector: "KnCourseMembr"}, record.Shape{})
	if _, err := sink.Write(t.Context(), []record.Change{{Op: record.Create, Key: "x", After: []byte(member)}}); err == nil || !strings.Contains(err.Error(), `did you mean "KnCourseMember"?`) {
		t.Errorf("an unknown connector: %v", err)
	}
}

func TestCheck(t *testing.T) {
	field := func(name string) record.Field { return record.Field{Name: name, Send: true} }
	shape := record.Shape{Fields: []record.Field{field("EmId"), field("DpIt"), field("KnPerson")}}
	c := staff()
	c.Root, c.Find.Columns["X"] = "KnEmployee", "Nothing"
	_, sink := profit(t, c, shape)
	err := sink.(connector.Checker).Check(t.Context())
	for _, want := range []string{`AFAS calls the object of KnEmployee "AfasEmployee"`, `did you mean "DpId"?`, `find names column "Nothing"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, without %q", err, want)
		}
	}
}
