package afas_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/internal/sandbox/afas"
	"koppel/internal/sandbox/dataset"
)

// noon is the clock of the tests: 12:00 in Amsterdam.
func noon() time.Time { return time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC) }

// A profit is a running environment and a caller of it.
type profit struct {
	*afas.System
	t   *testing.T
	url string
	// header is sent with every call.
	header http.Header
}

func start(t *testing.T, o afas.Options) *profit {
	t.Helper()
	if o.Now == nil {
		o.Now = noon
	}
	s, err := afas.New(o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Traffic)
	t.Cleanup(server.Close)
	return &profit{System: s, t: t, url: server.URL + afas.Path, header: http.Header{
		"Authorization": {afas.Authorization(s.Token)}, "Accept-Language": {"en-us"},
	}}
}

// An answer is what a call got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (p *profit) call(method, path, body string) answer {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header = p.header.Clone()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// rows reads a connector; every value is as its JSON text.
func (p *profit) rows(path string) []map[string]any {
	p.t.Helper()
	a := p.call("GET", "/connectors/"+path, "")
	var body struct {
		Skip, Take int
		Rows       []map[string]any
	}
	d := json.NewDecoder(strings.NewReader(a.body))
	d.UseNumber()
	if err := d.Decode(&body); err != nil || a.status != http.StatusOK || body.Rows == nil {
		p.t.Fatalf("GET %s: %d %v: %s", path, a.status, err, a.body)
	}
	return body.Rows
}

func (p *profit) ids(path, column string) []string {
	p.t.Helper()
	var ids []string
	for _, row := range p.rows(path) {
		ids = append(ids, fmt.Sprint(row[column]))
	}
	return ids
}

// refused checks a refusal in Profit's own shape.
func (p *profit) refused(a answer, want string) {
	p.t.Helper()
	var body struct {
		Message   string `json:"externalMessage"`
		Number    int    `json:"errorNumber"`
		Reference string `json:"profitLogReference"`
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		p.t.Fatalf("%d %s: %v", a.status, a.body, err)
	}
	if a.status != http.StatusInternalServerError || !strings.Contains(body.Message, want) || body.Number >= 0 || len(body.Reference) != 32 {
		p.t.Errorf("the answer is %d %s, want a refusal with %q", a.status, a.body, want)
	}
}

func TestPaging(t *testing.T) {
	p := start(t, afas.Options{Employees: 250})
	for query, want := range map[string]int{
		"": 100, "?skip=200": 50, "?take=7": 7, "?skip=-1&take=-1": 250, "?skip=-1&take=3": 250, "?skip=250&take=10": 0,
		"?skip=0&take=0": 1, "?skip=-5&take=10": 10, "?skip=x&take=10": 10, "?skip=249&take=1000": 1,
	} {
		if got := len(p.rows("Sandbox_Replaced" + query)); got != want {
			t.Errorf("%s gives %d rows, want %d", query, got, want)
		}
	}
	p.refused(p.call("GET", "/connectors/Sandbox_Replaced?skip=2&take=-1", ""), "unexpected error")
}

func TestOrder(t *testing.T) {
	p := start(t, afas.Options{Employees: 60})
	if slices.Equal(p.ids("Reception_Employees", "EmployeeId"), p.ids("Reception_Employees", "EmployeeId")) {
		t.Error("without a sort two reads come in the same order")
	}
	once, again := p.ids("Reception_Employees?orderbyfieldids=OrgUnit", "EmployeeId"), p.ids("Reception_Employees?orderbyfieldids=OrgUnit", "EmployeeId")
	if slices.Equal(once, again) {
		t.Error("with a sort that is not unique two reads come in the same order")
	}
	up := p.ids("Reception_Employees?orderbyfieldids=EmployeeId", "EmployeeId")
	down := p.ids("Reception_Employees?orderbyfieldids=-EmployeeId", "EmployeeId")
	slices.Reverse(down)
	if !slices.IsSorted(up) || !slices.Equal(up, down) || len(up) != 60 {
		t.Errorf("by a unique field: %v, and backwards %v", up, down)
	}
	units := p.ids("Reception_Employees?orderbyfieldids=OrgUnit,-EmployeeId", "OrgUnit")
	if !slices.IsSorted(units) {
		t.Errorf("by unit: %v", units)
	}
	p.refused(p.call("GET", "/connectors/Sandbox_Dotted?orderbyfieldids=Medew.", ""), "Invalid Index field")
	if got := p.ids("Sandbox_Dotted?orderbyfieldids="+url.QueryEscape("['Medew.']"), "Medew."); !slices.IsSorted(got) {
		t.Errorf("by a field with a dot: %v", got)
	}
	p.refused(p.call("GET", "/connectors/Reception_Employees?orderbyfieldids=Nothing", ""), "'Nothing' not found in connector")
}

