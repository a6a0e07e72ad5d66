package afasget

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/connectortest"
	"koppel/internal/afas"
	sandbox "koppel/internal/sandbox/afas"
	"koppel/internal/sandbox/dataset"
)

// noon is the clock of the environment: 12:00 in Amsterdam.
func noon() time.Time { return time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC) }

// profit starts an environment and gives a configuration that reads it.
func profit(t testing.TB, name string, o sandbox.Options) (*sandbox.System, *Config) {
	t.Helper()
	o.Now = noon
	s, err := sandbox.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	connection := afas.Defaults()
	connection.URL, connection.Token, connection.Language = server.URL+sandbox.Path, connector.Secret(s.TokenData), "en-us"
	c := Kind().Config().(*Config)
	c.Connector = name
	c.Connection = connector.Connection{Address: "connection.afas.profit", Kind: "afas", Config: &connection}
	return s, c
}

// readFrom reads with a cursor. The environment resets connections that are to
// end with an answer.
func readFrom(t testing.TB, c *Config, cursor connector.Cursor, key ...string) (*connectortest.Recorder, error) {
	t.Helper()
	src := openedKeeping(t, c, connector.Env{Key: key})
	rec := &connectortest.Recorder{Cursors: map[string]connector.Cursor{"": cursor}}
	err := src.Read(t.Context(), rec)
	for _, b := range rec.Breaches {
		t.Errorf("the contract is broken: %s", b)
	}
	return rec, err
}

// TestFullLoadAndCursor reads 20,000 rows, and then what 1 % of changes leaves.
func TestFullLoadAndCursor(t *testing.T) {
	s, c := profit(t, "Reception_Employees", sandbox.Options{Employees: 20000})
	c.Incremental = &connector.Incremental{Cursor: []string{"ModifiedDate", "PersonModifiedDate"}, Overlap: connector.Duration(10 * time.Minute)}
	rec, err := readFrom(t, c, nil, "EmployeeId")
	if err != nil || !rec.Complete() {
		t.Fatal(err, rec.Errs())
	}
	full := s.Traffic.Counts()
	t.Logf("full: %d requests, %d rows read for %d records", full.Requests, full.Rows, len(rec.All()))
	// The columns, three pages of 9,374 at most, and a look behind the last.
	if len(rec.All()) != 20000 || full.Requests != 5 || full.Rows > 20003 {
		t.Errorf("%d records, %d requests, %d rows", len(rec.All()), full.Requests, full.Rows)
	}
	s.Traffic.Forget()
	var want []string
	for i := range 200 {
		id := fmt.Sprintf("%07d", 1001+100*i)
		want = append(want, id)
		at := time.Date(2026, 11, 20, 11, 59, 58, 6e8, time.UTC)
		table, row := "employees", dataset.Row{"FuDs": "Gewijzigd", "ModifiedDate": at}
		if i%2 == 1 {
			table, row = "persons", dataset.Row{"FiNm": "Anders", "ModifiedDate": at}
			id = personOf(s, id)
		}
		if err := s.Data.Update(table, id, row); err != nil {
			t.Fatal(err)
		}
	}
	again, err := readFrom(t, c, rec.ByName[""].Next, "EmployeeId")
	if err != nil || !again.Complete() || again.ByName[""].Mode != connector.WholeDelta {
		t.Fatal(err, again.Errs())
	}
	delta := s.Traffic.Counts()
	t.Logf("1 %% changed: %d requests, %d rows read for %d records", delta.Requests, delta.Rows, len(again.All()))
	got := map[string]bool{}
	for _, row := range again.All() {
		got[employeeOf(row)] = true
	}
	for _, id := range want {
		if !got[id] {
			t.Errorf("%s changed and is not read", id)
		}
	}
	if delta.Requests > 3 || delta.Rows > 400 {
		t.Errorf("%d requests, %d rows", delta.Requests, delta.Rows)
	}
}

func personOf(s *sandbox.System, employee string) string {
	for _, row := range s.Data.Rows("employees") {
		if row["EmId"] == employee {
			return dataset.Text(row["BcCo"])
		}
	}
	return ""
}

