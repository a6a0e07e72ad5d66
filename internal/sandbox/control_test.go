package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"koppel/internal/sandbox"
	"koppel/internal/sandbox/afas"
)

// steer calls the control API and decodes its answer.
func steer[T any](t *testing.T, s *sandbox.Sandbox, method, path, body string) (int, T) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.ControlURL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s %s: %d %s: %v", method, path, resp.StatusCode, text, err)
	}
	return resp.StatusCode, v
}

func TestInfo(t *testing.T) {
	s := start(t, sandbox.Options{})
	_, got := steer[struct {
		Control string
		Systems []struct {
			Name, URL   string
			Credentials map[string]string
		}
	}](t, s, "GET", "/", "")
	var names []string
	for _, system := range got.Systems {
		names = append(names, system.Name)
		if system.URL != s.URL(system.Name) || len(system.Credentials) < 2 {
			t.Errorf("%+v", system)
		}
	}
	if diff := cmp.Diff([]string{"afas", "alleyoop", "rest", "soap", "graph", "smtp", "xpert"}, names); diff != "" || got.Control != s.ControlURL() {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// page reads some employees and gives their ids.
func page(t *testing.T, s *sandbox.Sandbox, skip int) (ids []string) {
	t.Helper()
	path := fmt.Sprintf("/connectors/Reception_Employees?take=10&skip=%d&orderbyfieldids=EmployeeId", skip)
	req, err := http.NewRequestWithContext(t.Context(), "GET", s.URL("afas")+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", afas.Authorization(s.AFAS.Token))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body struct {
		Rows []struct{ EmployeeId string } //nolint:revive // AFAS's name
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	for _, row := range body.Rows {
		ids = append(ids, row.EmployeeId)
	}
	return ids
}

// TestChangeAmidPaging: a row that goes between two pages hides another one.
func TestChangeAmidPaging(t *testing.T) {
	s := start(t, sandbox.Options{})
	if status, _ := steer[any](t, s, "DELETE", "/afas/data/employees/0001003?after=1", ""); status != 200 {
		t.Fatal(status)
	}
	first, second := page(t, s, 0), page(t, s, 10)
	if first[9] != "0001010" || second[0] != "0001012" {
		t.Errorf("pages %v %v", first, second)
	}
	if status, got := steer[map[string]string](t, s, "POST", "/afas/data/employees", `{"EmId":"0000001","BcCo":"2000101"}`); status != 200 || got["key"] != "0000001" {
		t.Errorf("%d %v", status, got)
	}
	if got := page(t, s, 0); got[0] != "0000001" {
		t.Errorf("after an insert: %v", got)
	}
	steer[any](t, s, "PATCH", "/afas/data/employees/0000001", `{"DpId":"KAZ-99","DaBe":"2026-12-01"}`)
	if _, row := steer[map[string]any](t, s, "GET", "/afas/data/employees/0000001", ""); row["DpId"] != "KAZ-99" || row["DaBe"] != "2026-12-01T00:00:00" {
		t.Errorf("%v", row)
	}
	if _, tables := steer[map[string]int](t, s, "GET", "/afas/data", ""); tables["employees"] != 40 {
		t.Errorf("%v", tables)
	}
	if _, rows := steer[[]map[string]any](t, s, "GET", "/afas/data/employees", ""); len(rows) != 40 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestSteerFaults(t *testing.T) {
	s := start(t, sandbox.Options{})
	if status, list := steer[[]any](t, s, "POST", "/afas/faults", `[{"kind":"503","times":2,"retry_after":"1"},{"kind":"500","path":"/metainfo"}]`); status != 200 || len(list) != 2 {
		t.Errorf("%d %v", status, list)
	}
	resp, err := get(t, s, "/profitversion")
	if err != nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("%v %v", resp, err)
	}
	steer[any](t, s, "DELETE", "/afas/faults", "")
	if resp, err := get(t, s, "/profitversion"); err != nil || resp.StatusCode != 200 {
		t.Errorf("%v %v", resp, err)
	}
	_, counts := steer[struct {
		Requests int
		Status   map[string]int
	}](t, s, "GET", "/afas/counts", "")
	if counts.Requests != 2 || counts.Status["503"] != 1 {
		t.Errorf("%+v", counts)
	}
	if _, calls := steer[[]map[string]any](t, s, "GET", "/afas/calls", ""); len(calls) != 2 || calls[0]["fault"] != "503" {
		t.Errorf("%v", calls)
	}
	steer[any](t, s, "POST", "/afas/forget", "")
	for path, want := range map[string]int{"/afas/calls": 0, "/afas/effects": 0, "/afas/doubled": 0, "/soap/doubled": 0, "/rest/faults": 0} {
		if _, list := steer[[]any](t, s, "GET", path, ""); len(list) != want {
			t.Errorf("%s: %v", path, list)
		}
	}
	steer[any](t, s, "POST", "/afas/down", "")
	if _, err := get(t, s, "/profitversion"); err == nil {
		t.Error("it answers while it is down")
	}
	steer[any](t, s, "POST", "/afas/up", "")
	if _, err := get(t, s, "/profitversion"); err != nil {
		t.Error(err)
	}
}

func TestWrongSteering(t *testing.T) {
	s := start(t, sandbox.Options{})
	for _, c := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"GET", "/exact", "", 404, "no system"},
		{"GET", "/afas/data/people", "", 404, "there are ["},
		{"GET", "/afas/data/employees/1", "", 404, "no row 1"},
		{"POST", "/afas/data/employees", `{"EmId":"1","Nothing":1}`, 400, "no column"},
		{"POST", "/afas/data/employees", `{`, 400, "read the row"},
		{"DELETE", "/afas/data/employees/1", "", 400, "no row 1"},
		{"DELETE", "/afas/data/employees/1?after=x", "", 400, "count of calls"},
		{"POST", "/afas/faults", `{"kind":"quake"}`, 400, "no fault"},
		{"POST", "/afas/faults", `{"kinds":"500"}`, 400, "unknown field"},
		{"POST", "/soap/revoke", "", 400, "no tokens"},
	} {
		status, got := steer[struct{ Error string }](t, s, c.method, c.path, c.body)
		if status != c.status || !strings.Contains(got.Error, c.text) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.body, status, got.Error)
		}
	}
	steer[any](t, s, "DELETE", "/afas/data/employees/1?after=1", "")
	if _, err := get(t, s, "/profitversion"); err != nil {
		t.Fatal(err)
	}
	_, counts := steer[struct {
		Late []string `json:"failed_changes"`
	}](t, s, "GET", "/afas/counts", "")
	if len(counts.Late) != 1 {
		t.Errorf("a change that waited and failed: %v", counts)
	}
	steer[any](t, s, "POST", "/rest/revoke", "")
}

// TestFreshDataIsSingle: nothing of the data counts as doubled, in any size.
func TestFreshDataIsSingle(t *testing.T) {
	s := start(t, sandbox.Options{Employees: 20_000, Clients: 500, Orders: 2000, Persons: 2000})
	for _, system := range s.Systems() {
		if _, list := steer[[]string](t, s, "GET", "/"+system.Name+"/doubled", ""); len(list) != 0 {
			t.Errorf("%s: %v", system.Name, list)
		}
	}
}