func TestFilters(t *testing.T) {
	p := start(t, afas.Options{Employees: 30})
	count := func(q url.Values) int {
		q.Set("take", "1000")
		return len(p.rows("Reception_Employees?" + q.Encode()))
	}
	lists := func(fields, values, ops string) url.Values {
		q := url.Values{"filterfieldids": {fields}, "filtervalues": {values}}
		if ops != "" {
			q.Set("operatortypes", ops)
		}
		return q
	}
	for _, c := range []struct {
		name string
		q    url.Values
		want int
	}{
		{"equal by default", lists("EmployeeId", "0001001", ""), 1},
		{"from", lists("EmployeeId", "0001021", "2"), 10},
		{"below", lists("EmployeeId", "0001003", "5"), 2},
		{"or", lists("EmployeeId;EmployeeId", "0001001;0001002", "1;1"), 2},
		{"and", lists("EmployeeId,EmployeeId", "0001005,0001008", "4,5"), 2},
		{"starts with, case folded", lists("EmailWork", "N.VANBEDACHT%", "10"), 1},
		{"not equal leaves null out", lists("EmailWork", "x", "7"), 27},
		{"empty", lists("EmailWork", "[is leeg]", "8"), 3},
		{"not empty", lists("EmailWork", "", "9"), 27},
		{"boolean", lists("Blocked", "true", ""), 2},
		{"json", url.Values{"filterjson": {`{"Filters":{"Filter":[{"@FilterId":"Filter 1","Field":[{"@FieldId":"EmployeeId","@OperatorType":"1","#text":"0001001"}]},` +
			`{"@FilterId":"Filter 2","Field":{"@FieldId":"EmployeeId","@OperatorType":"1","#text":"0001002"}}]}}`}}, 2},
	} {
		if got := count(c.q); got != c.want {
			t.Errorf("%s: %d rows, want %d", c.name, got, c.want)
		}
	}
	for name, q := range map[string]url.Values{
		"a Z in a date": lists("ModifiedDate", "2026-01-01T00:00:00Z", "2"), "uneven lists": lists("EmployeeId,OrgUnit", "1", ""),
		"an unknown operator": lists("EmployeeId", "1", "16"), "broken json": {"filterjson": {"{"}},
	} {
		p.refused(p.call("GET", "/connectors/Reception_Employees?"+q.Encode(), ""), "unexpected error")
		_ = name
	}
	p.refused(p.call("GET", "/connectors/Reception_Employees?"+lists("Nothing", "1", "").Encode(), ""), "'Nothing' not found")
	if a := p.call("GET", "/connectors/Reception_Employees?"+strings.Repeat("x", 2048), ""); a.status != http.StatusOK {
		t.Errorf("a query of 2049 bytes: %d", a.status)
	}
	if a := p.call("GET", "/connectors/Reception_Employees?"+strings.Repeat("x", 2049), ""); a.status != http.StatusNotFound || a.body != "" {
		t.Errorf("a query of 2050 bytes: %d %s", a.status, a.body)
	}
}

// TestTimes: what is shown is rounded and carries a false Z, what is compared
// is not rounded.
func TestTimes(t *testing.T) {
	p := start(t, afas.Options{})
	if err := p.Data.Update("employees", "0001005", map[string]any{"ModifiedDate": time.Date(2026, 11, 20, 23, 4, 11, 6e8, time.UTC)}); err != nil {
		t.Fatal(err)
	}
	row := p.rows("Reception_Employees?filterfieldids=EmployeeId&filtervalues=0001005")[0]
	if row["ModifiedDate"] != "2026-11-20T23:04:12Z" {
		t.Errorf("the time is shown as %v", row["ModifiedDate"])
	}
	since := func(s string) int {
		return len(p.rows("Reception_Employees?filterfieldids=EmployeeId,ModifiedDate&filtervalues=0001005," + s + "&operatortypes=1,2"))
	}
	if since("2026-11-20T23:04:12") != 0 || since("2026-11-20T23:04:11") != 1 {
		t.Errorf("from the second that is shown: %d rows; from one before: %d", since("2026-11-20T23:04:12"), since("2026-11-20T23:04:11"))
	}
	p.call("PUT", "/connectors/KnEmployee", `{"AfasEmployee":{"Element":{"@EmId":"0001005","Fields":{"FuDs":"Kok"}}}}`)
	row = p.rows("Reception_Employees?filterfieldids=EmployeeId&filtervalues=0001005")[0]
	if row["ModifiedDate"] != "2026-11-20T12:00:00Z" || row["JobTitle"] != "Kok" {
		t.Errorf("after a change at noon in Amsterdam: %v", row)
	}
}