func employeeOf(row []byte) string {
	_, rest, _ := strings.Cut(string(row), `"EmployeeId":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

func TestCompositeKey(t *testing.T) {
	s, c := profit(t, "Reception_Participants", sandbox.Options{Employees: 200})
	c.PageSize = 7
	rec, err := readFrom(t, c, nil, "CrId", "SeId", "CdId")
	if err != nil || !rec.Complete() {
		t.Fatal(err, rec.Errs())
	}
	if n := len(s.Data.Rows("presences")); n == 0 || len(rec.All()) != n {
		t.Errorf("%d records of %d", len(rec.All()), n)
	}
}

func TestKeyIsNotUnique(t *testing.T) {
	_, c := profit(t, "Sandbox_Employments", sandbox.Options{Employees: 100})
	rec, err := readFrom(t, c, nil, "EmployeeId")
	if err != nil || rec.Complete() || len(rec.Errs()) == 0 || !strings.Contains(rec.Errs()[0].Error(), "is not unique") {
		t.Errorf("complete %v: %v %v", rec.Complete(), err, rec.Errs())
	}
	if rec, err = readFrom(t, c, nil, "EmployeeId", "EmploymentNumber"); err != nil || !rec.Complete() {
		t.Errorf("with the number: %v %v", err, rec.Errs())
	}
}

func TestOldDecimals(t *testing.T) {
	for version, want := range map[int]string{6: "-0.50 7.75 0.25 0.00 -12.50", 7: "-0.50 7.75 0.25 0.00 -12.50"} {
		_, c := profit(t, "Sandbox_Corrections", sandbox.Options{Version: version})
		rec, err := readFrom(t, c, nil, "LineId")
		if err != nil || !rec.Complete() {
			t.Fatal(err, rec.Errs())
		}
		var got []string
		for _, row := range rec.All() {
			_, hours, _ := strings.Cut(string(row), `"Hours":`)
			got = append(got, strings.TrimSuffix(hours, "}"))
		}
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("version %d: decimals (-want +got)\n%s", version, diff)
		}
	}
}

// TestFilters compares how many rows each filter lets through.
func TestFilters(t *testing.T) {
	for name, test := range map[string]struct {
		filter []Condition
		anyOf  [][]Condition
		want   int
	}{
		"none":              {want: 30},
		"one":               {filter: []Condition{{Field: "EmployeeId", Value: "0001001"}}, want: 1},
		"and":               {filter: []Condition{{"EmployeeId", ">", "0001005"}, {"EmployeeId", "<", "0001008"}}, want: 2},
		"boolean":           {filter: []Condition{{"Blocked", "=", true}}, want: 2},
		"empty":             {filter: []Condition{{"EmailWork", "is_empty", nil}}, want: 3},
		"not empty":         {filter: []Condition{{"EmailWork", "is_not_empty", nil}}, want: 27},
		"comma and colon":   {filter: []Condition{{"JobTitle", "=", "a, b; c"}}, want: 0},
		"any of":            {anyOf: [][]Condition{{{"EmployeeId", "", "0001001"}}, {{"EmployeeId", "", "0001002"}}}, want: 2},
		"any of, and":       {filter: []Condition{{"EmployeeId", "<=", "0001001"}}, anyOf: [][]Condition{{{"EmployeeId", "", "0001001"}}, {{"EmployeeId", "", "0001002"}}}, want: 1},
		"a time with Z":     {filter: []Condition{{"ModifiedDate", ">=", "2000-01-01T00:00:00Z"}}, want: 30},
		"a date":            {filter: []Condition{{"ModifiedDate", ">=", "2000-01-01"}}, want: 30},
		"in another offset": {filter: []Condition{{"ModifiedDate", "<", "2000-01-01T00:00:00+05:00"}}, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, c := profit(t, "Reception_Employees", sandbox.Options{Employees: 30})
			c.Filter, c.AnyOf, c.PageSize = test.filter, test.anyOf, 4
			rec, err := readFrom(t, c, nil, "EmployeeId")
			if err != nil || !rec.Complete() || len(rec.All()) != test.want {
				t.Errorf("%d rows, want %d: %v %v", len(rec.All()), test.want, err, rec.Errs())
			}
		})
	}
}

// TestMistakes: each ends with words that say what to do.
func TestMistakes(t *testing.T) {
	for name, test := range map[string]struct {
		connector string
		key       string
		change    func(s *sandbox.System, c *Config, a *afas.Config)
		want      string
	}{
		"a misspelt connector":  {"Reception_Employes", "EmployeeId", nil, `has no GetConnector "Reception_Employes"; did you mean "Reception_Employees"?`},
		"capitals":              {"reception_employees", "EmployeeId", nil, `did you mean "Reception_Employees"?`},
		"one that is not given": {"Sandbox_Unlisted", "EmployeeId", nil, `add it to the app connector`},
		"one that is blocked":   {"Sandbox_Blocked", "EmployeeId", nil, "is blocked. (profitLogReference "},
		"a column":              {"Reception_Employees", "EmployeId", nil, `key names "EmployeId", which GetConnector "Reception_Employees" does not have; did you mean "EmployeeId"?`},
		"two columns": {"Reception_Employees", "EmployeId", func(_ *sandbox.System, c *Config, _ *afas.Config) {
			c.Filter = []Condition{{Field: "Blokked", Op: "=", Value: "0"}}
		}, `filter names "Blokked", which GetConnector "Reception_Employees" does not have; did you mean "Blocked"?`},
		"a dot":                 {"Sandbox_Dotted", "Medew.", nil, "can't have a dot"},
		"a column that is gone": {"Sandbox_Replaced", "EmployeeId", nil, `column "OldField" shows "(replaced)" in every row`},
		"a wrong token": {"Reception_Employees", "EmployeeId", func(_ *sandbox.System, _ *Config, a *afas.Config) { a.Token = "0000" },
			"AFAS does not accept the credentials"},
		"a wrong path": {"Reception_Employees", "EmployeeId", func(_ *sandbox.System, _ *Config, a *afas.Config) { a.URL = strings.TrimSuffix(a.URL, "Services") },
			"check environment, stage or url of the connection"},
		"no right to call": {"Reception_Employees", "EmployeeId", func(_ *sandbox.System, _ *Config, a *afas.Config) { a.IntegrationID = "" }, "certain addresses"},
	} {
		t.Run(name, func(t *testing.T) {
			o := sandbox.Options{}
			if name == "no right to call" {
				o.Integration = "12345_678900"
			}
			s, c := profit(t, test.connector, o)
			if test.change != nil {
				test.change(s, c, c.Connection.Config.(*afas.Config))
			}
			rec, err := readFrom(t, c, nil, test.key)
			if err == nil || rec.Complete() || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, without %q", err, test.want)
			}
			// What the system says is a failed read; what the files say wrong is not.
			var wrong *connector.FieldError
			if begun := len(rec.Order) == 1; begun == errors.As(err, &wrong) {
				t.Errorf("begun: %v, with %v", begun, err)
			}
		})
	}
}

func TestOAuth(t *testing.T) {
	s, c := profit(t, "Reception_Employees", sandbox.Options{})
	a := c.Connection.Config.(*afas.Config)
	a.Token, a.ClientID, a.ClientSecret = "", s.ClientID, connector.Secret(s.ClientSecret)
	rec, err := readFrom(t, c, nil, "EmployeeId")
	if err != nil || !rec.Complete() {
		t.Fatal(err, rec.Errs())
	}
	if n := s.Traffic.Counts().Action["POST oauth/token"]; n != 1 {
		t.Errorf("%d requests for a token", n)
	}
	a.ClientSecret = "wrong"
	if _, err := readFrom(t, c, nil, "EmployeeId"); err == nil || !strings.Contains(err.Error(), "client_secret") {
		t.Errorf("with a wrong secret: %v", err)
	}
}
