package afas

import (
	"bytes"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"koppel/engine/connector"
	"koppel/engine/record"
	"koppel/internal/httpclient"
)

const data = "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"

func TestParseToken(t *testing.T) {
	whole := connector.Secret("<token><version>1</version><data>" + data + "</data></token>")
	for name, token := range map[string]string{
		"whole": string(whole), "data": data, "blanks": "  <token>\n <version>1</version>\n <data> " + data + " </data>\n</token>\n",
		"base64":     "PHRva2VuPjx2ZXJzaW9uPjE8L3ZlcnNpb24+PGRhdGE+MDEyMzQ1Njc4OUFCQ0RFRjAxMjM0NTY3ODlBQkNERUYwMTIzNDU2Nzg5QUJDREVGMDEyMzQ1Njc4OUFCQ0RFRjwvZGF0YT48L3Rva2VuPg==",
		"no version": "<token><data>" + data + "</data></token>",
	} {
		if got, err := ParseToken(connector.Secret(token)); err != nil || got != whole {
			t.Errorf("%s: %q, %v", name, string(got), err)
		}
	}
	for _, bad := range []string{"", "a b", "<token><version>1</version></token>", "<token>", "AfasToken " + data} {
		var field *connector.FieldError
		if _, err := ParseToken(connector.Secret(bad)); !errors.As(err, &field) || field.Field != "token" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, test := range map[string]struct {
		change func(c *Config)
		want   string
	}{
		"good":             {func(*Config) {}, ""},
		"no address":       {func(c *Config) { c.Environment = "" }, "environment is missing, and so is url"},
		"both":             {func(c *Config) { c.URL = "https://12345.rest.afas.online/ProfitRestServices" }, "url is given beside environment"},
		"a name":           {func(c *Config) { c.Environment = "O12345AA" }, "environment is no participant number"},
		"stage and url":    {func(c *Config) { c.Environment, c.URL, c.Stage = "", "https://x.example/P", "test" }, "stage is given beside url"},
		"SOAP":             {func(c *Config) { c.Environment, c.URL = "", "https://12345.soap.afas.online/profitservices" }, "url is that of the SOAP services"},
		"no path":          {func(c *Config) { c.Environment, c.URL = "", "https://12345.rest.afas.online" }, "url lacks the path /ProfitRestServices"},
		"two credentials":  {func(c *Config) { c.ClientID = "x" }, "token is given beside client_id"},
		"no credentials":   {func(c *Config) { c.Token = "" }, "token is missing"},
		"half of OAuth":    {func(c *Config) { c.Token, c.ClientID = "", "x" }, "client_secret is missing"},
		"too many at once": {func(c *Config) { c.MaxConcurrency = 6 }, "max_concurrency is not from 1 to 5"},
	} {
		c := Defaults()
		c.Environment, c.Token = "12345", data
		test.change(&c)
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestBaseURL(t *testing.T) {
	for stage, want := range map[string]string{
		"": "https://12345.rest.afas.online/ProfitRestServices", "production": "https://12345.rest.afas.online/ProfitRestServices",
		"test": "https://12345.resttest.afas.online/ProfitRestServices", "accept": "https://12345.restaccept.afas.online/ProfitRestServices",
	} {
		if got := (&Config{Environment: "12345", Stage: stage}).baseURL(); got != want {
			t.Errorf("%q: %s, want %s", stage, got, want)
		}
	}
}

func TestEncode(t *testing.T) {
	for name, test := range map[string]struct {
		filter Or
		want   string
	}{
		"none": {nil, "skip=0&take=5&orderbyfieldids=A,['B.c']"},
		"and":  {Or{{{"A", "=", "1"}, {"B", "<", "2026-01-01T00:00:00"}}}, "&filterfieldids=A,B&filtervalues=1,2026-01-01T00:00:00&operatortypes=1,5"},
		"or":   {Or{{{"A", ">=", "1"}}, {{"B", "!=", "x y+z&%"}}}, "&filterfieldids=A%3BB&filtervalues=1%3Bx%20y%2Bz%26%25&operatortypes=2%3B7"},
		"a comma in the value": {Or{{{"A", "=", "a,b"}}},
			`&filterjson={"Filters":{"Filter":[{"@FilterId":"Filter 1","Field":[{"@FieldId":"A","@OperatorType":"1","#text":"a,b"}]}]}}`},
		"no value": {Or{{{"A", "is_empty", ""}}},
			`&filterjson={"Filters":{"Filter":[{"@FilterId":"Filter 1","Field":[{"@FieldId":"A","@OperatorType":"8","#text":""}]}]}}`},
		"and within or": {Or{{{"A", "=", "1"}}, {{"A", "=", "2"}, {"B", "contains", "<é>"}}},
			`&filterjson={"Filters":{"Filter":[{"@FilterId":"Filter 1","Field":[{"@FieldId":"A","@OperatorType":"1","#text":"1"}]},{"@FilterId":"Filter 2","Field":[{"@FieldId":"A","@OperatorType":"1","#text":"2"},{"@FieldId":"B","@OperatorType":"6","#text":"<é>"}]}]}}`},
	} {
		got, err := Query{Filter: test.filter, OrderBy: []string{"A", "B.c"}, Take: 5}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(test.want, "filterjson") {
			if got, err = url.PathUnescape(got); err != nil {
				t.Fatal(err)
			}
		} else if test.want[0] == 's' {
			got = strings.NewReplacer("%5B", "[", "%5D", "]").Replace(got)
		}
		if !strings.HasSuffix(got, test.want) {
			t.Errorf("%s: (-want +got)\n%s", name, cmp.Diff(test.want, got))
		}
	}
	var tooLong *LengthError
	if _, err := (Query{Filter: Or{{{"A", "=", strings.Repeat("x", 2049)}}}}).Encode(); !errors.As(err, &tooLong) {
		t.Errorf("a long value: %v", err)
	}
}

func TestAnd(t *testing.T) {
	a, b, c := []Condition{{Field: "a"}}, []Condition{{Field: "b"}}, []Condition{{Field: "c"}}
	got := Or{a, b}.And(Or{c, {{Field: "d"}, {Field: "e"}}})
	want := Or{{{Field: "a"}, {Field: "c"}}, {{Field: "a"}, {Field: "d"}, {Field: "e"}}, {{Field: "b"}, {Field: "c"}}, {{Field: "b"}, {Field: "d"}, {Field: "e"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestFilterTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-20": "2026-11-20T00:00:00", "2026-11-20T10:00:00Z": "2026-11-20T10:00:00", "2026-11-20T10:00:00": "2026-11-20T10:00:00",
		"2026-11-20T10:00": "2026-11-20T10:00:00", "2026-07-01T10:00:00+00:00": "2026-07-01T12:00:00", "Arts": "Arts", "2026": "2026", "2026-13-01": "2026-13-01",
	} {
		if got := FilterTime(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestBefore holds every minute around both changes of the clock against the
// law: whatever happens from overlap before a moment on shows a time on the wall
// that is not below what Before gives.
func TestBefore(t *testing.T) {
	zone := amsterdam()
	wall := func(m time.Time) string { return Local(m) }
	for _, day := range []time.Time{time.Date(2026, 3, 28, 22, 0, 0, 0, zone), time.Date(2026, 10, 24, 22, 0, 0, 0, zone)} {
		for minute := range 8 * 60 {
			moment := day.Add(time.Duration(minute) * time.Minute)
			shown, ok := ParseShown(wall(moment))
			if !ok {
				t.Fatal(wall(moment))
			}
			for _, overlap := range []time.Duration{2 * time.Second, 10 * time.Minute, 3 * time.Hour} {
				from := Before(shown, overlap).Format(local)
				for later := -overlap; later < 4*time.Hour; later += time.Minute {
					if at := wall(moment.Add(later)); at < from {
						t.Fatalf("at %s, %s back: what happens at %s is below %s", wall(moment), overlap, at, from)
					}
				}
				if least := shown.Add(-overlap - 2*time.Hour).Format(local); from < least {
					t.Fatalf("at %s, %s back: %s is too early", wall(moment), overlap, from)
				}
			}
		}
	}
}

func TestParsePage(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"compact":  {`{"skip":0,"take":3,"rows":[{"a":1},{"a":"x\"]},{"}]}`, "0 3\n{\"a\":1}\n{\"a\":\"x\\\"]},{\"}\n"},
		"old":      {"{\n\"skip\": 2,\n\"take\": 2,\n\"rows\": [{\"LineId\":1,\"Hours\":-.5},\n{\"LineId\":2,\n\"Hours\": .75, \"Text\":\":.5\"}]}", "2 2\n{\"LineId\":1,\"Hours\":-0.5}\n{\"LineId\":2, \"Hours\": 0.75, \"Text\":\":.5\"}\n"},
		"empty":    {`{"skip":6,"take":3,"rows":[]}`, "6 3\n"},
		"order":    {`{"rows":[{}],"other":{"rows":[1]},"take":-1,"skip":0}`, "0 -1\n{}\n"},
		"no rows":  {`{"skip":0}`, ""},
		"cut":      {`{"skip":0,"take":3,"rows":[{"a":1},{"a":2}`, ""},
		"cut text": {`{"skip":0,"take":3,"rows":[{"a":"1},{"a":2}]}`, ""},
		"twice":    {`{"rows":[{}],"rows":[{}]}`, ""},
		"a list":   {`[{"a":1}]`, ""},
		"behind":   {`{"rows":[]} {"rows":[]}`, ""},
		"no row":   {`{"rows":[1]}`, ""},
		"a comma":  {`{"rows":[{},]}`, ""},
	} {
		page, err := ParsePage([]byte(test.body))
		got := ""
		if err == nil {
			got = strings.Join([]string{itoa(page.Skip), itoa(page.Take)}, " ") + "\n" + string(page.Lines)
			for i, row := range page.Rows {
				if !bytes.HasPrefix(page.Lines[page.Start[i]:], append(bytes.Clone(row), '\n')) {
					t.Errorf("%s: row %d does not begin at %d", name, i, page.Start[i])
				}
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", name, err, diff)
		}
	}
}

func itoa(n int) string {
	if n < 0 {
		return "-1"
	}
	return string(rune('0' + n))
}

func TestJudge(t *testing.T) {
	words := "The record is locked."
	for name, test := range map[string]struct {
		status int
		header map[string]string
		body   string
		want   httpclient.Verdict
	}{
		"rows":       {200, nil, `{"skip":0,"take":1,"rows":[{"externalMessage":"x"}]}`, httpclient.Verdict{}},
		"business":   {500, nil, `{"externalMessage":"` + words + `","errorNumber":-1,"profitLogReference":"AB"}`, httpclient.Verdict{Final: true, Words: words + " (profitLogReference AB)"}},
		"with 200":   {200, nil, `{"externalMessage":"` + words + `"}`, httpclient.Verdict{Failed: true, Final: true, Words: words}},
		"no rows":    {200, nil, `{"rows":[],"externalMessage":"` + words + `"}`, httpclient.Verdict{Failed: true, Final: true, Words: words}},
		"other form": {500, nil, `{"message":"Invalid json"}`, httpclient.Verdict{Final: true, Words: "Invalid json"}},
		"header":     {500, map[string]string{"X-Profit-Error": "VGhlIHJlY29yZCBpcyBsb2NrZWQu"}, ``, httpclient.Verdict{Final: true, Words: words}},
		"a gateway":  {502, nil, `<html>`, httpclient.Verdict{}},
		"busy":       {503, nil, `{"error":{"code":"503","message":"x"},"retry_after":7200}`, httpclient.Verdict{}},
		"IP rule":    {403, nil, ``, httpclient.Verdict{Credentials: true}},
	} {
		resp := &httpclient.Response{Status: test.status, Body: []byte(test.body), Header: map[string][]string{}}
		for name, value := range test.header {
			resp.Header.Set(name, value)
		}
		if diff := cmp.Diff(test.want, judge(resp)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add([]byte(`{"skip":0,"take":3,"rows":[{"a":-.5},{"b":"\\"}]}`))
	f.Add([]byte("{\n\"rows\" : [ {\"a\":[1,{}]} ,\n{} ] }"))
	f.Fuzz(func(t *testing.T, body []byte) {
		valid := record.Valid(body, record.Limits{}) == nil
		rows := 0
		if valid {
			record.Elements(record.Member(body, "rows"), func([]byte) bool { rows++; return true })
		}
		page, err := ParsePage(bytes.Clone(body))
		if err != nil {
			return
		}
		if n := bytes.Count(page.Lines, []byte{'\n'}); n != len(page.Rows) {
			t.Fatalf("%d lines of %d rows", n, len(page.Rows))
		}
		if valid && rows != len(page.Rows) {
			t.Fatalf("%d rows of %d", len(page.Rows), rows)
		}
		for _, row := range page.Rows {
			if err := record.Valid(row, record.Limits{}); valid && err != nil {
				t.Fatalf("a row is damaged: %v", err)
			}
		}
	})
}

func FuzzParseToken(f *testing.F) {
	f.Add(data)
	f.Add("<token><version>1</version><data>x</data></token>")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(connector.Secret(text))
		if err != nil {
			return
		}
		if again, err := ParseToken(token); err != nil || again != token {
			t.Fatalf("%q gives %q, and that %q: %v", text, string(token), string(again), err)
		}
	})
}

func BenchmarkParsePage(b *testing.B) {
	var body bytes.Buffer
	body.WriteString(`{"skip":0,"take":1000,"rows":[`)
	for i := range 1000 {
		if i > 0 {
			body.WriteByte(',')
		}
		body.WriteString(`{"EmployeeId":"0001001","PersonId":"2000101","FirstName":"Saar","Prefix":null,"LastName":"Voorbeeld","EmailWork":"s.voorbeeld@example.org","OrgUnit":"KAZ-01","JobTitle":"Verpleegkundige","HoursPerWeek":28.00,"FTE":0.7778,"EmploymentStart":"2019-03-01T00:00:00Z","EmploymentEnd":null,"Blocked":false,"ModifiedDate":"2026-03-29T02:41:07Z"}`)
	}
	body.WriteString("]}")
	scan := NewScanner([]string{"EmployeeId", "ModifiedDate"})
	b.SetBytes(int64(body.Len()))
	room := make([]byte, body.Len())
	for b.Loop() {
		page, err := ParsePage(room[:copy(room, body.Bytes())])
		if err != nil {
			b.Fatal(err)
		}
		for _, row := range page.Rows {
			if err := scan.Scan(row); err != nil {
				b.Fatal(err)
			}
		}
	}
}