func TestRowsAreWhole(t *testing.T) {
	p := start(t, afas.Options{})
	rows := p.rows("Reception_Employees?orderbyfieldids=EmployeeId")
	for _, row := range rows {
		if len(row) != 16 {
			t.Fatalf("a row has %d columns: %v", len(row), row)
		}
	}
	if v, ok := rows[8]["EmailWork"]; v != nil || !ok {
		t.Errorf("an empty column is %v, %v", v, ok)
	}
	if rows[0]["FirstName"] != "Noor" || rows[0]["LastName"] != "Bedacht" || rows[0]["EmployeeId"] != "0001001" {
		t.Errorf("the first row is %v", rows[0])
	}
	if v := p.rows("Sandbox_Replaced")[0]["OldField"]; v != "(replaced)" {
		t.Errorf("a column that is no more shows %v", v)
	}
	if v := p.rows("Reception_Participants?filterfieldids=CdId&filtervalues=1322")[0]["Price"]; v != json.Number("125.0000000000") {
		t.Errorf("a price is %v", v)
	}
}

func TestOldDecimals(t *testing.T) {
	p := start(t, afas.Options{Version: 6})
	a := p.call("GET", "/connectors/Sandbox_Corrections?orderbyfieldids=LineId", "")
	if !strings.Contains(a.body, `"Hours":-.50}`) || !strings.Contains(a.body, `"Hours":.25}`) || !strings.Contains(a.body, `"Hours":-12.50}`) {
		t.Errorf("old decimals: %s", a.body)
	}
	p = start(t, afas.Options{})
	if got := p.ids("Sandbox_Corrections?orderbyfieldids=LineId", "Hours"); !slices.Equal(got, []string{"-0.50", "7.75", "0.25", "0.00", "-12.50"}) {
		t.Errorf("decimals: %v", got)
	}
}

func TestWhoMayCall(t *testing.T) {
	p := start(t, afas.Options{Employees: 100})
	as := func(authorization string) answer {
		p.header.Set("Authorization", authorization)
		return p.call("GET", "/connectors/Reception_Employees?take=1000", "")
	}
	for _, bad := range []string{"", "AfasToken " + "YWJj", afas.Authorization(p.TokenData), "Bearer nothing", "Basic YTpi"} {
		if a := as(bad); a.status != http.StatusUnauthorized || a.header.Get("Content-Length") != "0" {
			t.Errorf("%q: %d %s", bad, a.status, a.body)
		}
	}
	if got := as("Bearer nothing").header.Get("WWW-Authenticate"); got != `Bearer error="invalid_token"` {
		t.Errorf("a wrong bearer is told %q", got)
	}
	p.refused(as("AfasToken "+p.Token), "unexpected error")
	as(afas.Authorization(p.LimitedToken))
	if n := len(p.rows("Reception_Employees?take=1000")); n == 0 || n > 30 {
		t.Errorf("a limited user sees %d of 100 rows", n)
	}
	as(afas.Authorization(p.LeftToken))
	if n := len(p.rows("Reception_Employees?take=1000")); n != 0 {
		t.Errorf("a user who left sees %d rows", n)
	}
}

func TestOAuth(t *testing.T) {
	now := noon()
	p := start(t, afas.Options{Now: func() time.Time { return now }})
	p.header.Set("Content-Type", "application/x-www-form-urlencoded")
	ask := func(id, secret string) answer {
		return p.call("POST", "/oauth/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {id}, "client_secret": {secret}}.Encode())
	}
	if a := ask(p.ClientID, "wrong"); a.status != http.StatusBadRequest || !strings.Contains(a.body, "invalid_client") {
		t.Errorf("a wrong secret: %d %s", a.status, a.body)
	}
	var token struct {
		Access string `json:"access_token"`
		Type   string `json:"token_type"`
		Life   int    `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(ask(p.ClientID, p.ClientSecret).body), &token); err != nil || token.Type != "Bearer" || token.Life != 3600 {
		t.Fatalf("%+v %v", token, err)
	}
	p.header.Set("Authorization", "Bearer "+token.Access)
	if a := p.call("GET", "/metainfo", ""); a.status != http.StatusOK {
		t.Errorf("with a token: %d", a.status)
	}
	now = now.Add(time.Hour)
	if a := p.call("GET", "/metainfo", ""); a.status != http.StatusUnauthorized {
		t.Errorf("an hour later: %d", a.status)
	}
}

func TestLimits(t *testing.T) {
	p := start(t, afas.Options{Employees: 9500})
	if n := len(p.rows("Reception_Employees?take=9374&orderbyfieldids=EmployeeId")); n != 9374 {
		t.Errorf("%d rows", n)
	}
	p.refused(p.call("GET", "/connectors/Reception_Employees?take=9375&orderbyfieldids=EmployeeId", ""), "Out of memory")
	p.refused(p.call("GET", "/connectors/Sandbox_Blocked", ""), "blocked")
	p.refused(p.call("GET", "/connectors/Sandbox_Unlisted", ""), "not supported for this app")
	p.refused(p.call("GET", "/connectors/reception_employees", ""), "not supported for this app")
	p.header.Set("Accept-Language", "nl-nl")
	p.refused(p.call("GET", "/connectors/Nothing", ""), "wordt niet ondersteund")
	if a := start(t, afas.Options{Unlisted: 401}).call("GET", "/connectors/Nothing", ""); a.status != http.StatusUnauthorized {
		t.Errorf("where 401 was asked for: %d", a.status)
	}
}

// TestConcurrent: the sixth call at a moment is refused.
func TestConcurrent(t *testing.T) {
	p := start(t, afas.Options{})
	inside, leave, statuses := make(chan struct{}), make(chan struct{}), make(chan int)
	for n := range 5 {
		p.Traffic.After(n+1, func() { inside <- struct{}{}; <-leave })
	}
	for range 5 {
		go func() { statuses <- p.call("GET", "/connectors/Sandbox_Replaced?take=1", "").status }()
		<-inside
	}
	p.refused(p.call("GET", "/connectors/Sandbox_Replaced?take=1", ""), "locked by another user")
	close(leave)
	for range 5 {
		if status := <-statuses; status != http.StatusOK {
			t.Errorf("one of five: %d", status)
		}
	}
}

// TestAddConnector: a connector of a test's own shows its values as they are.
func TestAddConnector(t *testing.T) {
	p := start(t, afas.Options{})
	err := p.AddConnector(dataset.Def{Name: "Own", Key: []string{"id"}, Columns: []dataset.Column{
		{Name: "id", Type: dataset.Int}, {Name: "raw", Type: dataset.Any},
	}}, dataset.Row{"id": 2, "raw": json.RawMessage("1.50")}, dataset.Row{"id": 1, "raw": json.RawMessage("123456789012345678901")})
	if err != nil {
		t.Fatal(err)
	}
	if a := p.call("GET", "/connectors/Own?orderbyfieldids=id", ""); a.body != `{"skip":0,"take":100,"rows":[{"id":1,"raw":123456789012345678901},{"id":2,"raw":1.50}]}` {
		t.Errorf("%d %s", a.status, a.body)
	}
	if _, err := p.Data.Insert("Own", dataset.Row{"id": 3}); err != nil {
		t.Fatal(err)
	}
	if n := len(p.rows("Own")); n != 3 {
		t.Errorf("%d rows", n)
	}
	if err := p.AddConnector(dataset.Def{Name: "Own"}); err == nil {
		t.Error("a connector is added twice")
	}
}

func TestMetainfo(t *testing.T) {
	p := start(t, afas.Options{})
	var list struct {
		Get []struct{ ID string } `json:"getConnectors"`
		Up  []struct{ ID string } `json:"updateConnectors"`
		Inf map[string]string     `json:"info"`
	}
	if err := json.Unmarshal([]byte(p.call("GET", "/metainfo", "").body), &list); err != nil {
		t.Fatal(err)
	}
	for _, c := range list.Get {
		if c.ID == "Sandbox_Unlisted" {
			t.Errorf("an unlisted connector is listed")
		}
	}
	if len(list.Get) < 10 || len(list.Up) < 6 || list.Inf["tokenExpiry"] != "0" {
		t.Errorf("%+v", list)
	}
	var got struct {
		Name   string
		Fields []struct {
			ID, FieldID, DataType string
			Decimals              int
		}
	}
	if err := json.Unmarshal([]byte(p.call("GET", "/metainfo/get/Reception_Participants", "").body), &got); err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, f := range got.Fields {
		types[f.ID] = fmt.Sprint(f.DataType, f.Decimals)
	}
	for id, want := range map[string]string{"CrId": "int0", "Price": "decimal10", "Present": "boolean0", "ModifiedDate": "date0", "Remark": "blob0", "BcCo": "string0"} {
		if types[id] != want {
			t.Errorf("%s is %s, want %s", id, types[id], want)
		}
	}
	a := p.call("GET", "/metainfo/update/KnCourseSessionMember", "")
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(a.body)); err != nil {
		t.Fatal(err)
	}
	want := `{"fieldId":"SeId","primaryKey":true,"dataType":"int","label":"Sessiecode","mandatory":true,"length":10,"decimals":0,"decimalFieldId":"","notzero":true,"controlType":5,"values":null}`
	if !strings.Contains(compact.String(), want) {
		t.Errorf("the fields of presences: %s\nwant one of them as %s", compact.String(), want)
	}
	if diff := cmp.Diff(`{"version":"7.7.10"}`, p.call("GET", "/profitversion", "").body); diff != "" {
		t.Errorf("version (-want +got)\n%s", diff)
	}
}
